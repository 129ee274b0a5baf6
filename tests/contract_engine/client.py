"""A server of an application in a thread of this process, and requests to it."""

import threading
from typing import Any, Self

import requests
import uvicorn


class Client:
    """Sends requests to an application while a block runs."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(
            application, port=0, lifespan="on", log_config=None, access_log=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            self._thread.join(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def __getattr__(self, method: str) -> Any:
        return lambda path, **more: requests.request(
            method, f"{self.url}{path}", timeout=30, **more
        )
