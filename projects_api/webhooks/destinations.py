"""Destinations: which addresses the server sends to, so that nobody reaches others through it.

What counts is the address that a name stands for. It is looked up when a webhook is registered, and
once more for every connection, which then goes to the very address that was judged: a name that
stands for something else a moment later changes nothing.
"""

import asyncio
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

LOOKUP_SECONDS = 5.0
LOOKUPS_AT_ONCE = 8
MAX_TOLD = 253
"""Letters of a host that are repeated: no name that there is has more (RFC 1035)."""
_PORTS = {"http": 80, "https": 443}
_UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given to anybody (RFC 4291, 2.4): what is outside is local, or nobody's."""
_SPECIAL = tuple(
    map(
        ip_network,
        (
            *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
            *("192.175.48.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48"),
            "3fff::/20",
        ),
    )
)
"""Of protocols, relays and examples, by the registries of IANA for special purposes.

Here beside what Python knows, for that differs from version to version.
"""
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}
"""What stands before an IPv4 address in an interface's id (RFC 5214, 6.1), behind any prefix."""


class AddressRefused(Exception):
    """The server does not send there; `reason` is a sentence for whoever registers it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Destinations:
    """Judges addresses; with `allow_private` any of them will do, and plain HTTP, too."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._pool = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    def check(self, url: str) -> None:
        """Judge where a URL leads now; raises AddressRefused. It waits for names."""
        host, port = self._parts(url)
        if self._allow_private:
            return
        try:
            found = self._lookup(host, port).result(LOOKUP_SECONDS)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise _unknown(host) from error
        self._judge(host, found)

    async def resolve(self, host: str, port: int) -> list[str]:
        """Look up the addresses to connect to; raises AddressRefused if one of them is refused."""
        try:
            lookup = asyncio.wrap_future(self._lookup(host, port))
            found = await asyncio.wait_for(lookup, LOOKUP_SECONDS)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise _unknown(host) from error
        if not self._allow_private:
            self._judge(host, found)
        return found

    def close(self) -> None:
        """Look up nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _parts(self, url: str) -> tuple[str, int]:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise AddressRefused("The address is no URL.") from error
        if parts.scheme == "http" and not self._allow_private:
            raise AddressRefused("The address must begin with https://.")
        if not parts.hostname or _says_too_much(parts) or port == 0:
            raise AddressRefused(
                "The address needs a host, and neither user, password nor fragment."
            )
        return parts.hostname, port or _PORTS[parts.scheme]

    def _lookup(self, host: str, port: int) -> Future[list[str]]:
        return self._pool.submit(_addresses, host, port)

    @staticmethod
    def _judge(host: str, found: list[str]) -> None:
        if not found or not all(map(is_public, found)):
            raise AddressRefused(f"The host {host[:MAX_TOLD]} is not in the public internet.")


def _says_too_much(parts: SplitResult) -> bool:
    return parts.username is not None or parts.password is not None or bool(parts.fragment)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _unknown(host: str) -> AddressRefused:
    return AddressRefused(f"The host {host[:MAX_TOLD]} is unknown.")


def is_public(text: str) -> bool:
    """Return whether an address is one of the public internet, and of one machine.

    One of IPv6 that an IPv4 address stands in, by its form, is none: where it leads depends on the
    network.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if any(address in network for network in _SPECIAL):
        return False
    return isinstance(address, IPv4Address) or _is_unicast(address)


def _is_unicast(address: IPv6Address) -> bool:
    return address in _UNICAST and int(address) >> 32 & 0xFFFF_FFFF not in _ISATAP
