"""Rows that a model is asked about: coerced, or refused with a pointer to each fault."""

import json

import pytest

from projects_api.engines.inputs import InputRefused, bucket, check_rows

SIGNATURE = {
    "target": "survived",
    "problem_type": "classification",
    "labels": [0, 1],
    "inputs": [
        {"name": "age", "kind": "number", "categories": None},
        {"name": "alone", "kind": "boolean", "categories": None},
        {"name": "port/of~call", "kind": "category", "categories": ["S", "C"]},
        {"name": "boarded", "kind": "date", "categories": None},
        {"name": "remark", "kind": "text", "categories": None},
    ],
}


def test_values_come_back_in_their_kinds():
    row = {
        "age": 4,
        "alone": False,
        "port/of~call": "Atlantis",
        "boarded": "1912-04-10T14:00:00+02:00",
        "remark": "none",
    }
    assert check_rows(SIGNATURE, [row]) == [
        {
            "age": 4.0,
            "alone": False,
            "port/of~call": "Atlantis",
            "boarded": "1912-04-10T12:00:00",
            "remark": "none",
        }
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-3-1", "2024-03-01T00:00:00"),
        ("2024-01-02 1:00", "2024-01-02T01:00:00"),
        ("2024-1-2T1:00:05.25", "2024-01-02T01:00:05.250000"),
        ("2024-01-02 1:00Z", "2024-01-02T01:00:00"),
        ("2024-01-02 01:00 UTC", "2024-01-02T01:00:00"),
        ("2024-01-02 1:00+02:00", "2024-01-01T23:00:00"),
    ],
)
def test_dates_may_be_written_as_in_tables(text, moment):
    (row,) = check_rows(SIGNATURE, [{"boarded": text}])
    assert row["boarded"] == moment


@pytest.mark.parametrize("text", ["2024-13-1", "2024-1-2 25:00", "2024-1-2 1:00 CET", "1:00"])
def test_what_no_table_takes_for_a_date_is_refused(text):
    with pytest.raises(InputRefused, match="ISO 8601"):
        check_rows(SIGNATURE, [{"boarded": text}])


def test_missing_fields_are_null_and_unknown_ones_are_left_out():
    checked = check_rows(SIGNATURE, [{"age": None, "survived": 1, "id": "x"}])
    assert checked == [dict.fromkeys(["age", "alone", "port/of~call", "boarded", "remark"])]


def test_what_marked_missing_values_in_training_does_so_here():
    signature = {**SIGNATURE, "missing": ["", "n/a"]}
    row = {"age": "n/a", "alone": "", "port/of~call": "n/a", "boarded": "n/a", "remark": "none"}
    (checked,) = check_rows(signature, [row])
    assert checked == {**dict.fromkeys(checked), "remark": "none"}


def test_a_row_without_any_known_field_is_refused():
    with pytest.raises(InputRefused) as refused:
        check_rows(SIGNATURE, [{"age": 1}, {}, {"Age": 1}])
    assert [pointer for pointer, _ in refused.value.faults] == ["/1", "/2"]
    assert "age, alone" in refused.value.faults[0][1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age", "4"),
        ("age", True),
        ("age", float("nan")),
        ("age", float("-inf")),
        ("age", 10**400),
        ("age", [1]),
        ("alone", 1),
        ("alone", "true"),
        ("port/of~call", 3),
        ("port/of~call", {}),
        ("boarded", "yesterday"),
        ("boarded", 19120410),
        ("boarded", "0001-01-01T00:00:00+14:00"),
        ("remark", False),
    ],
)
def test_a_wrong_type_is_refused_with_its_place(name, value):
    with pytest.raises(InputRefused) as refused:
        check_rows(SIGNATURE, [{"age": 1}, {name: value}])
    [(pointer, message)] = refused.value.faults
    assert pointer == "/1/" + {"port/of~call": "port~1of~0call"}.get(name, name)
    assert message.startswith("must be ")


def test_all_faults_are_told_at_once():
    with pytest.raises(InputRefused) as refused:
        check_rows(SIGNATURE, [{"age": "x", "alone": "y"}, {"remark": 1}])
    assert [pointer for pointer, _ in refused.value.faults] == ["/0/age", "/0/alone", "/1/remark"]
    json.dumps(refused.value.faults)


@pytest.mark.parametrize(
    ("kind", "value", "heap"),
    [
        ("boolean", True, "true"),
        ("boolean", False, "false"),
        ("date", "1912-04-10T12:00:00", "1912-04"),
        ("category", "S", "S"),
        ("text", "", "0"),
        ("text", "four words of text", "1-4"),
        ("text", "word " * 60, "50+"),
    ],
)
def test_values_are_counted_in_heaps(kind, value, heap):
    assert bucket(kind, value) == heap
