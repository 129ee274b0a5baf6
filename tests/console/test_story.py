"""The whole way in a browser: from a CSV file to what a model says of a row."""

import random
import re
from pathlib import Path

import requests
from playwright.sync_api import expect

from projects_api.pytest_plugin import ProjectsApiServer
from tests.console.conftest import Visitor


def table_of(rows: int) -> bytes:
    """Make a table whose label follows from a number and a colour, as nobody could miss."""
    chance = random.Random(7)
    lines = ["amount,colour,label"]
    for _ in range(rows):
        amount, colour = chance.randrange(100), chance.choice(["red", "blue"])
        lines.append(f"{amount},{colour},{'yes' if amount > 50 else 'no'}")
    return "\n".join(lines).encode()


def create(visitor: Visitor) -> None:
    """Make the project."""
    page = visitor.page
    visitor.visit("/projects")
    create = page.get_by_role("form", name="Create a project")
    create.get_by_label("Name").fill("A story")
    create.get_by_role("button").click()
    expect(page.locator("main > h1")).to_have_text("A story")


def upload(visitor: Visitor) -> None:
    """Upload the table and look at it."""
    page = visitor.page
    page.get_by_role("link", name="Data sets").click()
    form = page.get_by_role("form", name="Upload a table")
    chosen = {"name": "labels.csv", "mimeType": "text/csv", "buffer": table_of(400)}
    form.get_by_label("CSV or Parquet file").set_input_files(chosen)
    form.get_by_role("button", name="Upload").click()
    expect(page.locator("main > h1")).to_have_text("labels.csv")
    expect(page.get_by_text("20 of 400 rows, 3 of 3 columns")).to_be_visible()
    assert visitor.violations() == []


def train(visitor: Visitor) -> None:
    """Train on it, watching, and open the best model."""
    page = visitor.page
    page.get_by_role("link", name="Train models on it").click()
    start = page.get_by_role("form", name="Start an experiment")
    expect(start.get_by_label("Column to predict").get_by_role("option")).to_have_count(4)
    start.get_by_label("Column to predict").select_option("label")
    expect(start.get_by_label("Kind of prediction")).to_have_value("classification")
    start.get_by_label("Seconds at most").fill("20")
    start.get_by_label("Models at most").fill("2")
    start.get_by_role("button", name="Start").click()
    expect(page.locator("main > h1")).to_have_text("Predict label")
    # It goes on by itself: nobody loads the page anew.
    first = page.get_by_role("region", name="Leaderboard").get_by_role("link").first
    first.wait_for(timeout=240_000)
    assert visitor.violations() == []
    name = first.inner_text()
    first.click()
    expect(page.locator("main > h1")).to_have_text(name)


def ask(visitor: Visitor, server: ProjectsApiServer) -> None:
    """Ask the model about two rows, and compare with the answer to a program."""
    page = visitor.page
    form = page.get_by_role("form", name="Ask the model")
    answer = page.locator(".answer")
    for amount, label in (("95", "yes"), ("5", "no")):
        form.get_by_label("amount").fill(amount)
        form.get_by_label("colour").fill("red")
        form.get_by_role("button", name="Ask").click()
        expect(answer).to_have_text(f"label: {label}")
    model_id = page.url.rpartition("/")[2]
    said = requests.post(
        f"{server.base_url}/api/models/{model_id}/predict",
        json={"inputs": {"amount": 5, "colour": "red"}},
        headers=server.headers(),
        timeout=60,
    ).json()["predictions"][0]
    shares = page.get_by_role("list", name="Probabilities").locator(".bar-value")
    shown = [float(re.sub("[^0-9.]", "", one)) for one in shares.all_inner_texts()]
    expected = [100 * one for one in said["probabilities"].values()]
    assert all(abs(a - b) <= 0.05 + 1e-9 for a, b in zip(shown, expected, strict=True))


def ask_about_all(visitor: Visitor) -> None:
    """Ask about the whole table; its answers are a data set with a column more, and back."""
    page, model = visitor.page, visitor.page.url
    form = page.get_by_role("form", name="Ask about a table")
    form.get_by_label("Name of the answers").fill("answers")
    form.get_by_role("button").click()
    expect(page.locator("main > h1")).to_have_text("answers", timeout=60_000)
    heads = page.get_by_role("region", name="First rows").get_by_role("columnheader")
    expect(heads.filter(has_text="prediction")).to_have_count(1)
    expect(page.get_by_text("20 of 400 rows")).to_be_visible()
    visitor.visit(model.partition("#")[2])


def deploy(visitor: Visitor) -> None:
    """Deploy it, move it, and take it out of service."""
    page = visitor.page
    form = page.get_by_role("form", name="Deploy")
    form.get_by_label("Name").fill("Live")
    form.get_by_role("button", name="Deploy").click()
    expect(page.locator("main > h1")).to_have_text("Live")
    page.get_by_role("button", name="Put it into production").click()
    expect(page.get_by_text("production", exact=True)).to_be_visible()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("inactive", exact=True)).to_be_visible()


def take_away(visitor: Visitor) -> Path:
    """Export the project, and delete it, its name typed wrong at first."""
    page = visitor.page
    visitor.visit(visitor.page.url.partition("#")[2])
    page.get_by_role("link", name="Project", exact=True).click()
    page.get_by_role("link", name="Settings").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Export").click()
    assert saved.value.suggested_filename.endswith(".zip")
    page.get_by_text("Delete this project").click()
    delete = page.get_by_role("form", name="Delete this project")
    delete.get_by_label("Name").fill("Another story")
    delete.get_by_role("button").click()
    expect(delete.get_by_role("alert")).to_contain_text("That is not its name")
    delete.get_by_label("Name").fill("A story")
    delete.get_by_role("button").click()
    expect(page.locator("main > h1")).to_have_text("Projects")
    expect(page.get_by_role("link", name="A story")).to_have_count(0)
    return Path(saved.value.path())


def bring_back(visitor: Visitor, archive: Path) -> None:
    """Import what was exported."""
    page = visitor.page
    home = page.get_by_role("form", name="Import a project")
    home.get_by_label("Archive").set_input_files(archive)
    home.get_by_role("button", name="Import").click()
    expect(page.locator("main > h1")).to_have_text("A story", timeout=60_000)


def test_from_a_csv_file_to_a_prediction(opened, projects_api_session_server):
    with opened("owner") as visitor:
        create(visitor)
        upload(visitor)
        train(visitor)
        ask(visitor, projects_api_session_server)
        ask_about_all(visitor)
        deploy(visitor)
        bring_back(visitor, take_away(visitor))
