"""Members: who else may work in a project, by themselves and by teams."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    InsufficientRole,
    LastOwner,
    MemberNotFound,
    MemberThroughTeam,
    TeamNotFound,
    UserNotRegistered,
)
from projects_api.models import member as members
from projects_api.models import user
from projects_api.models.api_key import Caller
from projects_api.models.teams import effective, project_team, team
from projects_api.schemas import (
    MemberCaller,
    MemberEnvelope,
    MemberList,
    MemberRole,
    Project,
    ProjectTeamEnvelope,
    ProjectTeamList,
)


def list_members(
    connection: Connection,
    project: Project,
    caller: Caller,
    role_of_caller: MemberRole,
    *,
    limit: int,
    offset: int,
) -> MemberList:
    """List the members of a project in the order in which they joined."""
    items, total = members.list_for_project(connection, project["id"], limit=limit, offset=offset)
    own: MemberCaller = {"user_id": caller.user_id, "role": role_of_caller}
    return {"items": items, "caller": own, "total": total, "limit": limit, "offset": offset}


def add_member(connection: Connection, project: Project, email: str, role: str) -> MemberEnvelope:
    """Add a registered person, or change the role of one who is a member already.

    Nobody can give a role above their own, because only owners get here.
    """
    user_id = user.keep(connection, email)
    if user_id is None:
        raise UserNotRegistered(
            "Nobody with this e-mail address is registered on this server. "
            "Ask the server's operator to add the person, then repeat the request."
        )
    added = members.put(connection, project["id"], user_id, role)
    if not members.has_owner(connection, project["id"]):
        raise LastOwner
    return {"member": added}


def remove_member(
    connection: Connection,
    project: Project,
    caller: Caller,
    role_of_caller: str,
    member_id: str,
) -> dict[str, Any]:
    """Remove a member: an owner removes anybody, everybody may leave."""
    if member_id != caller.user_id and role_of_caller != "owner":
        raise InsufficientRole("Only an owner removes others. You may remove yourself.")
    if not members.remove(connection, project["id"], member_id):
        known = members.find(connection, project["id"], member_id)
        raise MemberThroughTeam if known else MemberNotFound
    if not members.has_owner(connection, project["id"]):
        raise LastOwner
    return {"ok": True}


def list_project_teams(
    connection: Connection, project: Project, *, limit: int, offset: int
) -> ProjectTeamList:
    """List the teams of a project, oldest first."""
    items, total = project_team.list_for_project(
        connection, project["id"], limit=limit, offset=offset
    )
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def add_project_team(
    connection: Connection, project: Project, caller: Caller, team_id: str, role: str
) -> ProjectTeamEnvelope:
    """Give everybody in a team a role; to who is not in it, one that is not here is not there.

    So nobody makes strangers members by the id of a team, or learns that there is such a team. And
    only a maintainer does: a team is in as many projects as its maintainers want.
    """
    project_id = project["id"]
    if not project_team.change(connection, project_id, team_id, role):
        team.hold(connection, team_id)
        found = team.find_for_person(connection, team_id, caller.user_id)
        if found is None:
            raise TeamNotFound
        if found["role"] != "maintainer":
            raise InsufficientRole(
                "Only a maintainer of a team brings it into a project. Ask one to do it who owns "
                "the project, too, or to make you a maintainer."
            )
        project_team.add(connection, project_id, team_id, role)
    effective.refresh(connection, [project_id], team.list_user_ids(connection, team_id))
    added = project_team.find(connection, project_id, team_id)
    assert added is not None
    return {"team": added}


def remove_project_team(
    connection: Connection, project: Project, caller: Caller, role_of_caller: str, team_id: str
) -> dict[str, Any]:
    """Take a team out of a project, and its people where nothing else keeps them.

    An owner of the project takes out any, and a maintainer of the team that one.
    """
    if role_of_caller != "owner":
        mine = team.find_for_person(connection, team_id, caller.user_id)
        if mine is None or mine["role"] != "maintainer":
            raise InsufficientRole(
                "Only an owner of the project, or a maintainer of the team, takes the team out of "
                "it. Ask one; you may leave the team by yourself."
            )
    if not project_team.remove(connection, project["id"], team_id):
        raise TeamNotFound
    effective.refresh(connection, [project["id"]], team.list_user_ids(connection, team_id))
    return {"ok": True}
