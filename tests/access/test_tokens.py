"""Tokens of an issuer in the place of API keys, by a provider of OpenID Connect on this machine."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import requests
from joserfc.jwk import OctKey, RSAKey

from projects_api.access import issuer, tokens
from projects_api.access.problems import Unavailable
from projects_api.access.tokens import Tokens
from projects_api.contract.problems import Unauthenticated
from projects_api.models import user
from projects_api.models.outside import identity
from projects_api.settings import Settings
from tests.access.provider import AUDIENCE, Provider
from tests.conftest import new_postgresql, running


@pytest.fixture(scope="module")
def provider():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, provider, tmp_path_factory):
    """Run a server that knows the provider."""
    folder = tmp_path_factory.mktemp("tokens")
    url = f"sqlite:///{folder / 'tokens.db'}"
    if request.param == "postgresql":
        url = new_postgresql(request.getfixturevalue("postgresql"))
    settings = Settings(
        _env_file=None,
        database_url=url,
        data_dir=folder,
        oidc_issuer=provider.issuer,
        oidc_audience=AUDIENCE,
    )
    with running(settings) as server:
        yield server


PAUSE_SECONDS = issuer.PAUSE_SECONDS


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Let the issuer be asked as often as a test likes."""
    monkeypatch.setattr(issuer, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def somebody():
    """Name somebody whom no other test knows."""
    name = f"p{uuid4().hex}"
    return {"sub": name, "email": f"{name}@example.com"}


@pytest.fixture
def clock(monkeypatch):
    """A clock of the issuer's that stands still until the test moves it on."""

    class Clock:
        seconds = 10_000.0

        def monotonic(self) -> float:
            return self.seconds

    clock = Clock()
    monkeypatch.setattr(issuer, "time", clock)
    return clock


@pytest.fixture
def ask(server):
    def ask(token, method="GET", path="/api/keys", **options):
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(
            method, f"{server.url}{path}", headers=headers, timeout=30, **options
        )

    return ask


@pytest.fixture
def finder(server, provider):
    """Make what finds callers, with settings of a test's own."""

    def finder(**options):
        return Tokens(server.services.database, provider.issuer, AUDIENCE, **options)

    return finder


def refused(answer, *words):
    assert (answer.status_code, answer.json()["type"].split(":")[-1]) == (401, "unauthenticated")
    for word in words:
        assert word in answer.json()["detail"]


class TestPeople:
    def test_somebody_new_is_registered_and_may_read_and_write(
        self, server, ask, provider, somebody
    ):
        token = provider.token(**somebody)
        caller = ask(token).json()["caller"]
        assert caller["scopes"] == ["read", "write"]
        made = ask(token, "POST", "/api/projects", json={"name": "Mine"})
        assert made.status_code == 201
        with server.services.database.transaction(writing=False) as connection:
            assert user.find_id(connection, somebody["email"]) == caller["user_id"]
            person = user.find(connection, caller["user_id"])
        assert person["name"] == "Ada"

    def test_who_is_registered_by_that_address_is_that_person(
        self, server, ask, provider, somebody
    ):
        with server.services.database.transaction() as connection:
            user_id = user.create(connection, email=somebody["email"], name="Known")
        caller = ask(provider.token(**somebody)).json()["caller"]
        assert caller["user_id"] == user_id

    def test_a_person_stays_who_changes_the_address(self, ask, provider, somebody):
        first = ask(provider.token(**somebody)).json()["caller"]
        changed = {**somebody, "email": "new-" + somebody["email"]}
        assert ask(provider.token(**changed)).json()["caller"] == first

    def test_an_address_that_was_somebody_elses_is_no_way_in(self, ask, provider, somebody):
        assert ask(provider.token(**somebody)).status_code == 200
        heir = {**somebody, "sub": "another"}
        refused(ask(provider.token(**heir)), "Somebody else of this issuer")

    def test_first_requests_that_come_together_are_of_one_person(self, ask, provider, somebody):
        tokens_of_one = [provider.token(**somebody, jti=str(number)) for number in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(ask, tokens_of_one))
        assert [answer.status_code for answer in answers] == [200] * 6
        assert len({answer.json()["caller"]["user_id"] for answer in answers}) == 1

    def test_of_several_that_claim_an_address_at_once_one_enters(self, ask, provider, somebody):
        several = [
            provider.token(**{**somebody, "sub": f"{somebody['sub']}-{n}"}) for n in range(5)
        ]
        with ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(ask, several))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
        for answer in answers:
            assert answer.status_code == 200 or "Somebody else" in answer.json()["detail"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": "true"},
            {"email": None},
            {"email": "no address"},
            {"email": "an address@example.com"},
            {"email": "an\x00address@example.com"},
            {"email": "@example.com"},
            {"email": "address@example"},
            {"email": "program@Service-Accounts.invalid"},
            {"email": ["a@example.com"]},
        ],
    )
    def test_without_a_verified_address_nobody_new_enters(self, ask, provider, somebody, changes):
        refused(ask(provider.token(**{**somebody, **changes})), "verified e-mail address")

    @pytest.mark.parametrize(("length", "enters"), [(254, True), (255, False)])
    def test_the_longest_address(self, ask, provider, somebody, length, enters):
        domain = f"@{'d' * (length - len(somebody['sub']) - len('@.org'))}.org"
        answer = ask(provider.token(**{**somebody, "email": somebody["sub"] + domain}))
        assert answer.status_code == (200 if enters else 401)

    @pytest.mark.parametrize("named", [None, "", " ", 5, "\u200b", "\u202e"])
    def test_who_has_no_name_is_called_by_the_address(self, server, ask, provider, somebody, named):
        user_id = ask(provider.token(**somebody, name=named)).json()["caller"]["user_id"]
        with server.services.database.transaction(writing=False) as connection:
            assert user.find(connection, user_id)["name"] == somebody["email"]

    def test_a_name_that_turns_the_direction_of_text_is_cleaned(
        self, server, ask, provider, somebody
    ):
        user_id = ask(provider.token(**somebody, name="Ada\u202e King")).json()["caller"]["user_id"]
        with server.services.database.transaction(writing=False) as connection:
            assert user.find(connection, user_id)["name"] == "Ada King"

    def test_who_is_deactivated_is_refused_though_the_token_is_remembered(
        self, server, ask, provider, somebody
    ):
        token = provider.token(**somebody)
        user_id = ask(token).json()["caller"]["user_id"]
        with server.services.database.transaction() as connection:
            user.deactivate(connection, user_id)
        refused(ask(token), "nobody who may use")

    def test_the_audit_log_names_the_person(self, ask, provider, somebody):
        token = provider.token(**somebody)
        caller = ask(token).json()["caller"]
        project_id = ask(token, "POST", "/api/projects", json={"name": "P"}).json()["project_id"]
        ask(token, "PUT", f"/api/projects/{project_id}", json={"name": "Q"})
        entries = ask(token, path=f"/api/projects/{project_id}/audit").json()["items"]
        named = {(one["user_id"], one["key_id"]) for one in entries}
        assert named == {(caller["user_id"], caller["key_id"])}


