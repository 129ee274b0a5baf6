"""What holds on all pages: keys, focus, faults, other people's changes, strange names."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.console.places import PLACES, PROJECT


class TestKey:
    def test_is_refused_in_words_and_forgotten(self, opened):
        with opened() as visitor:
            page = visitor.page
            page.goto(visitor.base_url)
            page.get_by_label("API key").fill("pak_nobody")
            page.get_by_role("button", name="Sign in").click()
            alert = page.get_by_role("alert").last
            expect(alert).to_contain_text(re.compile("Request [0-9a-f]{32}"))
            assert page.evaluate("sessionStorage.length") == 0
            assert visitor.violations() == []

    def test_stays_in_the_tab_and_out_of_addresses(self, opened, projects_api_session_server):
        key = projects_api_session_server.keys["owner"]
        with opened() as visitor:
            asked: list[str] = []
            visitor.page.on("request", lambda request: asked.append(request.url))
            visitor.sign_in(key)
            visitor.visit(PLACES["dataset"])
            assert asked
            assert not [url for url in asked if key in url]
            own = urlsplit(visitor.base_url).netloc
            assert {urlsplit(url).netloc for url in asked} == {own}
            assert visitor.page.evaluate("localStorage.length + document.cookie.length") == 0
            visitor.page.reload()
            expect(visitor.page.locator("main > h1")).to_have_text("transactions.csv")
            visitor.page.get_by_role("button", name="Sign out").click()
            expect(visitor.page.locator("main > h1")).to_have_text("Sign in")
            assert visitor.page.evaluate("sessionStorage.length") == 0

    def test_that_is_revoked_leads_to_the_door(self, opened):
        with opened("owner") as visitor:
            visitor.page.evaluate("sessionStorage.setItem('projects-api-key', 'pak_gone')")
            visitor.page.goto(f"{visitor.base_url}/#/usage")
            expect(visitor.page.locator("main > h1")).to_have_text("Sign in")
            expect(visitor.page.get_by_role("alert")).to_contain_text("refused")


class TestKeyboard:
    def test_alone_it_leads_everywhere(self, opened, projects_api_session_server):
        with opened() as visitor:
            page, press = visitor.page, visitor.page.keyboard.press
            page.goto(visitor.base_url)
            page.locator("main > h1").wait_for()
            press("Tab")
            expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
            press("Enter")
            expect(page.locator("main")).to_be_focused()
            press("Tab")
            expect(page.get_by_label("API key")).to_be_focused()
            page.keyboard.insert_text(projects_api_session_server.keys["owner"])
            press("Enter")
            link = page.get_by_role("link", name="Fraud Detection v2")
            link.wait_for()
            for _ in range(20):
                press("Tab")
                if link.evaluate("one => one === document.activeElement"):
                    break
            expect(link).to_be_focused()
            press("Enter")
            # What is read aloud next is the new page, and not the old one's remains.
            expect(page.locator("main > h1")).to_have_text("Fraud Detection v2")
            expect(page.locator("main > h1")).to_be_focused()


class TestProjects:
    def test_are_found_sorted_and_paged(self, owner, send):
        made = [send("POST", "/projects", json={"name": f"Paged {n:02}"}) for n in range(27)]
        try:
            owner.visit("/projects?search=Paged&sort=name%20desc")
            links = owner.page.locator("tbody a")
            expect(links).to_have_count(25)
            assert links.all_inner_texts() == [f"Paged {n:02}" for n in range(26, 1, -1)]
            owner.page.get_by_role("button", name="Next").click()
            expect(links).to_have_text(["Paged 01", "Paged 00"])
            owner.page.go_back()
            expect(links).to_have_count(25)
            owner.page.get_by_label("Name or description has").fill("Paged 13")
            owner.page.get_by_role("button", name="Search").click()
            expect(links).to_have_text(["Paged 13"])
        finally:
            for one in made:
                send("DELETE", f"/projects/{one.json()['project_id']}")

    def test_names_of_any_length_and_direction(self, opened, send):
        names = ["W" * 255, "\u05e4\u05e8\u05d5\u05d9\u05e7\u05d8 " * 20]
        made = [send("POST", "/projects", json={"name": name.strip()}).json() for name in names]
        try:
            with opened("owner", "narrow") as visitor:
                for place in ["/projects", *(f"/projects/{one['project_id']}" for one in made)]:
                    visitor.visit(place)
                    width = visitor.page.evaluate("document.documentElement.scrollWidth")
                    assert width <= 360, place
                heading = visitor.page.locator("main > h1")
                assert heading.evaluate("one => getComputedStyle(one).direction") == "rtl"
        finally:
            for one in made:
                send("DELETE", f"/projects/{one['project_id']}")

    def test_another_persons_change_is_shown_and_not_lost(self, owner, send):
        project_id = send("POST", "/projects", json={"name": "Ours"}).json()["project_id"]
        owner.visit(f"/projects/{project_id}/settings")
        form = owner.page.get_by_role("form", name="Name and description")
        form.get_by_label("Name").fill("Mine")
        theirs = {"name": "Theirs", "description": "their words"}
        assert send("PUT", f"/projects/{project_id}", json=theirs).status_code == 200
        form.get_by_role("button", name="Save").click()
        alert = form.get_by_role("alert")
        for text in ("Mine", "Theirs", "their words"):
            expect(alert).to_contain_text(text)
        assert send("GET", f"/projects/{project_id}").json()["project"]["name"] == "Theirs"
        assert owner.violations() == []
        form.get_by_role("button", name="Save mine over theirs").click()
        expect(owner.page.locator("main > h1")).to_have_text("Mine")
        send("DELETE", f"/projects/{project_id}")

    def test_is_deleted_as_it_was_shown_only(self, owner, send):
        project_id = send("POST", "/projects", json={"name": "Going"}).json()["project_id"]
        owner.visit(f"/projects/{project_id}")
        # What is done on another part is no change by somebody else.
        file = {"file": ("t.csv", b"a,b\n1,2\n")}
        form = {"project_id": project_id, "name": "t.csv"}
        assert send("POST", "/datasets/upload", data=form, files=file).status_code == 201
        owner.page.get_by_role("link", name="Settings").click()
        delete = owner.page.get_by_role("form", name="Delete this project")
        owner.page.get_by_text("Delete this project").click()
        # Somebody puts something into it while the name is typed.
        assert send("POST", "/datasets/upload", data=form, files=file).status_code == 201
        delete.get_by_label("Name").fill("Going")
        delete.get_by_role("button").click()
        expect(delete.get_by_role("alert")).to_contain_text("Somebody has changed the project")
        assert send("GET", f"/projects/{project_id}").json()["project"]["dataset_count"] == 2
        owner.settle()
        delete.get_by_role("button").click()
        expect(owner.page.locator("main > h1")).to_have_text("Projects")
        assert send("GET", f"/projects/{project_id}").status_code == 404


class TestRequests:
    def test_what_was_not_answered_is_done_once(self, owner, send):
        owner.visit("/projects")
        sent: list[str | None] = []

        def lose(route):
            """Let the server do it, and lose its answer."""
            sent.append(route.request.headers.get("idempotency-key"))
            if len(sent) == 1:
                route.fetch()
                route.abort()
            else:
                route.continue_()

        def meet(route):
            lose(route) if route.request.method == "POST" else route.continue_()

        owner.page.route("**/api/projects", meet)
        form = owner.page.get_by_role("form", name="Create a project")
        form.get_by_label("Name").fill("Once")
        form.get_by_role("button").click()
        expect(form.get_by_role("alert")).to_contain_text("The server does not answer")
        form.get_by_role("button").click()
        expect(owner.page.locator("main > h1")).to_have_text("Once")
        assert len(sent) == 2
        assert sent[0] == sent[1]
        found = send("GET", "/projects", params={"search": "Once"}).json()["items"]
        assert [one["name"] for one in found] == ["Once"]
        send("DELETE", f"/projects/{found[0]['id']}")

    def test_an_upload_is_cancelled(self, owner, send):
        owner.visit(PLACES["data"])
        before = send("GET", "/datasets", params={"project_id": PROJECT}).json()["total"]
        owner.page.route("**/api/datasets/upload", lambda route: None)  # on its way for ever
        form = owner.page.get_by_role("form", name="Upload a table")
        chosen = {"name": "t.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
        form.get_by_label("CSV or Parquet file").set_input_files(chosen)
        form.get_by_role("button", name="Upload").click()
        form.get_by_role("button", name="Cancel").click()
        expect(form.get_by_role("button", name="Upload")).to_be_enabled()
        expect(form.get_by_role("alert")).to_have_count(0)
        after = send("GET", "/datasets", params={"project_id": PROJECT}).json()["total"]
        assert after == before

    def test_a_file_is_dropped(self, owner):
        owner.visit(PLACES["data"])
        given = owner.page.evaluate_handle(
            """() => {
                const given = new DataTransfer();
                given.items.add(new File(["a,b\\n1,2\\n"], "dropped.csv"));
                return given;
            }"""
        )
        owner.page.dispatch_event(".drop", "drop", {"dataTransfer": given})
        owner.page.get_by_role("button", name="Upload").click()
        expect(owner.page.locator("main > h1")).to_have_text("dropped.csv")
        owner.page.get_by_text("Delete this data set").click()
        form = owner.page.get_by_role("form", name="Delete this data set")
        form.get_by_label("Name").fill("dropped.csv")
        form.get_by_role("button").click()
        expect(owner.page.get_by_role("link", name="dropped.csv")).to_have_count(0)


def test_times_are_those_of_the_readers_zone(opened):
    # It was changed at 9:12 in the time of Greenwich.
    for zone, shown in (("Asia/Tokyo", "18:12"), ("America/New_York", "04:12")):
        with opened("owner", timezone_id=zone, locale="en-GB") as visitor:
            visitor.visit(PLACES["dataset"])
            assert visitor.page.locator("time").first.inner_text().endswith(shown)


def test_days_of_a_table_are_those_that_stand_in_it(opened, send):
    rows = b"day,at\n2024-01-01,2025-01-01 00:00:00\n2024-10-26,2025-06-01 08:30:00\n"
    file = {"file": ("t.csv", rows)}
    form = {"project_id": PROJECT, "name": "days.csv"}
    dataset_id = send("POST", "/datasets/upload", data=form, files=file).json()["dataset_id"]
    for zone in ("America/Los_Angeles", "Pacific/Kiritimati"):
        with opened("owner", timezone_id=zone, locale="en-GB") as visitor:
            visitor.visit(f"/datasets/{dataset_id}")
            main = visitor.page.locator("main")
            expect(main).to_contain_text("from 1 Jan 2024 to 26 Oct 2024")
            expect(main).to_contain_text("from 1 Jan 2025, 00:00 to 1 Jun 2025, 08:30")
    send("DELETE", f"/datasets/{dataset_id}")


def test_a_name_with_blanks_is_typed_as_it_is_shown(owner, send):
    project_id = send("POST", "/projects", json={"name": "two  blanks"}).json()["project_id"]
    owner.visit(f"/projects/{project_id}/settings")
    owner.page.get_by_text("Delete this project").click()
    form = owner.page.get_by_role("form", name="Delete this project")
    form.get_by_label("Name").fill("two blanks")
    form.get_by_role("button").click()
    expect(owner.page.locator("main > h1")).to_have_text("Projects")
    assert send("GET", f"/projects/{project_id}").status_code == 404


def test_a_key_with_strange_letters_is_not_sent(opened):
    with opened() as visitor:
        visitor.page.goto(visitor.base_url)
        visitor.page.get_by_label("API key").fill("pak_☃")
        visitor.page.get_by_role("button", name="Sign in").click()
        expect(visitor.page.get_by_role("alert").last).to_contain_text("No key has such letters")
