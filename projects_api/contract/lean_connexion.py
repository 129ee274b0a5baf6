"""Connexion without the libraries that it imports for features that this server does not use.

It imports, at once, clients of HTTP for contracts and tokens from elsewhere, templates for
contracts, a client for tests and, where it is installed, Flask: half of the processor time of its
import. While Connexion is imported, stand-ins are in their place, which import the real ones when
somebody uses them. This is the only module that imports Connexion.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

_CLIENTS_AND_TEMPLATES = ("httpx", "jinja2", "requests")
_NAMES = {"starlette.testclient": "TestClient", "starlette.templating": "Jinja2Templates"}
_OPTIONAL = "flask"


class _Later(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks; nobody else does
            raise AttributeError(name)
        return getattr(_real(self), name)


class _LaterNamed(ModuleType):
    """A module of which one name is imported at once, and called when it is used."""

    def __init__(self, module: str, name: str) -> None:
        super().__init__(module)

        # Its attributes are looked up when it is called: that imports it.
        def call(*given: Any, **named: Any) -> Any:
            return getattr(_real(self), name)(*given, **named)

        setattr(self, name, call)


def _real(stand_in: ModuleType) -> Any:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
    return import_module(stand_in.__name__)


@contextmanager
def _unused_left_out() -> Iterator[None]:
    """Put stand-ins in the place of what is not imported yet, while a block imports Connexion."""
    every: list[ModuleType] = [_Later(name) for name in _CLIENTS_AND_TEMPLATES]
    every += [_LaterNamed(module, name) for module, name in _NAMES.items()]
    stand_ins: dict[str, Any] = {one.__name__: one for one in every}
    # To Connexion it is then as in an installation without it, which is the usual one.
    stand_ins[_OPTIONAL] = None
    ours = {name: one for name, one in stand_ins.items() if name not in sys.modules}
    sys.modules.update(ours)
    try:
        yield
    finally:
        for name, one in ours.items():
            # Who imports them from now on gets the real ones.
            if name in sys.modules and sys.modules[name] is one:
                del sys.modules[name]


with _unused_left_out():
    from connexion import ConnexionMiddleware
    from connexion.lifecycle import ConnexionRequest, ConnexionResponse
    from connexion.middleware.abstract import (
        ROUTING_CONTEXT,
        RoutedAPI,
        RoutedMiddleware,
        SpecMiddleware,
    )
    from connexion.middleware.exceptions import ExceptionMiddleware
    from connexion.middleware.lifespan import LifespanMiddleware
    from connexion.middleware.main import API
    from connexion.operations import AbstractOperation
    from connexion.resolver import Resolver
    from connexion.spec import OpenAPISpecification, Specification

__all__ = [
    "API",
    "ROUTING_CONTEXT",
    "AbstractOperation",
    "ConnexionMiddleware",
    "ConnexionRequest",
    "ConnexionResponse",
    "ExceptionMiddleware",
    "LifespanMiddleware",
    "OpenAPISpecification",
    "Resolver",
    "RoutedAPI",
    "RoutedMiddleware",
    "SpecMiddleware",
    "Specification",
]
