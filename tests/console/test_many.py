"""However much there is, a page asks for what it shows, and shows it."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert, select

from projects_api.models import project
from projects_api.models.base import new_id
from projects_api.models.trained_model import trained_models
from projects_api.settings import Settings
from tests.conftest import running
from tests.console.conftest import LOOKS, Visitor

PROJECTS, MODELS = 10_000, 200


@pytest.fixture
def many(browser, tmp_path):
    """A person with 10,000 projects, the newest of which has 200 models, and their browser."""
    url = f"sqlite:///{tmp_path / 'many.db'}"
    settings = Settings(_env_file=None, database_url=url, data_dir=tmp_path)
    with running(settings) as server, browser.new_context(**LOOKS["light"]) as context:
        person = server.person()
        with server.services.database.transaction() as connection:
            for number in range(PROJECTS - 1):
                name = f"Project {number}"
                project.create(connection, owner_id=person.user_id, name=name, description="")
        project_id = person.create_project("The newest")
        version_id = person.upload(project_id).json()["dataset_version_id"]
        experiment_id = server.add_experiment(project_id, version_id)
        with server.services.database.transaction() as connection:
            mine = trained_models.c.experiment_id == experiment_id
            row = dict(connection.execute(select(trained_models).where(mine)).mappings().one())
            for number in range(1, MODELS):
                more = {"id": new_id(), "name": f"GBM {number + 1}", "is_best": False}
                connection.execute(insert(trained_models), {**row, **more})
        visitor = Visitor(context.new_page(), server.url)
        asked: list[str] = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        yield visitor, person, experiment_id, asked


def test_lists_ask_for_one_page(many):
    visitor, person, experiment_id, asked = many
    page = visitor.page
    visitor.sign_in(person.key)
    rows = page.get_by_role("region", name="Projects", exact=True).locator("tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.first).to_contain_text("The newest")
    expect(page.get_by_text("1 to 25 of 10,000")).to_be_visible()
    listed = [url for url in asked if "/api/projects?" in url]
    # One at the door, to see whether the key is good.
    assert [url.partition("limit=")[2].partition("&")[0] for url in listed] == ["1", "25"]
    asked.clear()
    visitor.visit(f"/experiments/{experiment_id}")
    shown = page.get_by_role("region", name="Leaderboard").locator("tbody tr")
    assert 1 <= shown.count() <= MODELS
    assert len([url for url in asked if "/api/models" in url]) <= 2
    assert len(asked) <= 20
    assert visitor.complaints == []
