"""Another application on the engine: nothing of the engine knows what a project is."""

from copy import deepcopy

import pytest
import schemathesis
from structlog.testing import capture_logs

from projects_api.contract.resolver import MismatchError
from tests.contract_engine.client import Client
from tests.contract_engine.library.rules import LibraryRules, application, contract

CARD = {"Authorization": "Bearer card-of-ann"}
schema = schemathesis.openapi.from_dict(contract(), config=schemathesis.Config())


@pytest.fixture(scope="module")
def client():
    with Client(application()) as client:
        yield client


@pytest.fixture
def book(client):
    return client.post("/books", json={"title": "Emma"}, headers=CARD).json()


@schema.parametrize()
def test_schemathesis_finds_no_fault(case, client):
    case.call_and_validate(base_url=client.url, headers=CARD)


class TestRequests:
    def test_what_is_left_out_is_the_default(self, book):
        assert book == {"book_id": book["book_id"], "title": "Emma", "pages": 100, "lent_to": None}

    def test_a_resource_is_where_its_location_says(self, client):
        made = client.post("/books", json={"title": "Emma"}, headers=CARD)
        assert client.get(made.headers["Location"]).json() == made.json()

    def test_a_patch_changes_what_it_names(self, client, book):
        path = f"/books/{book['book_id']}"
        changed = client.patch(path, json={"pages": 474}, headers=CARD)
        assert (changed.status_code, changed.json()) == (200, {**book, "pages": 474})
        assert client.get(path).json() == changed.json()

    def test_an_id_may_be_written_in_capitals(self, client, book):
        assert client.get(f"/books/{book['book_id'].upper()}").json() == book

    @pytest.mark.parametrize("book_id", ["17", "a%2Fb", "6b9e1c9e-0c39-4c5b-8c5e-1de0cf3a5c11"])
    def test_what_names_no_book(self, client, book_id):
        problem(client.get(f"/books/{book_id}"), 404, "book-not-found")

    def test_a_path_that_is_none(self, client):
        problem(client.get("/readers"), 404, "not-found")

    def test_a_method_that_is_none_is_told_all_that_are(self, client, book):
        answer = client.delete(f"/books/{book['book_id']}")
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == "GET, HEAD, PATCH, OPTIONS"

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("limit=0", "/limit"),
            ("limit=x", "/limit"),
            ("limit=1&limit=2", "/limit"),
            ("lent=1", "/lent"),
        ],
    )
    def test_a_query_that_breaks_the_contract(self, client, query, pointer):
        found = problem(client.get(f"/books?{query}"), 422, "contract-violation")
        assert found["errors"][0]["pointer"] == pointer

    @pytest.mark.parametrize(
        "body", [{}, {"title": ""}, {"title": "x", "colour": 1}, {"title": None}]
    )
    def test_a_body_that_breaks_the_contract(self, client, body):
        problem(client.post("/books", json=body, headers=CARD), 422, "contract-violation")

    def test_a_file_arrives_and_is_sent(self, client, book):
        path = f"/books/{book['book_id']}/cover"
        put = client.put(path, files={"file": ("c.png", b"\x89PNG")}, headers=CARD)
        assert put.json() == {"size": 4}
        assert client.get(path).content == b"\x89PNG"

    def test_a_file_beyond_the_limit_of_its_operation(self, client, book):
        path = f"/books/{book['book_id']}/cover"
        put = client.put(path, files={"file": ("c.png", b"x" * 1001)}, headers=CARD)
        problem(put, 413, "too-large")

    def test_the_tag_of_a_body(self, client, book):
        path = f"/books/{book['book_id']}"
        tag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
        client.patch(path, json={"title": "Persuasion"}, headers=CARD)
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


class TestRules:
    @pytest.mark.parametrize(
        "header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Ann"}]
    )
    def test_who_has_no_card_may_not_write(self, client, header):
        answer = client.post("/books", json={"title": "Emma"}, headers=header)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="library"'

    def test_a_problem_of_a_handler(self, client, book):
        path, until = f"/books/{book['book_id']}/loan", {"until": "2026-12-24"}
        assert client.post(path, json=until, headers=CARD).json() == {"reader": "Ann", **until}
        problem(client.post(path, json=until, headers=CARD), 409, "book-lent")

    def test_a_problem_that_no_operation_declares_is_ours(self, client):
        """The rules know what to say of a broken shelf; the contract does not."""
        with capture_logs() as logs:
            answer = client.post("/books", json={"title": "broken shelf"}, headers=CARD)
        problem(answer, 500, "internal-error")
        assert {"closed", "undeclared_problem"} <= {line["event"] for line in logs}

    def test_an_answer_that_breaks_the_contract_is_not_sent(self, client):
        with capture_logs() as logs:
            answer = client.post("/books", json={"title": "torn page"}, headers=CARD)
        problem(answer, 500, "internal-error")
        assert "response_breaks_contract" in {line["event"] for line in logs}

    def test_they_are_told_what_an_operation_is(self):
        rules = LibraryRules()
        application(rules=rules)
        cover = rules.operations["put_cover"]
        assert (cover.method, cover.takes_file, cover.sends_file) == ("put", True, False)
        assert cover.names == {"book_id", "file"}
        assert cover.taken == {"books", "book_id", "file"}
        assert rules.operations["get_cover"].sends_file
        assert rules.operations["get_book"].headers == {"if-none-match"}


