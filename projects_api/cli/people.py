"""Commands about people and their keys."""

# Commands import what they need when they run: `--help` should not wait for a database library.
# ruff: noqa: PLC0415

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from projects_api.cli.arguments import print_table
from projects_api.cli.common import (
    check_name,
    check_person,
    fail,
    id_or_end,
    opened_database,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

users = typer.Typer(no_args_is_help=True, help="People who may have keys and projects.")
keys = typer.Typer(no_args_is_help=True, help="API keys.")


@users.command("add")
def add_user(
    email: str, name: Annotated[str | None, typer.Option(help="Default: the address.")] = None
) -> None:
    """Register a person, who can then get keys and be a member of projects."""
    from sqlalchemy.exc import IntegrityError

    from projects_api.models import user
    from projects_api.models.accounts import service_account

    name = name or email
    check_person(name=name, email=email)
    if service_account.is_address(email):
        raise typer.BadParameter(f"{email} is in a domain that only service accounts have")
    try:
        with opened_database() as database, database.transaction() as connection:
            user_id = user.create(connection, email=email, name=name)
    except IntegrityError:
        fail(f"{email} is registered already")
    typer.echo(user_id)  # when it is kept


@users.command("list")
def list_users() -> None:
    """List everybody who is registered, with the bytes that are kept for each."""
    from projects_api.models import usage, user

    with opened_database() as database, database.transaction(writing=False) as connection:
        kept, rows = usage.list_people(connection), []
        for row in user.list_all(connection):
            stored_bytes = kept.get(row["id"], 0)
            rows.append((row["id"], row["email"], f"{stored_bytes} bytes", row["name"]))
    print_table(rows, terminal=sys.stdout.isatty())


@users.command("disable")
def disable_user(email: str) -> None:
    """Revoke all keys of a person and of the person's service accounts, who stay members.

    A new key lets the person in again.
    """
    from projects_api.models import api_key

    with opened_database() as database, database.transaction() as connection:
        count = api_key.revoke_all(connection, _known(connection, email))
    typer.echo(f"{count} keys of {email} and of accounts of {email} are revoked.")


@users.command("deactivate")
def deactivate_user(email: str) -> None:
    """Have no key of a person work, new ones included, until the person is activated."""
    from projects_api.models import user

    with opened_database() as database, database.transaction() as connection:
        user.deactivate(connection, _known(connection, email))
    typer.echo(f"No key of {email} works until `projects-api users activate {email}`.")


@users.command("activate")
def activate_user(email: str) -> None:
    """Have the keys of a person work again who was deactivated; revoked ones stay revoked."""
    from projects_api.models import user

    with opened_database() as database, database.transaction() as connection:
        try:
            user.activate(connection, _known(connection, email))
        except user.OwnerDeactivated:
            fail(f"the owner of {email} is deactivated: activate the owner first")
    typer.echo(f"The keys of {email} work, but for those that are revoked or have expired.")


@users.command("remove")
def remove_user(
    email: str,
    heir: Annotated[
        str | None,
        typer.Option(help="E-mail address of who then owns and maintains what nobody else does."),
    ] = None,
) -> None:
    """Remove a person with all keys and memberships; what the person made stays."""
    from projects_api.models.accounts import leaving

    with opened_database() as database, database.transaction() as connection:
        user_id = _known(connection, email)
        heir_id = _known(connection, heir) if heir else None
        try:
            leaving.remove(connection, user_id, heir_id)
        except leaving.HeirNeeded as needed:
            alone = needed.alone
            fail(
                f"{email} alone owns {len(alone.projects)} projects "
                f"({', '.join(alone.projects[:5])}), maintains {len(alone.teams)} teams and has "
                f"{alone.accounts} service accounts: name another person by --heir"
            )
        except leaving.HeirRefused:
            fail(
                f"{heir} cannot answer for what {email} leaves: name another person by --heir, who "
                "is not deactivated and no service account"
            )
        except leaving.Gone:
            fail(f"{email} or the heir was removed meanwhile: `projects-api users list`")
    typer.echo(f"{email} is removed ({user_id}).")


def _known(connection: "Connection", email: str) -> str:
    from projects_api.models import user

    user_id = user.find_id(connection, email)
    if user_id is None:
        fail(f"{email} is not registered: `projects-api users list`")
    return user_id


@keys.command("create")
def create_key(
    email: str,
    scopes: Annotated[
        str, typer.Option(help="Of read, write, predict, admin; commas between.")
    ] = "read,write,predict",
    name: Annotated[str, typer.Option(help="What the key is for: at most 255 letters.")] = "",
    days: Annotated[
        float | None,
        typer.Option(help="Days until the key expires: more than 0, or a part of one.", max=36_500),
    ] = None,
) -> None:
    """Make an API key. It is shown once, and never again."""
    from projects_api.models import api_key, user
    from projects_api.models.base import to_text

    wanted = tuple(dict.fromkeys(scope.strip() for scope in scopes.split(",")))
    if unknown := set(wanted) - set(api_key.SCOPES):
        raise typer.BadParameter(f"unknown scopes: {', '.join(sorted(unknown))}")
    if name:
        check_name(name)
    if days is not None and days <= 0:
        raise typer.BadParameter("--days takes more than 0; without it a key does not expire")
    expires_at = None if days is None else to_text(datetime.now(UTC) + timedelta(days=days))
    with opened_database() as database, database.transaction() as connection:
        user_id = user.find_id(connection, email)
        if user_id is None:
            fail(f"{email} is not registered: `projects-api users add {email}`")
        try:
            key = api_key.issue(
                connection, user_id=user_id, name=name, scopes=wanted, expires_at=expires_at
            )
        except api_key.NotForServiceAccounts:
            fail(f"{email} is a service account, which has no key with the scope admin")
    typer.echo(f"API_KEY={key}")


@keys.command("list")
def list_keys() -> None:
    """List every key, without its secret."""
    from projects_api.models import api_key

    with opened_database() as database, database.transaction(writing=False) as connection:
        rows = [
            tuple(map(str, (row["id"], row["email"], row["scopes"], _state(row), row["name"])))
            for row in api_key.list_all(connection)
        ]
    print_table(rows, terminal=sys.stdout.isatty())


def _state(key: dict[str, str | None]) -> str:
    """Say whether a key is live."""
    if key["revoked_at"]:
        return f"revoked {key['revoked_at']}"
    if key["expires_at"]:
        is_past = datetime.fromisoformat(key["expires_at"]) <= datetime.now(UTC)
        return f"{'expired' if is_past else 'expires'} {key['expires_at']}"
    return "live"


def _key_id(text: str) -> str:
    return id_or_end(text, f"there is no live key {text}: `projects-api keys list`")


@keys.command("revoke")
def revoke_key(key_id: str) -> None:
    """Make a key useless, at once and in every process."""
    from projects_api.models import api_key

    with opened_database() as database, database.transaction() as connection:
        if not api_key.revoke(connection, _key_id(key_id)):
            fail(f"there is no live key {key_id}: `projects-api keys list`")


@keys.command("rotate")
def rotate_key(key_id: str) -> None:
    """Revoke a key, and make one in its place with the same name, scopes and end."""
    from projects_api.models import api_key

    with opened_database() as database, database.transaction() as connection:
        key = api_key.rotate(connection, _key_id(key_id))
    if key is None:
        fail(f"there is no live key {key_id}: `projects-api keys list`")
    typer.echo(f"API_KEY={key}")
