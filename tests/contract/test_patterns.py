"""Patterns mean the same to every language whose clients check them, Ruby's among them."""

import json
import re
import shutil
import subprocess

import jsonschema_rs
import pytest

from projects_api.openapi import contract
from tools.contract_tree import Place, schemas

CONTRACT = Place(contract())
PATTERNS = sorted({one.value["pattern"] for one in schemas(CONTRACT) if "pattern" in one})
NAME = CONTRACT["components"]["schemas"]["Name"]["pattern"].value
NAMES = {
    "a": True,
    " a ": True,
    "\u00e9": True,
    "\u00a1": True,
    "\u00a0x": True,
    "\u30c6": True,
    "\U0001f600": True,
    "": False,
    " ": False,
    "\t\r\n": False,
    "\u00a0": False,
    "\x7f": False,
    "\x80\x9f": False,
    " \u00a0\x85": False,
    "a\x00": False,
}
# What they print is an array, for each pattern one of what it says of each text.
RUBY = """
require "json"
patterns, texts = JSON.parse(STDIN.read)
compiled = patterns.map { |pattern| eval("# encoding: utf-8\\n/#{pattern.gsub("/", "\\\\/")}/") }
puts JSON.dump(compiled.map { |one| texts.map { |text| one.match?(text) } })
"""
NODE = """
const [patterns, texts] = JSON.parse(require("fs").readFileSync(0));
const compiled = patterns.map(one => new RegExp(one, "u"));
console.log(JSON.stringify(compiled.map(one => texts.map(text => one.test(text)))));
"""


def by_program(command: str, *arguments: str) -> list[list[bool]]:
    if not shutil.which(command):
        pytest.skip(f"{command} is not installed")
    ended = subprocess.run(
        [command, *arguments],
        input=json.dumps([PATTERNS, list(NAMES)]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_server_takes_what_is_a_name():
    checker = jsonschema_rs.Draft4Validator({"type": "string", "pattern": NAME})
    assert {text: checker.is_valid(text) for text in NAMES} == NAMES


def test_python_reads_them():
    pattern = re.compile(NAME)
    assert {text: bool(pattern.search(text)) for text in NAMES} == NAMES
    assert all(map(re.compile, PATTERNS))


@pytest.mark.parametrize("command", [("ruby", "-e", RUBY), ("node", "-e", NODE)])
def test_other_languages_read_them_alike(command):
    told = by_program(*command)
    assert len(told) == len(PATTERNS)
    assert dict(zip(NAMES, told[PATTERNS.index(NAME)], strict=True)) == NAMES