def change(*path, **values):
    """Change a place of the contract."""

    def changed():
        whole = contract()
        place = whole["paths"]
        for name in path:
            place = place[name]
        place.update(deepcopy(values))
        return whole

    return changed


BOOKS, LEND = ("/books", "get"), ("/books/{book_id}/loan", "post")
TEXT = {"description": "x", "content": {"text/plain": {"schema": {"type": "string"}}}}


class TestStart:
    """What the engine cannot hold requests to is refused by name, before anything is served."""

    @pytest.mark.parametrize(
        ("changed", "match"),
        [
            (change("/books", trace={"operationId": "x"}), "trace /books|x: the method TRACE"),
            (change(*BOOKS, tags=[]), "list_books: an operation without operationId or tag"),
            (change(*BOOKS, servers=[{"url": "/v2"}]), "list_books: `servers` of its own"),
            (
                change(*BOOKS, parameters=[{"name": "c", "in": "cookie", "schema": {}}]),
                "list_books: the parameter c in cookie",
            ),
            (
                change(*BOOKS, parameters=[{"name": "c", "in": "query", "content": {}}]),
                "list_books: the parameter c without a schema",
            ),
            (
                change(
                    *BOOKS,
                    parameters=[
                        {"name": "c", "in": "query", "schema": {"type": "array", "items": {}}}
                    ],
                ),
                "list_books: the parameter c of the type array",
            ),
            (
                change(
                    *BOOKS,
                    parameters=[
                        {
                            "name": "c",
                            "in": "query",
                            "style": "pipeDelimited",
                            "schema": {"type": "string"},
                        }
                    ],
                ),
                "list_books: the parameter c in the style pipeDelimited",
            ),
            (
                change(
                    *LEND, requestBody={"required": True, "content": {"text/csv": {"schema": {}}}}
                ),
                "lend_book: a body of text/csv",
            ),
            (
                change(*LEND, "requestBody", required=False),
                "lend_book: a body that may be left out",
            ),
            (
                change(
                    *LEND,
                    "requestBody",
                    "content",
                    "application/json",
                    schema={"type": "array", "items": {}},
                ),
                "lend_book: a body that is no object with properties",
            ),
            (change(*LEND, "responses", **{"201": TEXT}), "lend_book: 2 successes instead of one"),
            (change(*BOOKS, responses={}), "list_books: 0 successes instead of one"),
            (
                change(*LEND, "responses", **{"200": {"description": "x"}}),
                "lend_book: a success without content",
            ),
        ],
    )
    def test_what_is_not_supported(self, changed, match):
        with pytest.raises(MismatchError, match=match):
            application(changed())

    def test_a_key_that_is_no_bearer_token(self):
        whole = contract()
        whole["components"]["securitySchemes"]["card"] = {
            "type": "apiKey",
            "in": "query",
            "name": "k",
        }
        with pytest.raises(MismatchError, match="the security scheme card, which is no bearer"):
            application(whole)

    def test_a_key_that_may_be_left_out(self):
        whole = contract()
        whole["security"] = [{"card": []}, {}]
        with pytest.raises(MismatchError, match="lend_book: a security that may be left out"):
            application(whole)

    def test_if_none_match_needs_a_tag(self):
        whole = contract()
        del whole["paths"]["/books/{book_id}"]["get"]["responses"]["200"]["headers"]
        with pytest.raises(MismatchError, match="get_book takes If-None-Match but gives no ETag"):
            application(whole)

    def test_a_limit_that_the_rules_do_not_have(self):
        whole = contract()
        whole["paths"]["/books/{book_id}/cover"]["put"]["requestBody"]["x-limited-by"] = "y"
        with pytest.raises(MismatchError, match="no rule limits a file by y"):
            application(whole)


def problem(answer, status: int, slug: str):
    """Check a problem and return it."""
    found = answer.json()
    assert (answer.status_code, found["type"]) == (status, f"urn:library:problem:{slug}"), found
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "request_id" not in found, "no layer has given the request one"
    return found
