"""The page of the contract in a browser: what it fills in, what it sends, how it looks."""

import pytest
from playwright.sync_api import expect

from tests.console.places import PROJECT


def open_page(visitor, *operations: str):
    """Open the page, and operations of it to be tried."""
    page = visitor.page
    page.goto(f"{visitor.base_url}/docs")
    page.locator(".opblock").first.wait_for()
    for name in operations:
        block = page.locator(f"[id^=operations-][id$=-{name}]")
        block.locator(".opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
    return page


def filled(page, operation: str) -> dict[str, str]:
    """Give what the fields of an operation have in them."""
    rows = page.locator(f"[id^=operations-][id$=-{operation}] tr")
    rows.first.wait_for()
    script = """rows => rows.map(row => [
        row.dataset.propertyName || row.dataset.paramName,
        row.querySelector("input, select, textarea")?.value]).filter(one => one[0])"""
    return dict(rows.evaluate_all(script))


def test_fields_hold_nothing_that_nobody_would_send(opened):
    with opened() as visitor:
        page = open_page(
            visitor,
            *("upload_dataset", "upload_dataset_version", "import_project", "list_projects"),
        )
        for operation in ("upload_dataset", "upload_dataset_version"):
            fields = filled(page, operation)
            assert {"file", "encoding", "delimiter", "header", "missing"} <= fields.keys()
            dataset = {"dataset_id"} & fields.keys()
            assert {name for name, value in fields.items() if value} == dataset
        assert set(filled(page, "import_project").values()) == {""}
        listed = filled(page, "list_projects")
        assert (listed["search"], listed["limit"], listed["offset"]) == ("", "50", "0")


def test_a_table_is_uploaded_and_the_key_stays_in_the_tab(
    opened, send, projects_api_session_server
):
    key = projects_api_session_server.keys["owner"]
    with opened() as visitor:
        page = open_page(visitor)
        page.get_by_role("button", name="Authorize", exact=True).click()
        page.get_by_role("textbox", name="auth-bearer-value").fill(key)
        page.get_by_role("button", name="Apply credentials").click()
        page.get_by_role("button", name="Close").first.click()
        page.reload()
        page = open_page(visitor, "upload_dataset")
        block = page.locator("#operations-datasets-upload_dataset")

        def field(name: str):
            return block.locator(f"tr[data-property-name='{name}'] input").first

        field("project_id").fill(PROJECT)
        field("name").fill("tried.csv")
        field("file").set_input_files(
            {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a;b\n1;2\n3;4\n"}
        )
        with page.expect_response("**/api/datasets/upload") as answered:
            block.get_by_role("button", name="Execute").click()
        answer = answered.value
        assert answer.status == 201, answer.text()
        made = answer.json()
        assert made["reading"]["delimiter"] == ";"
        assert made["reading"]["given"] == []
        send("DELETE", f"/datasets/{made['dataset_id']}")
        assert page.evaluate("localStorage.length + document.cookie.length") == 0
        page.goto(f"{visitor.base_url}/")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@pytest.mark.parametrize(("look", "is_dark"), [("light", False), ("dark", True)])
def test_colours_are_those_of_the_system(opened, look, is_dark):
    with opened("", look) as visitor:
        page = open_page(visitor)
        shades = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g)")
        ground = page.evaluate(
            "getComputedStyle(document.documentElement).backgroundColor.match(/[0-9]+/g)"
        )
        painted = shades if len(shades) == 3 else ground
        assert (len(painted) == 3 and sum(map(int, painted)) < 384) == is_dark


@pytest.mark.parametrize(("look", "is_dark"), [("light", False), ("dark", True)])
def test_samples_stand_beside_each_operation(opened, look, is_dark):
    with opened("", look) as visitor:
        page = visitor.page
        page.goto(f"{visitor.base_url}/docs")
        served = page.request.get(f"{visitor.base_url}/docs/samples.json").json()
        for operation, tag in (("create_project", "projects"), ("list_datasets", "datasets")):
            block = page.locator(f"#operations-{tag}-{operation}")
            block.locator(".opblock-summary-control").click()
            shown = block.locator(".code-samples details")
            expect(shown).to_have_count(3)
            for number, (language, code) in enumerate(served[operation].items()):
                one = shown.nth(number)
                one.locator("summary").click()
                expect(one.locator("summary")).to_have_text(language)
                expect(one.locator("pre")).to_be_visible()
                assert one.locator("pre").text_content() == code
                text = one.locator("summary").evaluate(
                    "summary => getComputedStyle(summary).color.match(/[0-9]+/g).map(Number)"
                )
                assert (sum(text) > 384) == is_dark