class TestTokens:
    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({"aud": "another"}, "`aud`"),
            ({"aud": None}, "`aud`"),
            ({"iss": "http://127.0.0.1:1"}, "`iss`"),
            ({"iss": None}, "`iss`"),
            ({"sub": None}, "`sub`"),
            ({"exp": None}, "`exp`"),
            ({"exp": int(time.time()) - 61}, "expired"),
            ({"exp": "soon"}, "`exp`"),
            ({"nbf": int(time.time()) + 3600}, "not valid yet: its claim `nbf` is to come"),
            ({"iat": int(time.time()) + 3600}, "not valid yet: its claim `iat` is to come"),
            ({"nbf": "soon"}, "`nbf` of the token is missing, or is not what"),
        ],
    )
    def test_a_claim_that_is_wrong_is_named(self, ask, provider, changes, word):
        refused(ask(provider.token(**changes)), word)

    def test_clocks_may_differ_by_a_minute(self, ask, provider, somebody):
        now = int(time.time())
        early = provider.token(**somebody, nbf=now + 30)
        late = provider.token(**somebody, exp=now - 20)
        assert [ask(one).status_code for one in (early, late)] == [200, 200]

    @pytest.mark.parametrize(("seconds", "enters"), [(59, True), (60, False)])
    def test_and_by_no_more(self, finder, provider, somebody, monkeypatch, seconds, enters):
        now = int(time.time())
        token = provider.token(**somebody, exp=now - seconds)
        monkeypatch.setattr(tokens.time, "time", lambda: float(now))
        if enters:
            finder().verify(token)
        else:
            with pytest.raises(Unauthenticated, match="expired"):
                finder().verify(token)

    def test_an_audience_among_others_will_do(self, ask, provider, somebody):
        assert ask(provider.token(**somebody, aud=["x", AUDIENCE])).status_code == 200

    def test_a_foreign_key_is_none(self, ask, provider):
        named = {"kid": provider.keys[0].kid}
        refused(ask(provider.token(RSAKey.generate_key(2048, named))), "not signed")

    def test_a_public_key_is_no_secret_to_sign_with(self, ask, provider):
        refused(ask(provider.confused()), "not signed")

    def test_a_secret_that_the_issuer_shows_is_no_key(self, finder, provider, monkeypatch):
        secret = OctKey.generate_key(256, {"kid": provider.keys[0].kid})
        token = provider.token(secret, "HS256")
        told = {"keys": [secret.as_dict(private=True)]}
        answer = provider.answer
        shown = {"/keys": told}
        monkeypatch.setattr(provider, "answer", lambda path: shown.get(path) or answer(path))
        with pytest.raises((Unauthenticated, Unavailable)):
            finder().verify(token)

    def test_no_algorithm_is_one_of_a_shared_secret(self):
        assert not [one for one in issuer.ALGORITHMS if one.startswith("HS") or one == "none"]

    @pytest.mark.parametrize("subject", ["a\x00b", "", 5, "x" * 256])
    def test_a_subject_that_cannot_be_kept_is_refused(self, ask, provider, somebody, subject):
        refused(ask(provider.token(**{**somebody, "sub": subject})), "sub")

    def test_the_longest_subject(self, ask, provider, somebody):
        subject = somebody["sub"].ljust(255, "x")
        assert ask(provider.token(**{**somebody, "sub": subject})).status_code == 200

    @pytest.mark.parametrize(
        ("length", "told"), [(16_384, "not signed by a key"), (16_385, "is too long")]
    )
    def test_the_longest_token(self, finder, length, told):
        with pytest.raises(Unauthenticated, match=told):
            finder().verify("a.b.".ljust(length, "c"))

    def test_half_a_letter_is_no_subject(self, ask, provider):
        claims = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "\ud800", "exp": time.time() + 60}
        refused(ask(provider.written(json.dumps(claims))), "sub")

    def test_a_claim_nested_without_end_is_refused(self, ask, provider):
        refused(ask(provider.written('{"deep": ' + "[" * 5000 + "]" * 5000 + "}")))

    def test_what_is_not_signed_is_refused(self, ask, provider):
        _, claims, _ = provider.token().split(".")
        header = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
        refused(ask(f"{header}.{claims}."), "not signed")

    def test_an_altered_claim_is_refused(self, ask, provider, somebody):
        header, _, signature = provider.token(**somebody).split(".")
        _, other, _ = provider.token(sub="root").split(".")
        refused(ask(f"{header}.{other}.{signature}"), "not signed")

    @pytest.mark.parametrize("text", ["a.b.c", "..", f"{'a' * 9000}.{'b' * 9000}.c"])
    def test_what_is_no_token_is_refused(self, ask, text):
        refused(ask(text), "The token")

    def test_api_keys_go_on_to_work(self, server):
        assert server.person().get("/api/keys").status_code == 200


