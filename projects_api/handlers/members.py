"""Members: who else may work in a project."""

from typing import Any

from sqlalchemy import Connection

from projects_api.access.problems import (
    InsufficientRole,
    LastOwner,
    MemberNotFound,
    UserNotRegistered,
)
from projects_api.models import member as members
from projects_api.models import user
from projects_api.models.api_key import Caller
from projects_api.schemas import MemberCaller, MemberEnvelope, MemberList, MemberRole, Project


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
    user_id = user.find_id(connection, email)
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
        raise MemberNotFound
    if not members.has_owner(connection, project["id"]):
        raise LastOwner
    return {"ok": True}
