"""Names: what can be seen, by what Unicode says, and what turns the direction of text."""

import unicodedata

import pytest

from projects_api.contract.checker import Checker
from projects_api.contract.visible import cleaned, fault

NAME = {"type": "string", "maxLength": 255, "x-visible": True, "nullable": True}
SEEN = [
    *(
        "Forschung",
        "\u0646\u0627\u0645\u200c\u0647\u0627",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u05e9\u05dc\u05d5\u05dd",
    ),
    *(
        "\u0915\u094d\u200d\u0937",
        "\u2764\ufe0f",
        "\ufeffa",
        "  x",
        "e\u0301",
        "\u1112\u1161\u11ab",
        "1",
        "-",
    ),
]
UNSEEN = [
    "\u200b",
    " \u200b ",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\u3164",
    "\u2800",
    "\u034f",
    "\ufe0f",
    "\u200d",
]
UNSEEN += ["\U000e0041", "\U000e0100", "\u180e", "\u115f\u1160", "\uffa0", "\u2028", "\u2063\u2064"]
TURNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""The property Bidi_Control of Unicode 15."""


@pytest.mark.parametrize("text", SEEN)
def test_what_can_be_seen_is_a_name(text):
    assert fault(text) is None
    assert cleaned(text) == text
    assert Checker(NAME, of_requests=True).accepts(text)


@pytest.mark.parametrize("text", UNSEEN)
def test_what_cannot_be_seen_is_none(text):
    assert fault(text) == "needs at least one character that can be seen"
    assert cleaned(text) == ""
    (found,) = Checker(NAME, of_requests=True).faults({"name": text}["name"], "body", "name")
    assert found["message"] == fault(text)


def test_no_name_turns_the_direction_of_what_stands_around_it():
    for turn in TURNS:
        assert f"U+{ord(turn):04X}" in fault(f"ab{turn}c")
        assert cleaned(f"a{turn}b") == "ab"
        assert cleaned(turn) == ""
        # Every one of them is a format character, and no joiner is.
        assert unicodedata.category(turn) == "Cf"


def test_answers_and_archives_may_have_names_from_before():
    for text in (*UNSEEN, "a\u202eb"):
        assert Checker(NAME).accepts(text)
    assert Checker(NAME, of_requests=True).accepts(None)
