"""Ten planted faults: each is found, once, as they pass and in a recording of them."""

import json
import subprocess
from xml.etree import ElementTree as ET

import pytest
import requests

from tests.conformance.conftest import OPERATIONS, checking, serving
from tests.conformance.plants import KEY, PLANTS, SOUND, PlantedServer
from tests.support.processes import COMMAND, PATIENCE


def send(url: str, plant) -> requests.Response:
    headers = {"X-Plant": plant.name, "Authorization": f"Bearer {KEY}"}
    return requests.request(
        plant.method, url + plant.target, headers=headers, json=plant.body, timeout=PATIENCE
    )


def expected(plant) -> str:
    side, location, pointer = plant.found
    where = f"{location} {pointer}".strip()
    return f"{plant.operation}: {side} {where}: "


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """What the proxy says of all plants, and the files that it wrote."""
    folder = tmp_path_factory.mktemp("plants")
    files = ("--har", "traffic.har", "--junit", "junit.xml")
    with serving(PlantedServer()) as upstream:
        with checking(folder, upstream, *files) as checked:
            for plant in [*SOUND, *PLANTS]:
                assert send(checked.url, plant).content == send(upstream, plant).content
        return folder, checked


def test_each_is_found_once_with_its_request(passed):
    _, checked = passed
    *lines, summary = checked.lines
    assert summary == f"15 exchanges, 4 of {OPERATIONS} operations, 11 violations"
    assert len(lines) == len(PLANTS) == 11
    for line, plant in zip(lines, PLANTS, strict=True):
        assert line.startswith(f"{plant.method} {plant.target} "), plant.name
        assert expected(plant) in line, plant.name
    assert checked.status == 1


def test_the_recording_gives_the_same_list(passed):
    folder, checked = passed
    run = subprocess.run(
        [COMMAND, "check", "traffic.har", "--junit", "again.xml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.stdout.splitlines() == checked.lines
    assert run.returncode == 1
    assert (folder / "again.xml").read_text() == (folder / "junit.xml").read_text()


def test_the_recording_has_every_exchange_and_no_key(passed):
    folder, _ = passed
    text = (folder / "traffic.har").read_text()
    assert KEY not in text
    log = json.loads(text)["log"]
    assert log["version"] == "1.2"
    assert len(log["entries"]) == len(PLANTS) + len(SOUND)
    last = log["entries"][-1]
    assert {"name": "authorization", "value": "Bearer [redacted]"} in last["request"]["headers"]
    assert last["request"]["queryString"] == [{"name": "limit", "value": "-1"}]
    assert last["response"]["status"] == 200
    created = log["entries"][len(SOUND)]
    assert json.loads(created["request"]["postData"]["text"]) == {"name": "Churn"}


def test_junit_has_a_case_for_each_operation(passed):
    folder, _ = passed
    (suite,) = ET.parse(folder / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (
        *(str(OPERATIONS + 1), "4", str(OPERATIONS - 3)),
    )
    cases = {case.get("name"): case for case in suite}
    for operation in {plant.operation for plant in PLANTS}:
        failure = cases[operation].find("failure")
        assert failure is not None
        quoted = (failure.text or "").splitlines()
        wanted = [plant for plant in PLANTS if plant.operation == operation]
        for plant, line in zip(wanted, quoted, strict=True):
            assert expected(plant) in line
    assert cases["delete_project"].find("skipped") is not None


@pytest.mark.parametrize(("side", "count"), [("request", 1), ("response", 10)])
def test_one_side_alone(passed, side, count):
    folder, _ = passed
    run = subprocess.run(
        [COMMAND, "check", "traffic.har", "--only", side],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert f", {count} violations" in run.stdout
