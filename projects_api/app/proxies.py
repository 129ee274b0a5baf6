"""What proxies before the server say of a caller, and what they have taken off its paths."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAIR = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,\s"]*)\s*([;,]|$)')
_NODE = re.compile(r"\[(?P<v6>[^\]]*)\](?::\w+)?|(?P<v4>[0-9.]+)(?::\w+)?|(?P<bare>[0-9A-Fa-f:.]+)")
_SCHEMES = {"http", "https"}
Address = IPv4Address | IPv6Address


class ProxiesMiddleware:
    """Takes address and scheme of a caller from `Forwarded`, or else from `X-Forwarded-*`.

    Only of a trusted proxy: anybody else could write what they like. Each proxy adds whom it saw
    at the end, so that the caller is the last who is no trusted proxy.
    """

    def __init__(self, app: ASGIApp, *, trusted: Iterable[str]) -> None:
        self.app = app
        self._networks = [ip_network(one, strict=False) for one in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as its caller sent it to the first proxy."""
        if scope["type"] == "http" and scope.get("client"):
            peer = _address(scope["client"][0])
            if peer and self._trusts(peer):
                self._believe(scope, peer)
        await self.app(scope, receive, send)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _believe(self, scope: Scope, peer: Address) -> None:
        scheme = None
        for hop, said in reversed(_hops(scope)):
            if not self._trusts(peer):
                break
            scheme = said or scheme
            address = _address(hop)
            if address is None:
                break
            peer = address
        scope["client"] = (str(peer), 0)
        if scheme in _SCHEMES:
            scope["scheme"] = scheme


def _hops(scope: Scope) -> list[tuple[str, str]]:
    """Return for each proxy, the nearest last, whom it saw and by what scheme."""
    if forwarded := _joined(scope, b"forwarded"):
        return _parse_forwarded(forwarded)
    callers = [one.strip() for one in _joined(scope, b"x-forwarded-for").split(",")]
    schemes = [one.strip().lower() for one in _joined(scope, b"x-forwarded-proto").split(",")]
    # Not every proxy adds to the schemes; the last is the nearest one's.
    schemes = schemes if len(schemes) == len(callers) else schemes[-1:] * len(callers)
    return list(zip(callers, schemes, strict=True))


def _joined(scope: Scope, wanted: bytes) -> str:
    values = (value.decode("latin-1") for name, value in scope["headers"] if name == wanted)
    return ",".join(values)


def _parse_forwarded(text: str) -> list[tuple[str, str]]:
    """Parse the elements of RFC 7239, section 4; what is none of it says nothing."""
    found: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None:
            return []
        found[-1][pair[1].lower()] = re.sub(r"\\(.)", r"\1", pair[2].strip('"'))
        if pair[3] == ",":
            found.append({})
        at = pair.end()
    return [(one.get("for", ""), one.get("proto", "").lower()) for one in found]


def _address(node: str) -> Address | None:
    parts = _NODE.fullmatch(node.strip())
    try:
        found = ip_address(parts["v6"] or parts["v4"] or parts["bare"]) if parts else None
    except ValueError:
        return None
    # A socket of both families sees ::ffff:10.0.0.1 where others see 10.0.0.1.
    return getattr(found, "ipv4_mapped", None) or found


class PrefixMiddleware:
    """Puts the path of the public URL, which a proxy takes off, before paths in `Location`."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self.app = app
        self._prefix = prefix.rstrip("/").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def put(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, self._prefix + value)
                    if name.lower() == b"location" and value.startswith(b"/")
                    else (name, value)
                    for name, value in message.get("headers", ())
                ]
            await send(message)

        await self.app(scope, receive, put)
