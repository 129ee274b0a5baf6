"""API keys: what is kept of them, and which ones are accepted."""

import hashlib
import hmac
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from projects_api.models import api_key, project
from projects_api.models.admission import admit
from projects_api.models.api_key import SCOPES, api_keys
from projects_api.models.base import to_text


@pytest.fixture
def key(connection, user_id):
    return api_key.issue(connection, user_id=user_id, name="k", scopes=("read", "write"))


def test_every_key_has_the_form_and_no_two_are_equal(connection, user_id):
    keys = [api_key.issue(connection, user_id=user_id, name="k") for _ in range(50)]
    assert len({key.split("_")[1] for key in keys}) == 50
    assert len({key.split("_", 2)[2] for key in keys}) == 50
    for key in keys:
        # 256 bits are 43 letters of base64.
        assert re.fullmatch(r"pak_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", key)
        assert len(key) == len(keys[0])


def test_only_the_hash_of_the_secret_is_kept(connection, key):
    _, lookup, secret = key.split("_", 2)
    (row,) = connection.execute(select(api_keys)).mappings()
    assert row["lookup"] == lookup
    assert row["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(dict(row))
    (listed,) = api_key.list_all(connection)
    assert not {"lookup", "secret_sha256"} & set(listed)
    assert secret not in repr(listed)


def test_a_key_is_accepted(connection, user_id, key):
    caller = api_key.authenticate(connection, key)
    assert caller.user_id == user_id
    assert caller.scopes == {"read", "write"}
    assert caller.key_id == api_key.list_all(connection)[0]["id"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda key: key[:-1],
        lambda key: f"{key}x",
        lambda key: f"{key[:-1]}{'A' if key[-1] != 'A' else 'B'}",
        lambda key: key.swapcase(),
        lambda key: key.replace("pak", "pat", 1),
        lambda key: key.split("_", 2)[2],
        lambda key: "_".join(key.split("_", 2)[:2]),
        lambda key: f"pak_{key.split('_', 2)[1]}_",
        lambda key: f"pak_0000000000000000_{key.split('_', 2)[2]}",
        lambda key: f"pak_{hashlib.sha256(key.encode()).hexdigest()}",
        lambda _key: "",
        lambda _key: "pak",
        lambda _key: "__",
        lambda _key: "pak_" + "x" * 100_000,
    ],
)
def test_any_other_is_not(connection, key, damage):
    assert api_key.authenticate(connection, damage(key)) is None
    assert api_key.authenticate(connection, key) is not None


@pytest.mark.parametrize("find", ["alone", "with a project"])
def test_the_secret_is_compared_in_constant_time(connection, user_id, key, find):
    """Or who measures answers could tell how much of a digest is right."""
    mine = project.create(connection, user_id, name="Mine", description="")["id"]
    called = []

    def note(_frame, event: str, function: object) -> None:
        if event == "c_call":
            called.append(function)

    for token in (key, f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"):
        called.clear()
        sys.setprofile(note)
        try:
            if find == "alone":
                api_key.authenticate(connection, token)
            else:
                admit(connection, token, mine)
        finally:
            sys.setprofile(None)
        assert called.count(hmac.compare_digest) == 1


def test_the_hash_is_no_key(connection, key):
    """Whoever reads the database has nothing to call with."""
    (row,) = connection.execute(select(api_keys)).mappings()
    stolen = f"pak_{row['lookup']}_{row['secret_sha256']}"
    assert api_key.authenticate(connection, stolen) is None


def test_a_key_ends_when_it_is_revoked(connection, key):
    (listed,) = api_key.list_all(connection)
    assert api_key.revoke(connection, listed["id"])
    assert not api_key.revoke(connection, listed["id"])
    assert api_key.authenticate(connection, key) is None
    assert api_key.list_all(connection)[0]["revoked_at"] is not None


@pytest.mark.parametrize(("seconds", "lives"), [(-1, False), (0, False), (60, True)])
def test_a_key_ends_when_it_expires(connection, user_id, seconds, lives):
    moment = to_text(datetime.now(UTC) + timedelta(seconds=seconds))
    key = api_key.issue(connection, user_id=user_id, name="k", expires_at=moment)
    assert (api_key.authenticate(connection, key) is not None) is lives
    assert api_key.list_all(connection)[0]["expires_at"] == moment


@pytest.mark.parametrize("scopes", [("read",), ("write", "predict"), ("admin",), SCOPES])
def test_scopes(connection, user_id, scopes):
    key = api_key.issue(connection, user_id=user_id, name="k", scopes=scopes)
    caller = api_key.authenticate(connection, key)
    allowed = {scope for scope in SCOPES if caller.may(scope)}
    assert allowed == (set(SCOPES) if "admin" in scopes else set(scopes))


def test_revoking_an_unknown_key(connection):
    assert not api_key.revoke(connection, "0195d3a0-0000-7000-8000-000000000000")
