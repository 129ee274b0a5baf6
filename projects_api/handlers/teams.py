"""Teams: groups of people who together are members of projects."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    InsufficientRole,
    LastMaintainer,
    PersonDeactivated,
    TeamNotFound,
    TeamPersonNotFound,
    UserNotRegistered,
)
from projects_api.models import usage, user
from projects_api.models.api_key import Caller
from projects_api.models.teams import effective
from projects_api.models.teams import team as teams
from projects_api.schemas import (
    Team,
    TeamCreated,
    TeamEnvelope,
    TeamList,
    TeamPersonEnvelope,
    TeamPersonList,
)


def list_teams(connection: Connection, caller: Caller, *, limit: int, offset: int) -> TeamList:
    """List the teams that the caller is in, by name."""
    items, total = teams.list_for_person(connection, caller.user_id, limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def create_team(connection: Connection, caller: Caller, name: str) -> TeamCreated:
    """Make a team that the caller maintains."""
    usage.hold_person(connection, caller.user_id)
    team = teams.create(connection, caller.user_id, name=name)
    return {"team_id": team["id"], "team": team}


def get_team(connection: Connection, caller: Caller, team_id: str) -> TeamEnvelope:
    """Get a team that the caller is in."""
    return {"team": _found(connection, caller, team_id)}


def update_team(connection: Connection, caller: Caller, team_id: str, name: str) -> TeamEnvelope:
    """Rename a team."""
    _hold_maintained(connection, caller, team_id)
    teams.rename(connection, team_id, name)
    return {"team": _found(connection, caller, team_id)}


def delete_team(connection: Connection, caller: Caller, team_id: str) -> dict[str, Any]:
    """Delete a team, and with it what it made its people in projects."""
    _hold_maintained(connection, caller, team_id)
    project_ids = effective.hold_projects(connection, team_id)
    user_ids = teams.list_user_ids(connection, team_id)
    teams.remove(connection, team_id)
    effective.refresh(connection, project_ids, user_ids)
    return {"ok": True}


def list_team_people(
    connection: Connection, caller: Caller, team_id: str, *, limit: int, offset: int
) -> TeamPersonList:
    """List the people of a team in the order in which they came."""
    _found(connection, caller, team_id)
    items, total = teams.list_people(connection, team_id, limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def add_team_person(
    connection: Connection, caller: Caller, team_id: str, email: str, role: str
) -> TeamPersonEnvelope:
    """Take a registered person into a team, or change the role of one who is in it."""
    _hold_maintained(connection, caller, team_id)
    user_id = user.keep(connection, email)
    if user_id is None:
        raise UserNotRegistered(
            "Nobody with this e-mail address is registered on this server. "
            "Ask the server's operator to add the person, then repeat the request."
        )
    if role == "maintainer" and not user.is_active(connection, user_id):
        raise PersonDeactivated
    did_maintain = teams.maintains(connection, team_id, user_id)
    person = teams.put_person(connection, team_id, user_id, role)
    if did_maintain:
        _check_maintained(connection, team_id)
    effective.refresh(connection, effective.hold_projects(connection, team_id), [user_id])
    return {"person": person}


def remove_team_person(
    connection: Connection, caller: Caller, team_id: str, user_id: str
) -> dict[str, Any]:
    """Take a person out of a team: a maintainer anybody, everybody themselves."""
    user_id = user_id.lower()
    if user_id == caller.user_id:
        teams.hold(connection, team_id)
        _found(connection, caller, team_id)
    else:
        _hold_maintained(connection, caller, team_id)
    did_maintain = teams.maintains(connection, team_id, user_id)
    if not teams.remove_person(connection, team_id, user_id):
        raise TeamPersonNotFound
    if did_maintain:
        _check_maintained(connection, team_id)
    effective.refresh(connection, effective.hold_projects(connection, team_id), [user_id])
    return {"ok": True}


def _found(connection: Connection, caller: Caller, team_id: str) -> Team:
    team = teams.find_for_person(connection, team_id, caller.user_id)
    if team is None:
        raise TeamNotFound
    return team


def _hold_maintained(connection: Connection, caller: Caller, team_id: str) -> None:
    """Let nobody else change a team, and refuse who does not maintain it."""
    teams.hold(connection, team_id)
    if _found(connection, caller, team_id)["role"] != "maintainer":
        raise InsufficientRole(
            "Only a maintainer of the team changes it. Ask one; the list of its people names them."
        )


def _check_maintained(connection: Connection, team_id: str) -> None:
    if not teams.has_maintainer(connection, team_id):
        raise LastMaintainer