class TestKeys:
    def test_keys_change_without_a_restart(self, ask, provider, somebody):
        assert ask(provider.token(**somebody)).status_code == 200
        provider.rotate("EC")
        assert ask(provider.token(**somebody, alg="ES256")).status_code == 200
        provider.rotate()
        assert ask(provider.token(**somebody)).status_code == 200

    def test_a_remembered_token_asks_nobody(self, ask, provider, somebody):
        token = provider.token(**somebody)
        ask(token)
        before = len(provider.asked)
        assert ask(token).status_code == 200
        assert len(provider.asked) == before

    def test_wrong_tokens_do_not_make_the_server_ask_again_and_again(
        self, ask, provider, monkeypatch
    ):
        monkeypatch.setattr(issuer, "PAUSE_SECONDS", 3600.0)
        before = len(provider.asked)
        for _ in range(3):
            refused(ask(provider.token(RSAKey.generate_key(2048))))
        assert len(provider.asked) == before

    def test_known_keys_are_asked_for_every_ten_minutes(self, finder, provider, somebody, clock):
        finds, before = finder(), len(provider.asked)
        for seconds, asked in ((0, 2), (599, 2), (600, 2), (601, 4), (1201, 4), (1202, 6)):
            clock.seconds = 10_000.0 + seconds
            finds.verify(provider.token(**somebody, jti=str(seconds)))
            assert len(provider.asked) - before == asked

    def test_keys_that_are_new_are_asked_for_every_half_a_minute(
        self, finder, provider, somebody, clock, monkeypatch
    ):
        monkeypatch.setattr(issuer, "PAUSE_SECONDS", PAUSE_SECONDS)
        finds, before = finder(), len(provider.asked)
        finds.verify(provider.token(**somebody))
        foreign = provider.token(RSAKey.generate_key(2048))
        for seconds, asked in ((29, 2), (30, 4), (59, 4), (60, 6)):
            clock.seconds = 10_000.0 + seconds
            with pytest.raises(Unauthenticated):
                finds.verify(foreign)
            assert len(provider.asked) - before == asked

    @pytest.mark.parametrize(("others", "enters"), [(99, True), (100, False)])
    def test_the_most_keys(self, finder, provider, somebody, monkeypatch, others, enters):
        (key,) = provider.keys
        shown = {"keys": [{}] * others + [key.as_dict(private=False)]}
        answer = provider.answer
        monkeypatch.setattr(
            provider, "answer", lambda path: shown if path == "/keys" else answer(path)
        )
        if enters:
            finder().verify(provider.token(**somebody))
        else:
            with pytest.raises(Unauthenticated, match="not signed by a key"):
                finder().verify(provider.token(**somebody))

    def test_an_issuer_is_not_followed_elsewhere(self, finder, provider, monkeypatch):
        got = provider.got

        def moved(path: str):
            if path.startswith("/moved"):
                return got(path.removeprefix("/moved"))
            return 302, {"Location": f"/moved{path}"}, {}

        monkeypatch.setattr(provider, "got", moved)
        with pytest.raises(Unavailable):
            finder().verify(provider.token())

    @pytest.mark.parametrize(
        "odd", [{"issuer": "http://127.0.0.1:1"}, {"jwks_uri": None}, {"issuer": None}]
    )
    def test_an_issuer_that_is_another_is_not_believed(self, finder, provider, monkeypatch, odd):
        answer = provider.answer
        monkeypatch.setattr(provider, "answer", lambda path: {**answer(path), **odd})
        with pytest.raises(Unavailable):
            finder().verify(provider.token())

    @pytest.mark.parametrize(
        "odd",
        [
            None,
            5,
            {},
            {"kty": None},
            {"kty": ["RSA"]},
            {"kty": "RSA", "e": "AQAB"},
            {"kty": "RSA", "n": 5, "e": "AQAB"},
            {"kty": "EC", "crv": "P-0", "x": "AA", "y": "AA"},
            {"kty": "OKP", "crv": "X25519", "x": "AA"},
            {"key_ops": ["encrypt"]},
            {"key_ops": 5},
            {"kid": 5},
            {"use": {}},
        ],
        ids=str,
    )
    def test_an_odd_key_locks_nobody_out(self, finder, provider, somebody, monkeypatch, odd):
        (key,) = provider.keys
        good = key.as_dict(private=False)
        if isinstance(odd, dict) and odd and "kty" not in odd:
            odd = {**good, **odd}
        shown = {"keys": [odd, good]}
        answer = provider.answer
        monkeypatch.setattr(
            provider, "answer", lambda path: shown if path == "/keys" else answer(path)
        )
        finds, token = finder(), provider.token(**somebody)
        finds.verify(token)
        assert finds.known(token)

    def test_a_key_that_may_not_verify_is_none(self, finder, provider, somebody, monkeypatch):
        (key,) = provider.keys
        shown = {"keys": [{**key.as_dict(private=False), "key_ops": ["encrypt"]}]}
        answer = provider.answer
        monkeypatch.setattr(
            provider, "answer", lambda path: shown if path == "/keys" else answer(path)
        )
        with pytest.raises(Unauthenticated, match="not signed by a key"):
            finder().verify(provider.token(**somebody))

    def test_a_key_that_was_withdrawn_counts_ten_minutes(
        self, finder, provider, somebody, monkeypatch
    ):
        finds, (withdrawn,) = finder(), provider.keys
        finds.verify(provider.token(**somebody))
        head = {"kid": withdrawn.kid}
        provider.rotate()
        late = provider.token(withdrawn, **somebody, header=head)
        later = time.monotonic() + 601
        monkeypatch.setattr(issuer.time, "monotonic", lambda: later)
        with pytest.raises(Unauthenticated, match="not signed by a key"):
            finds.verify(late)

    def test_a_key_that_nobody_can_ask_for_is_told_of(
        self, finder, provider, somebody, monkeypatch
    ):
        finds = finder()
        finds.verify(provider.token(**somebody))
        provider.rotate()
        monkeypatch.setattr(provider, "answer", lambda _path: "nothing")
        with pytest.raises(Unavailable, match="does not tell its keys"):
            finds.verify(provider.token(**somebody))
        with pytest.raises(Unauthenticated):
            finds.verify("a.b.c")

    def test_an_issuer_that_is_away_is_told_of(self, server, provider):
        away = Tokens(server.services.database, "http://127.0.0.1:1", AUDIENCE)
        with pytest.raises(Unavailable, match="does not tell its keys"):
            away.verify(provider.token())

    def test_an_issuer_that_answers_too_much_is_not_read_to_the_end(
        self, finder, provider, monkeypatch
    ):
        monkeypatch.setattr(issuer, "MAX_ANSWER_BYTES", 100)
        with pytest.raises(Unavailable):
            finder().verify(provider.token())


