"""Signing in to the console at an issuer of tokens, from the first click to a list of projects."""

import re
import time
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import expect
from pydantic import ValidationError

from projects_api.access import issuer
from projects_api.settings import Settings
from tests.access.provider import AUDIENCE
from tests.access.sign_in import CLIENT, SignIn, challenge_of
from tests.conftest import running
from tests.console.conftest import LOOKS, Visitor
from tests.support.processes import wait_until

HTML = {"Accept": "text/html"}
KEPT = "JSON.parse(sessionStorage.getItem('projects-api-renewal'))"


@pytest.fixture(scope="module")
def provider():
    provider = SignIn()
    yield provider
    provider.close()


@pytest.fixture(autouse=True)
def fresh(provider, monkeypatch):
    """Let the provider behave, and be asked as often as a test likes."""
    monkeypatch.setattr(issuer, "PAUSE_SECONDS", 0.0)
    provider.sends, provider.says, provider.claims = {}, {}, {}
    provider.lives, provider.has_refresh = 3600, True
    provider.grants.clear()
    provider.asked.clear()


@pytest.fixture(scope="module")
def server(provider, tmp_path_factory):
    """Run a server whose console offers the provider."""
    folder = tmp_path_factory.mktemp("sign-in")
    settings = Settings(
        _env_file=None,
        database_url=f"sqlite:///{folder / 'sign-in.db'}",
        data_dir=folder,
        oidc_issuer=provider.issuer,
        oidc_audience=AUDIENCE,
        oidc_client_id=CLIENT,
    )
    with running(settings) as server:
        provider.redirect = f"{server.url}/"
        yield server


@pytest.fixture
def visitor(browser, server):
    with browser.new_context(**LOOKS["light"]) as context:
        visitor = Visitor(context.new_page(), server.url)
        yield visitor
        assert visitor.complaints == []


def button(visitor, provider):
    return visitor.page.get_by_role(
        "button", name=f"Sign in with {urlsplit(provider.issuer).netloc}"
    )


def sign_in(visitor, provider, place: str = "") -> None:
    visitor.page.goto(f"{visitor.base_url}/{place}")
    button(visitor, provider).click()
    visitor.page.get_by_role("button", name="Sign out").wait_for()


class TestIssuersSide:
    """The provider of these tests is as strict as others are."""

    def test_a_code_works_once_and_with_its_verifier(self, provider, server):
        assert provider.redirect.startswith(server.url)
        # The values of RFC 7636, appendix B.
        verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        assert challenge_of(verifier) == challenge
        form = {"grant_type": "authorization_code", "redirect_uri": provider.redirect, "code": "c"}
        for given, status in ((verifier[:-1] + "l", 400), (verifier, 200)):
            provider.codes["c"] = challenge
            whole = {**form, "client_id": CLIENT, "code_verifier": given}
            for expected in (status, 400):
                answer = requests.post(f"{provider.issuer}/token", data=whole, timeout=30)
                assert answer.status_code == expected
        assert provider.grants == ["authorization_code"]


