"""The issuer of tokens: its keys, fetched when they are needed, and what a token of it says.

Of the extra `oidc`. Nothing here knows of people or of a database.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Those by which whoever verifies cannot sign."""
_KINDS: Mapping[Any, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_FAULTS = (JoseError, ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm)
"""What the library raises of keys, tokens and answers that are not as they should be."""
SKEW_SECONDS = 60
KEYS_SECONDS = 600.0
"""How long keys are known without asking again: so long may one count that was withdrawn."""
PAUSE_SECONDS = 30.0
"""Time between two questions to the issuer, whatever tokens come meanwhile."""
ANSWER_SECONDS = 5.0
MAX_ANSWER_BYTES = 512 * 1024
MAX_KEYS = 100
MAX_TOKEN_LENGTH = 16_384


class TokenRefused(Exception):
    """A token is no good; `reason` is a sentence for whoever sent it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _UnknownKey(TokenRefused):
    """A token names a key that is not among those of the issuer which are known."""


class IssuerAway(Exception):
    """The issuer does not tell its keys now."""


class Issuer:
    """Verifies tokens of one issuer for one audience."""

    def __init__(self, url: str, audience: str) -> None:
        self.url = url
        self._claims = jwt.JWTClaimsRegistry(
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": url},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = self._asked = -KEYS_SECONDS
        self._is_away = False

    def verify(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token; raises TokenRefused or IssuerAway."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise TokenRefused("The token is too long.")
        claims = self._decode(token)
        try:
            self._claims.validate(claims)
        except JoseError as fault:
            raise TokenRefused(_reason(fault, claims)) from fault
        except (TypeError, ValueError) as fault:
            raise TokenRefused("A claim of the token is of the wrong type.") from fault
        return claims

    def _decode(self, token: str) -> dict[str, Any]:
        known = self._current()
        try:
            return self._decoded(token, known)
        except TokenRefused as refused:
            newer = self._current(after=known)
            if newer is not known:
                return self._decoded(token, newer)
            if self._is_away and isinstance(refused, _UnknownKey):
                raise IssuerAway from refused  # It may have this key, and cannot be asked.
            raise

    @staticmethod
    def _decoded(token: str, keys: KeySet) -> dict[str, Any]:
        try:
            return jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
        except (*_FAULTS, RecursionError) as fault:
            refused = _UnknownKey if isinstance(fault, InvalidKeyIdError) else TokenRefused
            raise refused(
                "The token is not signed by a key of the issuer, or by none that may sign."
            ) from fault

    def _current(self, after: KeySet | None = None) -> KeySet:
        """Return the keys; newer ones than `after` if it is time to ask for them."""
        with self._lock:
            now = time.monotonic()
            is_old = now - self._fetched > KEYS_SECONDS
            is_wanted = self._keys is None or is_old or self._keys is after
            if is_wanted and now - self._asked >= PAUSE_SECONDS:
                self._asked = now
                try:
                    self._keys, self._fetched = self._fetch(), now
                    self._is_away = False
                except (httpx.HTTPError, RecursionError, *_FAULTS) as fault:
                    self._is_away = True
                    if self._keys is None:
                        raise IssuerAway from fault
            if self._keys is None:
                raise IssuerAway
            return self._keys

    def _fetch(self) -> KeySet:
        with httpx.Client(timeout=ANSWER_SECONDS, follow_redirects=False) as client:
            where = f"{self.url.rstrip('/')}/.well-known/openid-configuration"
            found = _answer(client, where)
            if found["issuer"] != self.url:
                raise ValueError("the issuer calls itself otherwise")
            if self.url.startswith("https:") and not found["jwks_uri"].startswith("https:"):
                raise ValueError("the keys would come in plain text")
            keys: Sequence[Any] = _answer(client, found["jwks_uri"])["keys"]
        return KeySet([key for one in keys[:MAX_KEYS] if (key := _signing_key(one))])


def _signing_key(shown: Any) -> RSAKey | ECKey | OKPKey | None:
    """Make a key of what an issuer shows; None where it is none that signs, or none we know."""
    try:
        may_sign = shown.get("use") in (None, "sig") and "verify" in shown.get(
            "key_ops", ["verify"]
        )
        if not may_sign or not isinstance(shown.get("kid", ""), str):
            return None
        return _KINDS[shown["kty"]].import_key(dict(shown))
    except _FAULTS:  # One that is odd locks nobody out who is signed by another.
        return None


def _answer(client: httpx.Client, url: str) -> Any:
    """Get JSON of bounded size."""
    body = bytearray()
    with client.stream("GET", url) as response:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("the issuer answers too much")
    return httpx.Response(200, content=bytes(body)).json()


def _reason(fault: JoseError, claims: Mapping[str, Any]) -> str:
    if fault.error == "expired_token":
        return "The token has expired."
    claim = getattr(fault, "claim", "")
    moment = claims.get(claim)
    if claim in {"nbf", "iat"} and isinstance(moment, int | float) and moment > time.time():
        return (
            f"The token is not valid yet: its claim `{claim}` is to come, by this server's clock."
        )
    return f"The claim `{claim}` of the token is missing, or is not what this server asks for."