class TestLimits:
    def test_only_members_of_the_groups_enter(self, finder, provider, somebody):
        finds = finder(allowed_groups=["science", "admins"])
        token = provider.token(**somebody, groups=["staff", "science"])
        finds.verify(token)
        assert finds.known(token)
        finds.verify(provider.token(**somebody, groups="science"))
        for groups in (["staff"], [], None, "sciences", "staff science", {"science": 1}):
            with pytest.raises(Unauthenticated, match="groups"):
                finds.verify(provider.token(**somebody, groups=groups))

    @pytest.mark.parametrize(
        ("given", "scopes"),
        [
            ("read predict openid", {"read", "predict"}),
            (["write", "other"], {"write"}),
            (None, set()),
            (5, set()),
        ],
    )
    def test_scopes_are_those_of_the_claim(self, finder, provider, somebody, given, scopes):
        finds = finder(scopes_claim="projects_scopes")
        token = provider.token(**somebody, projects_scopes=given)
        finds.verify(token)
        assert finds.known(token).scopes == scopes

    def test_what_is_remembered_is_bounded(self, finder, provider, somebody, monkeypatch):
        monkeypatch.setattr(tokens, "MOST_REMEMBERED", 2)
        finds = finder()
        several = [provider.token(**somebody, jti=str(number)) for number in range(3)]
        for one in several:
            finds.verify(one)
        assert [finds.known(one) is not None for one in several] == [False, True, True]

    @pytest.mark.parametrize(("lives", "seconds"), [(300, 360), (3600, 600)])
    def test_how_long_a_token_is_remembered(
        self, finder, provider, somebody, monkeypatch, lives, seconds
    ):
        now = int(time.time())
        finds, token = finder(), provider.token(**somebody, exp=now + lives)
        moment = float(now)
        monkeypatch.setattr(tokens.time, "time", lambda: moment)
        finds.verify(token)
        moment = now + seconds - 0.5
        assert finds.known(token)
        moment = float(now + seconds)
        assert finds.known(token) is None

    def test_nothing_is_remembered_beyond_its_end(self, finder, provider, somebody, monkeypatch):
        finds, token = finder(), provider.token(**somebody)
        finds.verify(token)
        end = time.time() + 361
        monkeypatch.setattr(tokens.time, "time", lambda: end)
        assert finds.known(token) is None

    def test_an_identity_is_gone_with_its_person(self, server, finder, provider, somebody):
        finder().verify(provider.token(**somebody))
        database = server.services.database
        with database.transaction() as connection:
            known = identity.find(connection, provider.issuer, somebody["sub"])
            user.remove(connection, known.user_id)
            assert identity.find(connection, provider.issuer, somebody["sub"]) is None
