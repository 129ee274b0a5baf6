"""Every page, for who may do all and for who may only look: readable by anybody, and true."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.console.conftest import LOOKS
from tests.console.places import DATASET, DEPLOYMENT, EXPERIMENT, MODEL, PLACES, PROJECT, REPORT

FOR_OPERATORS = {"people", "server jobs", "server audit"}
ANYBODYS = {"projects", "teams", "accounts", "usage", "keys", "nowhere"}
REFUSED = {
    "owner": FOR_OPERATORS,
    "viewer": FOR_OPERATORS | {"audit", "webhooks"},
    "operator": set(),
}


@pytest.fixture(scope="module")
def of_api(projects_api_session_server):
    def get(path: str, **query: object) -> dict:
        answer = requests.get(
            f"{projects_api_session_server.base_url}/api{path}",
            params=query,
            headers=projects_api_session_server.headers(),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


@pytest.fixture(
    scope="module", params=[("owner", "light"), ("viewer", "dark"), ("operator", "dark")], ids=str
)
def visitor(request, opened):
    role, look = request.param
    with opened(role, look) as visitor:
        visitor.role = role
        yield visitor


@pytest.mark.parametrize("name", PLACES)
def test_anybody_can_read_it(visitor, name):
    if visitor.role == "operator" and name not in FOR_OPERATORS | ANYBODYS:
        pytest.skip("who operates the server is no member for that")
    visitor.visit(PLACES[name])
    page = visitor.page
    assert page.locator("main > h1").count() == 1
    name_of_it = re.escape(page.locator("main > h1").inner_text())
    expect(page).to_have_title(re.compile(name_of_it))  # It follows the heading.
    assert visitor.violations() == []
    refused = page.get_by_role("alert")
    if name in REFUSED[visitor.role]:
        assert re.search(r"Request [0-9a-f]{32}", refused.inner_text())
    else:
        assert refused.count() == 0, refused.all_inner_texts()
    # On a telephone nothing but tables goes sideways.
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1200, "height": 900})


class Words(HTMLParser):
    """The words of a document's body, as another reader than the browser's finds them."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.text, self._is_shown = "", False
        self.feed(document)
        self.found = self.text.split()

    def handle_starttag(self, tag, attrs):
        self._is_shown = tag != "style" and (self._is_shown or tag == "body")

    def handle_endtag(self, tag):
        self._is_shown = self._is_shown or (tag == "style" and bool(self.text))

    def handle_data(self, data):
        self.text += data if self._is_shown else ""


def facts_of(page) -> dict[str, str]:
    names = page.locator(".facts dt").all_inner_texts()
    return dict(zip(names, page.locator(".facts dd").all_inner_texts(), strict=True))


def cells_of(table) -> list[list[str]]:
    rows = table.locator("tbody tr")
    return [rows.nth(at).locator("td").all_inner_texts() for at in range(rows.count())]


