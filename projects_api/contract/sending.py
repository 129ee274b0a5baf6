"""Sending: an answer to the connection, a file piece by piece."""

import asyncio
from collections.abc import Generator, Iterator

from anyio import to_thread
from starlette.types import Receive, Send

from projects_api.contract.responses import Answer, File


async def send_answer(
    answer: Answer, receive: Receive, send: Send, *, with_body: bool = True
) -> None:
    """Send an answer. A file that fails midway breaks the connection, for nothing else tells.

    Without its body it has the same status and headers.
    """
    if answer.file and with_body:
        await _send_file(answer, answer.file, receive, send)
        return
    if answer.file:
        await _try_file(answer.file)
    headers = _encoded(answer.headers)
    if answer.body:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})


async def _try_file(file: File) -> None:
    """Begin to read a file and end, so that what fails at once is a problem here, too."""
    try:
        await to_thread.run_sync(_next, file.chunks)
    finally:
        await to_thread.run_sync(_finish, file)


async def discard(answer: Answer) -> None:
    """Send nothing of an answer."""
    if answer.file:
        await to_thread.run_sync(_finish, answer.file)


async def _send_file(answer: Answer, file: File, receive: Receive, send: Send) -> None:
    gone = asyncio.create_task(_wait_until_gone(receive))
    try:
        # The first piece before the status, so that a store that fails at once is a problem.
        piece = await to_thread.run_sync(_next, file.chunks)
        start = {"type": "http.response.start", "status": answer.status}
        await send({**start, "headers": _encoded(answer.headers)})
        while not gone.done() and (following := await to_thread.run_sync(_next, file.chunks)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            piece = following
    finally:
        gone.cancel()
        await to_thread.run_sync(_finish, file)
    # Last, so that whoever has the whole file finds nothing of its sending left behind.
    await send({"type": "http.response.body", "body": piece})


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _next(chunks: Iterator[bytes]) -> bytes:
    return next((chunk for chunk in chunks if chunk), b"")


def _finish(file: File) -> None:
    # A caller who left early leaves a generator in the midst of its work, with its own clean-up.
    if isinstance(file.chunks, Generator):
        file.chunks.close()
    file.finish()


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
