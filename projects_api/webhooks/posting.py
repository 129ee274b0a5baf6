"""Posting: one request to an address that somebody else chose, in bounded time and memory."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore

from projects_api.models.outside.delivery import MAX_ANSWER_BYTES
from projects_api.webhooks.destinations import AddressRefused, Destinations
from projects_api.webhooks.signing import headers_of

SECONDS = 10.0
TOO_SLOW = f"The receiver did not answer within {SECONDS:g} seconds."
_FAULTS = (OSError, ssl.SSLError, httpcore.NetworkError, httpcore.TimeoutException)


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to nothing else."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface's name for it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._destinations.resolve(host.strip("[]"), port)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # The next address of the same name may answer.
        return await self._network.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(self, *_args: Any, **_options: Any) -> Any:
        raise AddressRefused("The server sends to no socket of its own machine.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Poster:
    """Sends signed messages; follows no redirect, uses no proxy, and keeps no connection."""

    def __init__(self, destinations: Destinations) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_keepalive_connections=0,
            network_backend=_Backend(destinations),
        )

    async def post(self, delivery: Mapping[str, Any]) -> dict[str, Any]:
        """Send a delivery; tell what was answered, or why nothing was."""
        answer = {"response_status": None, "response_body": None, "error": None}
        try:
            async with asyncio.timeout(SECONDS):
                return answer | await self._send(delivery)
        except TimeoutError:
            error = TOO_SLOW
        except AddressRefused as refused:
            error = refused.reason
        except httpcore.ConnectError:
            error = "The receiver took no connection, or has no certificate that is trusted."
        except _FAULTS:
            error = "The connection broke before there was an answer."
        except httpcore.ProtocolError:
            error = "The receiver answered something that is no HTTP."
        return answer | {"error": error}

    async def _send(self, delivery: Mapping[str, Any]) -> dict[str, Any]:
        body = delivery["body"].encode()
        headers = headers_of(delivery["secret"], delivery["id"], int(time.time()), body)
        headers |= {"content-type": "application/json", "user-agent": "projects-api"}
        sent = self._pool.stream(
            "POST", delivery["url"], headers=list(headers.items()), content=body
        )
        async with sent as response:
            start = bytearray()
            async for chunk in response.aiter_stream():
                start += chunk
                if len(start) >= MAX_ANSWER_BYTES:
                    break
        text = bytes(start[:MAX_ANSWER_BYTES]).decode("utf-8", "replace")
        return {"response_status": response.status, "response_body": text}

    async def close(self) -> None:
        """End all connections."""
        await self._pool.aclose()
