"""A provider at which people sign in by a browser: authorization code with PKCE, and renewal."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from tests.access.provider import Provider

CLIENT = "console"
Reply = tuple[int, dict[str, str], Any]


def challenge_of(verifier: str) -> str:
    """Tell by what a verifier is checked (RFC 7636, 4.6)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii").rstrip("=")


class SignIn(Provider):
    """Everybody who comes is Ada, who has logged in before; each thing works once."""

    def __init__(self) -> None:
        self.redirect = ""
        """The one address that the client has registered."""
        self.codes: dict[str, str] = {}
        """Codes that were given, with the challenge of each."""
        self.refreshing: set[str] = set()
        self.grants: list[str] = []
        self.sends: dict[str, str] = {}
        """What is sent back in the place of what should be."""
        self.says: dict[str, str] = {}
        """What discovery says in the place of what is so."""
        self.lives = 3600
        self.has_refresh = True
        self.claims: dict[str, Any] = {}
        super().__init__()

    def answer(self, path: str) -> Any:
        found = super().answer(path)
        if path.endswith("openid-configuration"):
            ends = ("authorize", "token")
            found |= {f"{one}_endpoint": f"{self.issuer}/{one}" for one in ends[1:]}
            found |= {"authorization_endpoint": f"{self.issuer}/authorize"} | self.says
        return found

    def got(self, path: str) -> Reply:
        if path.startswith("/authorize?"):
            return self.authorize(dict(parse_qsl(urlsplit(path).query, keep_blank_values=True)))
        return 200, self._cors(), self.answer(path)

    def posted(self, path: str, body: str) -> Reply:
        assert path == "/token"
        status, answer = self.granted(dict(parse_qsl(body, keep_blank_values=True)))
        return status, self._cors(), answer

    def authorize(self, asked: dict[str, str]) -> Reply:
        code = uuid4().hex
        is_whole = (
            asked["response_type"] == "code"
            and asked["client_id"] == CLIENT
            and asked["redirect_uri"] == self.redirect
            and asked["code_challenge_method"] == "S256"
            and re.fullmatch(r"[\w-]{43}", asked["code_challenge"])
            and {"openid", "email"} <= set(asked["scope"].split())
            and len(asked["state"]) >= 22
        )
        if not is_whole:
            return 400, {}, asked
        self.codes[code] = asked["code_challenge"]
        back = {"code": code, "state": asked["state"], "iss": self.issuer} | self.sends
        return 302, {"Location": f"{self.redirect}?{urlencode(back)}"}, {}

    def granted(self, form: dict[str, str]) -> tuple[int, Any]:
        if form.pop("client_id") != CLIENT:
            return 401, {"error": "invalid_client"}
        kind = form.pop("grant_type")
        if kind == "authorization_code":
            challenge = self.codes.pop(form["code"], None)
            is_good = challenge == challenge_of(form["code_verifier"])
            is_good = is_good and form["redirect_uri"] == self.redirect
        else:
            is_good = form["refresh_token"] in self.refreshing
            self.refreshing.discard(form["refresh_token"])
        if not is_good:
            return 400, {"error": "invalid_grant", "error_description": "That does not match"}
        self.grants.append(kind)
        answer = {"access_token": self.token(**self.claims), "expires_in": self.lives}
        if self.has_refresh:
            answer["refresh_token"] = uuid4().hex
            self.refreshing.add(answer["refresh_token"])
        return 200, answer

    def _cors(self) -> dict[str, str]:
        parts = urlsplit(self.redirect)
        return {"Access-Control-Allow-Origin": f"{parts.scheme}://{parts.netloc}"}
