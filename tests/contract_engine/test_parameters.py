"""What the text of a parameter stands for, by its type."""

import pytest

from projects_api.contract.parameters import Parameter, Parameters, UnknownResource, describe
from projects_api.contract.problems import ContractViolation


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "boolean"}, "False", "False"),
        ({"type": "boolean"}, "1", "1"),
        ({"type": "integer"}, "0", 0),
        ({"type": "integer"}, "-17", -17),
        ({"type": "integer"}, "9223372036854775807", 2**63 - 1),
        ({"type": "integer"}, "1" + "0" * 18, 10**18),
        ({"type": "integer"}, "1" + "0" * 19, "1" + "0" * 19),
        ({"type": "integer"}, "007", "007"),
        ({"type": "integer"}, "1.0", "1.0"),
        ({"type": "integer"}, " 1", " 1"),
        ({"type": "number"}, "-1.5e3", -1500.0),
        ({"type": "number"}, "10", 10.0),
        ({"type": "number"}, "1.", "1."),
        ({"type": "number"}, ".5", ".5"),
        ({"type": "number"}, "nan", "nan"),
        ({"type": "string"}, "TRUE", "TRUE"),
        ({"type": "string", "format": "uuid"}, "ABCDEF", "abcdef"),
    ],
)
def test_decode(schema, text, value):
    declared = {"name": "X-Word", "in": "query", "schema": schema}
    decoded = Parameter.from_contract(declared).decode(text)
    assert (type(decoded), decoded) == (type(value), value)


@pytest.mark.parametrize(
    ("location", "name", "required"), [("query", "X-Word", False), ("header", "x-word", True)]
)
def test_names_of_headers_have_no_case(location, name, required):
    declared = {"name": "X-Word", "in": location, "schema": {"type": "string"}}
    found = Parameter.from_contract(declared | ({"required": True} if required else {}))
    assert (found.name, found.location, found.required) == (name, location, required)


def test_a_type_that_nothing_decodes_is_refused():
    with pytest.raises(KeyError):
        Parameter.from_contract({"name": "x", "in": "query", "schema": {"type": "object"}})


def declared(name: str, location: str = "query", **more):
    return {"name": name, "in": location, "schema": {"type": "integer", "minimum": 1}, **more}


LIMIT = declared("limit", required=True)
PAGE = {**declared("page"), "schema": {"type": "integer", "minimum": 1, "default": 7}}


def decoded(query: bytes, *declarations):
    return Parameters(declarations).decode({"path_params": {}, "query_string": query})


def test_a_query_is_what_it_says_and_the_defaults():
    assert decoded(b"limit=3", LIMIT, PAGE) == {"limit": 3, "page": 7}
    assert decoded(b"page=2&limit=3&other=x", LIMIT, PAGE) == {"limit": 3, "page": 2}
    assert decoded(b"", PAGE) == {"page": 7}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (b"page=2", ["query /limit: is required"]),
        (b"", ["query /limit: is required"]),
        (b"limit=1&limit=1", ["query /limit: is given more than once"]),
        (b"limit=0&page=x", ["query /limit: 0 is less than", 'query /page: "x" is not of type']),
        (b"limit=%ff", ["query: cannot be decoded"]),
        (b"limit=\xff", ["query: cannot be decoded"]),
        (b"limit=1" + b"&o=" * 100, ["query: cannot be decoded"]),
    ],
)
def test_a_query_that_breaks_the_contract_is_told_all_that_is_wrong(query, told):
    with pytest.raises(ContractViolation) as refused:
        decoded(query, LIMIT, PAGE)
    faults = [f"{one['location']} {one['pointer']}".strip() for one in refused.value.errors]
    assert faults == [text.partition(":")[0] for text in told]
    for text in told:
        assert text in str(refused.value)


def test_a_hundred_parameters_are_the_most():
    assert decoded(b"limit=1" + b"&o=" * 99, LIMIT) == {"limit": 1}


def test_what_no_path_names():
    parameters = Parameters([declared("number", "path", required=True)])
    scope = {"path_params": {"number": "3"}, "query_string": b""}
    assert parameters.decode(scope) == {"number": 3}
    for text in ("0", "x"):
        with pytest.raises(UnknownResource) as unknown:
            parameters.decode({**scope, "path_params": {"number": text}})
        assert unknown.value.name == "number"


def test_a_header_that_comes_twice_is_one_list():
    words = {"name": "X-Words", "in": "header", "schema": {"type": "string", "maxLength": 4}}
    parameters = Parameters([words])
    assert parameters.decode_headers({"headers": [(b"x-words", b"a"), (b"other", b"b")]}) == {
        "x-words": "a"
    }
    twice = {"headers": [(b"x-words", b"a"), (b"x-words", b"b")]}
    assert parameters.decode_headers(twice) == {"x-words": "a, b"}
    with pytest.raises(
        ContractViolation, match='header /x-words: "a, b, c" is longer than 4'
    ) as refused:
        parameters.decode_headers({"headers": [*twice["headers"], (b"x-words", b"c")]})
    assert len(refused.value.errors) == 1


def test_what_is_told_of_many_faults_is_bounded():
    faults = [{"location": "body", "pointer": "/a", "message": "x" * 100}] * 100
    assert describe(faults[:2]) == f"Mend the request: body /a: {'x' * 100}; body /a: {'x' * 100}."
    assert len(describe(faults)) == 2000
