"""The types that are made from the contract say what it says."""

import pytest

from projects_api import schemas
from tools import make_schemas


def test_they_are_current():
    text = make_schemas.formatted(make_schemas.render())
    assert make_schemas.TARGET.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string", "nullable": True}, "str | None"),
        ({"type": "array", "items": {"type": "number"}}, "list[float]"),
        ({"type": "string", "enum": ["a", "b"]}, "Literal['a', 'b']"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"$ref": "#/components/schemas/ProjectId"}, "str"),
        ({"$ref": "#/components/schemas/Project"}, "Project"),
        ({"allOf": [{"$ref": "#/components/schemas/MemberRole"}], "default": "x"}, "MemberRole"),
        ({"oneOf": [{"type": "string"}, {"type": "boolean"}]}, "str | bool"),
        ({}, "Any"),
    ],
)
def test_the_type_of_a_schema(schema, kind):
    assert make_schemas.type_of(schema) == kind


def test_what_an_object_may_leave_out_is_told_apart():
    assert "signature" in schemas.TrainedModelEnvelope.__optional_keys__
    assert schemas.Project.__required_keys__ >= {"id", "name", "status"}
