"""Connexion's inner parts do what the engine relies on; a new version that moves one fails here."""

import asyncio
import inspect

import pytest
from connexion import ConnexionMiddleware
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.routing import RoutingMiddleware as ConnexionRouting
from connexion.spec import OpenAPISpecification

from projects_api.contract import connexion_seams as seams
from projects_api.contract.routing import RoutingMiddleware
from tests.contract_engine.library.rules import application, contract


def test_connexion_asks_our_check_of_the_contract():
    assert inspect.ismethod(OpenAPISpecification._validate_spec)
    wrong = {**contract(), "info": {"title": 1, "version": "1"}}
    with pytest.raises(ValueError, match="is not of type"):
        seams.CheckedSpecification(wrong)


def test_our_check_refuses_what_connexions_own_does():
    class Slow(OpenAPISpecification):
        pass

    wrong = {**contract(), "paths": {"books": {}}}
    for specification in (Slow, seams.CheckedSpecification):
        with pytest.raises(Exception, match="books"):
            specification(wrong)


def test_operations_are_compiled_before_the_first_request(monkeypatch):
    compiled = []
    make = seams.OperationsAPI.make_operation

    def noted(self, operation):
        compiled.append(operation.operation_id)
        return make(self, operation)

    monkeypatch.setattr(seams.OperationsAPI, "make_operation", noted)
    assembled = application()
    assert sorted(compiled) == sorted(
        ["list_books", "add_book", "get_book", "change_book", "put_cover", "get_cover", "lend_book"]
    )
    assert isinstance(assembled, ConnexionMiddleware)
    assert assembled.middleware_stack is not None


def test_routing_leaves_the_mark_that_connexions_own_leaves():
    def mark_of(routing):
        marked = {}

        async def note(scope, _receive, _send):
            marked.update(scope["extensions"][ROUTING_CONTEXT], path_params=scope["path_params"])

        layer = routing(note)
        resolver = seams.HandlerResolver(lambda _operation_id: note)
        layer.add_api(seams.CheckedSpecification(contract()), base_path="", resolver=resolver)
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/books/6b9e1c9e-0c39-4c5b-8c5e-1de0cf3a5c11",
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "extensions": {},
        }
        asyncio.run(layer(scope, None, None))
        return marked

    ours, theirs = mark_of(RoutingMiddleware), mark_of(ConnexionRouting)
    assert ours["operation_id"] == theirs["operation_id"] == "get_book"
    assert ours["api_base_path"] == theirs["api_base_path"]
    assert ours["path_params"] == {
        name: str(value) for name, value in theirs["path_params"].items()
    }
