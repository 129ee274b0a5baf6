"""How much of a table is looked at, by value: what is just within a bound, and what is beyond."""

import re
import unicodedata

import pytest

from projects_api.tables import description
from projects_api.tables.facts import NotATable
from projects_api.tables.header import header_evidence, is_header
from projects_api.tables.signatures import refuse_other_text
from projects_api.tables.split import split_by
from tests.tables.reading_of import read

WORDS, NUMBERS = ["w"], ["1"]


@pytest.mark.parametrize(
    ("width", "looked_at"), [(1, 200), (500, 200), (501, 199), (1000, 100), (10_000, 10)]
)
def test_a_name_is_judged_by_the_first_rows_below_it(width, looked_at):
    first = ["name"] * width
    numbers = [NUMBERS] * (looked_at * 4 // 5 + (looked_at % 5 > 0))
    rows = [*numbers, *[WORDS] * (looked_at - len(numbers))]
    assert header_evidence([first, *rows, WORDS], ()) == 1
    assert header_evidence([first, *rows[1:], WORDS, NUMBERS], ()) == 0


def test_a_table_wider_than_all_has_ten_rows_looked_at():
    first = ["name"] * 20_000
    assert header_evidence([first, *[NUMBERS] * 8, *[WORDS] * 3], ()) == 1
    assert header_evidence([first, *[NUMBERS] * 7, *[WORDS] * 3, NUMBERS], ()) == 0


@pytest.mark.parametrize("width", [4, 300])
def test_counts_in_order_name_as_many_columns_as_there_are(width):
    first = ["", *(str(10 * number) for number in range(1, width))]
    below = [[name, *(str(width - n) for n in range(1, width))] for name in ("a", "b")]
    assert is_header([first, *below], ())
    assert not is_header([["x", *first[1:]], *below], ())


def test_a_sample_has_a_thousand_rows():
    text = "a,b\n" * 1002
    assert len(split_by(text, complete=True, delimiter=",").rows) == 1000
    # Of a text that goes on, the last row may be cut off, unless there are as many.
    assert len(split_by(text, complete=False, delimiter=",").rows) == 1000
    assert len(split_by("a,b\n" * 1000, complete=False, delimiter=",").rows) == 1000
    assert len(split_by("a,b\n" * 999, complete=False, delimiter=",").rows) == 998
    assert len(split_by("a,b\n", complete=False, delimiter=",").rows) == 1


KEPT = "\t\n\r\x0c\x01\x1f\x1a"
"""Controls that end lines or pages, delimit, or end a file of DOS."""


@pytest.mark.parametrize("code", [n for n in range(256) if n not in range(128, 160)])
def test_only_control_characters_make_a_text_binary(code):
    text = f"a,b{chr(code) * 3}\n1,2\n"
    if unicodedata.category(chr(code)) == "Cc" and chr(code) not in KEPT:
        with pytest.raises(NotATable, match="control characters"):
            refuse_other_text(text)
    else:
        refuse_other_text(text)


@pytest.mark.parametrize(("length", "most"), [(20, 2), (200, 2), (300, 3), (1000, 10)])
def test_some_control_characters_are_let_through(length, most):
    refuse_other_text("\x02" * most + "x" * (length - most))
    with pytest.raises(NotATable, match="control characters"):
        refuse_other_text("\x02" * (most + 1) + "x" * (length - most - 1))


@pytest.mark.parametrize(("content", "rows"), [("name\nAnn\n", 1), ("5\n6\n", 2)])
def test_two_lines_are_a_table_and_one_is_none(content, rows):
    assert read(content).facts.rows == rows
    with pytest.raises(NotATable, match="a single value"):
        read(content.partition("\n")[0])


def test_rows_that_all_stand_between_blank_lines():
    found = read("a,\n\nb,\n\nc,\n")
    assert found.rows == [{"a": "b", "column_2": None}, {"a": "c", "column_2": None}]


@pytest.mark.parametrize("wrong", [1, 9, 10, 11])
def test_the_first_ten_lines_that_are_wrong_are_named(wrong):
    content = "a,b\n1,2\n" + "1,2,3\n" * wrong + "3,4\n" * 50
    with pytest.raises(NotATable) as refused:
        read(content)
    named = re.findall(r"[Ll]ine (\d+) ", str(refused.value))
    assert named == [str(3 + number) for number in range(min(wrong, 10))]
    assert ("first ten" in str(refused.value)) is (wrong >= 10)


@pytest.mark.parametrize("rows", [3, 300])
def test_what_is_missing_is_counted_in_tables_of_any_length(rows):
    found = read("a,b\n" + "1,2\n" * (rows - 1) + "1,\n")
    full, short = found.described["columns"]
    assert (full["nullable"], full["missing_count"]) == (False, 0)
    assert (short["nullable"], short["missing_count"]) == (True, 1)


@pytest.mark.parametrize("cells", [1, 8, 1000])
def test_columns_are_described_alike_however_many_at_a_time(monkeypatch, cells):
    rows = [f"{n % 3},{n}.5,2024-01-0{n + 1},w{n % 2},{n * n}" for n in range(4)]
    content = "a,b,c,d,e\n" + "\n".join(rows) + "\n"
    at_once = read(content).described
    monkeypatch.setattr(description, "CELLS_PER_PASS", cells)
    assert read(content).described == at_once
    means = [column["mean"] for column in at_once["columns"]]
    assert means == [0.75, 2.0, None, None, 3.5]