class TestContent:
    def test_project_and_its_timeline(self, owner, of_api):
        owner.visit(PLACES["project"])
        project = of_api(f"/projects/{PROJECT}")["project"]
        facts = facts_of(owner.page)
        assert facts["Data sets"] == str(project["dataset_count"])
        assert facts["Models"] == str(project["model_count"])
        events = of_api(f"/projects/{PROJECT}/timeline")["events"]
        shown = owner.page.locator(".timeline a")
        assert shown.all_inner_texts() == [one["name"] for one in events]
        moments = owner.page.locator(".timeline time")
        assert [moments.nth(at).get_attribute("datetime") for at in range(len(events))] == [
            one["timestamp"] for one in events
        ]

    def test_dataset(self, owner, of_api):
        owner.visit(PLACES["dataset"])
        page = owner.page
        assert facts_of(page)["Rows"] == f"{of_api(f'/datasets/{DATASET}')['dataset']['rows']:,}"
        rows = of_api(f"/datasets/{DATASET}/rows", limit=20)["rows"]
        shown = cells_of(page.get_by_role("region", name="First rows"))
        assert shown == [["" if v is None else str(v) for v in row] for row in rows]
        column = of_api(f"/datasets/{DATASET}/analyze")["distributions"][4]
        assert column["top_values"]
        bars = page.get_by_role("list", name=f"Values of {column['name']}").get_by_role("listitem")
        top = column["top_values"][0]
        assert bars.first.inner_text().split("\n") == [top["value"], f"{top['count']:,}"]
        issue = of_api(f"/datasets/{DATASET}/quality")["quality"]["issues"][0]
        assert page.get_by_text(issue["message"]).count() == 1

    def test_leaderboard(self, owner, of_api):
        owner.visit(PLACES["experiment"])
        models = of_api("/models", project_id=PROJECT, experiment_id=EXPERIMENT)["items"]
        shown = cells_of(owner.page.get_by_role("region", name="Leaderboard"))
        assert [float(row[2]) for row in shown] == [
            pytest.approx(one["metrics"]["auc"], rel=1e-4) for one in models
        ]
        log = of_api(f"/experiments/{EXPERIMENT}/logs")["logs"]
        assert owner.page.locator("pre").inner_text().split("\n") == (log or ["Nothing yet."])

    def test_model(self, owner, of_api):
        owner.visit(PLACES["model"])
        evaluation = of_api(f"/models/{MODEL}/evaluation")["evaluation"]
        matrix = owner.page.locator(".confusion td strong").all_inner_texts()
        expected = [f"{one:,}" for row in evaluation["confusion"]["matrix"] for one in row]
        assert matrix == expected
        line = owner.page.get_by_role("img", name="ROC curve").locator("polyline").first
        points = [point.split(",") for point in (line.get_attribute("points") or "").split()]
        # From the corner at the lower left to that at the upper right of the axes.
        assert [(float(x) - 46) / 264 for x, _ in points] == pytest.approx(
            [x for x, _ in evaluation["roc"][0]["points"]]
        )
        assert [(282 - float(y)) / 272 for _, y in points] == pytest.approx(
            [y for _, y in evaluation["roc"][0]["points"]]
        )
        top = of_api(f"/models/{MODEL}/explain")["explanation"]["permutation_importance"][0]
        bars = owner.page.get_by_role("list", name="Permutation importance")
        assert bars.get_by_role("listitem").first.inner_text().split("\n")[0] == top["feature"]

    def test_deployment(self, owner, of_api):
        owner.visit(PLACES["deployment"])
        drift = of_api(f"/mlops/deployments/{DEPLOYMENT}/drift")["drift"]
        shown = cells_of(owner.page.get_by_role("region", name="Drift of each input"))
        assert [row[0] for row in shown] == [one["name"] for one in drift["features"]]
        assert [row[2] for row in shown] == [
            one["verdict"].replace("_", " ") for one in drift["features"]
        ]

    def test_report(self, owner, projects_api_session_server):
        owner.visit(PLACES["report"])
        text = requests.get(
            f"{projects_api_session_server.base_url}/api/reports/{REPORT}/download",
            headers=projects_api_session_server.headers(),
            timeout=60,
        ).content.decode()
        owner.page.locator(".report h2").first.wait_for()
        shown = owner.page.locator(".report").evaluate("one => one.shadowRoot.textContent")
        assert shown.split() == Words(text).found
        assert owner.page.locator(".report svg").count() == text.count("<svg")


@pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="SCREENSHOTS names no folder")
@pytest.mark.parametrize("look", LOOKS)
def test_screenshots(opened, look):
    folder = Path(os.environ["SCREENSHOTS"])
    with opened("", look) as visitor:
        visitor.page.goto(visitor.base_url)
        visitor.page.locator("main > h1").wait_for()
        visitor.page.screenshot(path=folder / f"sign-in-{look}.png", full_page=True)
    with opened("owner", look) as visitor:
        for name, place in PLACES.items():
            visitor.visit(place)
            visitor.page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
