"""Tokens of OpenID Connect: whose they are, and what they allow.

A token is verified in a thread, for that may ask the issuer for keys, and remembered until it ends:
its other requests find it in memory, and ask the database only whether the person may still enter.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from projects_api.access.problems import Unavailable
from projects_api.contract.problems import Unauthenticated
from projects_api.contract.visible import cleaned
from projects_api.database import Database
from projects_api.models.accounts.service_account import is_address
from projects_api.models.api_key import SCOPES, Caller
from projects_api.models.base import storable
from projects_api.models.outside import identity

DEFAULT_SCOPES = ("read", "write")
MOST_REMEMBERED = 10_000
MOST_SECONDS = 600.0
"""How long a token is remembered at most, in which a key that the issuer withdrew still counts."""
MAX_ADDRESS, MAX_SUBJECT, MAX_NAME = 254, 255, 255
ASK = " Ask the issuer for a new one, or use an API key."


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    until: float


class Tokens:
    """Finds callers behind tokens of an issuer."""

    def __init__(
        self,
        database: Database,
        issuer: str,
        audience: str,
        *,
        allowed_groups: Collection[str] = (),
        scopes_claim: str | None = None,
    ) -> None:
        from projects_api.access.issuer import Issuer  # noqa: PLC0415 - of the extra `oidc`

        self._database = database
        self._issuer = Issuer(issuer, audience)
        self._allowed_groups = frozenset(allowed_groups)
        self._scopes_claim = scopes_claim
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._lock = threading.Lock()

    @staticmethod
    def is_one(token: str) -> bool:
        """Return whether a bearer token is meant to be one of an issuer, and no API key."""
        return token.count(".") == 2  # noqa: PLR2004 - header, claims, signature (RFC 7515)

    def known(self, token: str) -> Caller | None:
        """Find the caller behind a token that was verified and has not ended."""
        digest = _digest(token)
        with self._lock:
            found = self._remembered.get(digest)
            if found is None:
                return None
            if time.time() >= found.until:
                del self._remembered[digest]
                return None
            self._remembered.move_to_end(digest)
            return found.caller

    def verify(self, token: str) -> None:
        """Verify a token and remember it; raises Unauthenticated, or Unavailable."""
        # As above.
        from projects_api.access.issuer import (  # noqa: PLC0415
            SKEW_SECONDS,
            IssuerAway,
            TokenRefused,
        )

        try:
            claims = self._issuer.verify(token)
        except TokenRefused as refused:
            raise Unauthenticated(f"{refused.reason}{ASK}") from refused
        except IssuerAway as away:
            raise Unavailable(
                "The issuer of tokens does not tell its keys. Repeat the request later, or use an "
                "API key."
            ) from away
        self._check_groups(claims)
        found = self._find(claims)
        caller = Caller(found.user_id, found.id, frozenset(self._scopes(claims)))
        until = min(float(claims["exp"]) + SKEW_SECONDS, time.time() + MOST_SECONDS)
        with self._lock:
            self._remembered[_digest(token)] = _Remembered(caller, until)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)

    def _check_groups(self, claims: Mapping[str, Any]) -> None:
        if self._allowed_groups and self._allowed_groups.isdisjoint(_groups(claims.get("groups"))):
            raise Unauthenticated(
                "The claim `groups` of the token names no group that may use this server. Ask the "
                "server's operator which ones may."
            )

    def _scopes(self, claims: Mapping[str, Any]) -> Sequence[str]:
        if self._scopes_claim is None:
            return DEFAULT_SCOPES
        given = _texts(claims.get(self._scopes_claim))
        return [scope for scope in SCOPES if scope in given]

    def _find(self, claims: Mapping[str, Any]) -> identity.Known:
        subject = claims["sub"]
        if not _is_subject(subject):
            raise Unauthenticated(f"The claim `sub` of the token is no name of a person.{ASK}")
        with self._database.transaction(writing=False) as connection:
            found = identity.find(connection, self._issuer.url, subject)
        return found or self._link(subject, claims)

    def _link(self, subject: str, claims: Mapping[str, Any]) -> identity.Known:
        """Link somebody who comes for the first time, by an address that the issuer verified."""
        email = _address(claims.get("email"))
        if email is None or claims.get("email_verified") is not True:
            raise Unauthenticated(
                "This server does not know you yet, and the token has no verified e-mail address: "
                "`email` with `email_verified`. Ask for a token with the scope `email`."
            )
        named = claims.get("name")
        name = cleaned(storable(named, MAX_NAME)) if isinstance(named, str) else ""
        try:
            return self._linked(subject, email, name or email)
        except IntegrityError:  # Two requests came together, and the other was first.
            return self._linked(subject, email, name or email)

    def _linked(self, subject: str, email: str, name: str) -> identity.Known:
        try:
            with self._database.transaction() as connection:
                return identity.link(connection, self._issuer.url, subject, email=email, name=name)
        except identity.AlreadyLinked as linked:
            raise Unauthenticated(
                "Somebody else of this issuer had your e-mail address here. Ask the server's "
                "operator to remove that person."
            ) from linked


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _is_subject(value: Any) -> bool:
    """Return whether a claim is a name that both databases keep as it is."""
    is_text = isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT
    return is_text and value.isprintable()


def _groups(value: Any) -> set[str]:
    """Read a claim that is a list of names, or one name, in which there may be spaces."""
    return {value} if isinstance(value, str) else _texts(value)


def _texts(value: Any) -> set[str]:
    """Read a claim that is a list of texts, or one text with spaces between."""
    if isinstance(value, str):
        return set(value.split())
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()


def _address(value: Any) -> str | None:
    """Return what may be an e-mail address: it is the issuer that knows whether it is one."""
    if not isinstance(value, str) or len(value) > MAX_ADDRESS or not value.isascii():
        return None
    local, _, domain = value.rpartition("@")
    is_one = local and "." in domain and value.isprintable() and " " not in value
    # Nobody signs in as a program, whatever an issuer says.
    return value if is_one and not is_address(value) else None