class TestSigningIn:
    def test_leads_to_the_projects_and_out_again(self, visitor, provider, server):
        page = visitor.page
        page.goto(visitor.base_url)
        expect(button(visitor, provider)).to_be_visible()
        for look in ({"width": 360, "height": 740}, {"width": 1200, "height": 900}):
            page.set_viewport_size(look)
            assert page.evaluate("document.documentElement.scrollWidth") <= look["width"]
            assert visitor.violations() == []
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        # By keyboard: past the way to the content, and the links of the head.
        while not button(visitor, provider).evaluate("one => one === document.activeElement"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main > h1")).to_have_text("Projects")
        visitor.settle()
        page.get_by_role("form", name="Create a project").get_by_label("Name").fill("Mine")
        page.get_by_role("form", name="Create a project").get_by_role("button").click()
        expect(page.locator("main > h1")).to_have_text("Mine")
        token = page.evaluate("sessionStorage.getItem('projects-api-key')")
        mine = requests.get(
            f"{server.url}/api/projects", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert [one["name"] for one in mine.json()["items"]] == ["Mine"]
        own, other = urlsplit(server.url).netloc, urlsplit(provider.issuer).netloc
        assert {urlsplit(url).netloc for url in asked} == {own, other}
        # The code is nowhere any more, neither what was kept for its return.
        assert page.url.startswith(f"{server.url}/#/projects/")
        assert page.evaluate("Object.keys(sessionStorage).sort()") == [
            "projects-api-key",
            "projects-api-renewal",
        ]
        assert page.evaluate("localStorage.length + document.cookie.length") == 0
        page.get_by_role("button", name="Sign out").click()
        expect(button(visitor, provider)).to_be_visible()
        assert page.evaluate("sessionStorage.length") == 0
        page.reload()
        expect(button(visitor, provider)).to_be_visible()
        assert provider.grants == ["authorization_code"]

    def test_leads_back_to_where_one_was(self, visitor, provider):
        sign_in(visitor, provider, "#/usage")
        expect(visitor.page.locator("main > h1")).to_have_text("Usage")
        assert visitor.page.url.endswith("/#/usage")

    def test_a_key_does_as_before(self, visitor, provider, server):
        key = server.person().key
        visitor.page.goto(server.url)
        visitor.page.get_by_label("API key").fill(key)
        visitor.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(visitor.page.locator("main > h1")).to_have_text("Projects")
        assert provider.asked == []


class TestRefused:
    def told(self, visitor, provider) -> str:
        visitor.page.goto(visitor.base_url)
        button(visitor, provider).click()
        alert = visitor.page.get_by_role("alert")
        expect(alert).to_have_count(1)
        assert visitor.violations() == []
        assert visitor.page.evaluate("sessionStorage.getItem('projects-api-key')") is None
        assert "code=" not in visitor.page.url
        return alert.inner_text()

    @pytest.mark.parametrize("state", ["another", ""])
    def test_an_answer_to_what_was_not_asked(self, visitor, provider, state):
        provider.sends = {"state": state}
        assert "not to what this tab asked" in self.told(visitor, provider)
        assert provider.grants == []
        assert not [path for path in provider.asked if path.startswith("/token")]

    def test_a_link_of_somebody_else(self, visitor, provider):
        visitor.page.goto(f"{visitor.base_url}/?state=x&code=stolen")
        expect(visitor.page.get_by_role("alert")).to_contain_text("not to what this tab asked")
        assert provider.asked == []

    def test_a_code_that_was_given_for_another_verifier(self, visitor, provider):
        provider.codes["stolen"] = challenge_of("x" * 43)
        provider.sends = {"code": "stolen"}
        assert "refused it: That does not match" in self.told(visitor, provider)
        assert provider.grants == []
        # and then as it should be
        provider.sends = {}
        button(visitor, provider).click()
        expect(visitor.page.locator("main > h1")).to_have_text("Projects")

    def test_an_answer_of_another_issuer(self, visitor, provider):
        provider.sends = {"iss": "https://elsewhere.example"}
        assert "not of the issuer" in self.told(visitor, provider)
        assert provider.grants == []

    def test_what_the_server_does_not_take(self, visitor, provider):
        provider.claims = {"sub": "new", "email": "new@example.com", "email_verified": False}
        assert "no verified e-mail address" in self.told(visitor, provider)

    @pytest.mark.parametrize(
        "says",
        [
            {"token_endpoint": "https://elsewhere.example/token"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": None},
            {"issuer": "https://elsewhere.example"},
        ],
        ids=str,
    )
    def test_an_issuer_that_points_elsewhere(self, visitor, provider, says):
        provider.says = says
        assert "tells of itself" in self.told(visitor, provider)


class TestRenewal:
    def test_before_the_token_ends(self, visitor, provider):
        sign_in(visitor, provider)
        before = visitor.page.evaluate("sessionStorage.getItem('projects-api-key')")
        first = visitor.page.evaluate(KEPT)
        assert abs(first["ends"] / 1000 - time.time() - 3600) < 600
        assert provider.grants == ["authorization_code"]
        provider.claims = {"jti": "another"}
        ending = "const kept = " + KEPT + "; kept.ends = Date.now() + 29000;"
        visitor.page.evaluate(
            f"{ending} sessionStorage.setItem('projects-api-renewal', JSON.stringify(kept))"
        )
        # The page and its head ask at the same moment.
        visitor.page.reload()
        visitor.settle()
        assert visitor.page.evaluate("sessionStorage.getItem('projects-api-key')") != before
        # Once, however many things the page asked for, and with the next one for the next time.
        assert provider.grants == ["authorization_code", "refresh_token"]
        assert provider.asked.count("/token") == 2
        assert {visitor.page.evaluate(KEPT)["refresh"]} <= provider.refreshing

    def test_once_the_server_refuses_the_token(self, visitor, provider):
        sign_in(visitor, provider)
        visitor.page.evaluate("sessionStorage.setItem('projects-api-key', 'a.b.c')")
        visitor.visit("/keys")
        expect(visitor.page.get_by_role("region", name="Your keys")).to_be_visible()
        assert provider.grants == ["authorization_code", "refresh_token"]

    @pytest.mark.parametrize("has_refresh", [True, False])
    def test_without_it_one_is_asked_to_sign_in_again(self, visitor, provider, has_refresh):
        provider.has_refresh = has_refresh
        sign_in(visitor, provider)
        provider.refreshing.clear()
        visitor.page.evaluate("sessionStorage.setItem('projects-api-key', 'a.b.c')")
        visitor.page.goto(f"{visitor.base_url}/#/usage")
        expect(visitor.page.get_by_role("alert")).to_contain_text("Your sign-in has ended")
        assert visitor.page.evaluate("sessionStorage.length") == 0
        button(visitor, provider).click()
        expect(visitor.page.locator("main > h1")).to_have_text("Usage")


class TestPolicy:
    def test_adds_the_issuer_and_nobody_else(self, server, provider):
        page = requests.get(server.url, headers=HTML, timeout=30)
        rules = dict(
            one.strip().split(" ", 1) for one in page.headers["content-security-policy"].split(";")
        )
        assert rules["connect-src"] == f"'self' {provider.issuer}"
        assert rules["script-src"] == rules["style-src"] == "'self'"
        metas = dict(re.findall(r'<meta name="oidc-([a-z-]+)" content="([^"]*)">', page.text))
        assert metas == {"issuer": provider.issuer, "client-id": CLIENT}

    def test_is_of_the_origin_and_what_is_told_is_escaped(self):
        from projects_api.app.pages import console  # noqa: PLC0415 - its insides

        url = "https://login.example.com:8443/realms/lab"
        assert console._origin(url) == "https://login.example.com:8443"
        assert console._metas(url, '"><script>').count('"') == 8
        assert "<script>" not in console._metas(url, '"><script>')

    @pytest.mark.parametrize("host", ["a.example;script-src *", "a.example'", "u:p@a.example"])
    def test_no_host_says_more_than_itself(self, host):
        with pytest.raises(ValidationError, match="without a query"):
            Settings(_env_file=None, oidc_issuer=f"https://{host}", oidc_audience="a")

    def test_a_client_has_an_issuer(self):
        with pytest.raises(ValidationError, match="needs PROJECTS_API_OIDC_ISSUER"):
            Settings(_env_file=None, oidc_client_id=CLIENT)

    def test_without_a_client_nothing_is_offered(self, opened):
        with opened() as visitor:
            visitor.page.goto(visitor.base_url)
            visitor.page.locator("main > h1").wait_for()
            assert visitor.page.get_by_role("button").all_inner_texts() == ["Sign in"]
            assert "oidc" not in visitor.page.content()


def test_signing_out_during_a_renewal_stays_out(visitor, provider):
    """What comes back late signs nobody in."""
    sign_in(visitor, provider)
    held: list = []
    visitor.page.route("**/token", lambda route: held.insert(0, route))
    visitor.page.evaluate("sessionStorage.setItem('projects-api-key', 'a.b.c')")
    visitor.page.evaluate("location.hash = '#/usage'")
    wait_until(lambda: visitor.page.evaluate("1") and held, "the renewal is under way")
    visitor.page.get_by_role("button", name="Sign out").click()
    with visitor.page.expect_response("**/token"):
        held[0].continue_()
    expect(button(visitor, provider)).to_be_visible()
    assert visitor.page.evaluate("sessionStorage.length") == 0
