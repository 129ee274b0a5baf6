"""What the text of a parameter stands for, by its type."""

import pytest

from projects_api.contract.parameters import Parameter


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
