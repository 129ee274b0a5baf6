"""Admission: the caller behind a key, and what a project is to that caller, in one statement.

Nearly every request asks both, and to PostgreSQL each statement is a journey.
"""

from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from projects_api.models import api_key
from projects_api.models.api_key import Caller, api_keys
from projects_api.models.member import members
from projects_api.models.project import COLUMNS, projects
from projects_api.models.statements import DriverStatement
from projects_api.schemas import Project

Membership = tuple[Project, str]
"""A project, and the role that somebody has in it."""

_IN_PROJECT = and_(
    members.c.user_id == api_keys.c.user_id, members.c.project_id == bindparam("project_id")
)
_WANTED = select(*api_key.COLUMNS, *COLUMNS, members.c.role).where(api_key.LIVE)
_ADMIT = DriverStatement(
    _WANTED.select_from(api_keys.outerjoin(members, _IN_PROJECT).outerjoin(projects))
)
_ADMIT_LOCKED = DriverStatement(
    _WANTED.select_from(api_keys.join(members, _IN_PROJECT).join(projects)).with_for_update(
        of=(projects, members)
    )
)
"""No row can be locked that may be missing, so that this one finds members only.

Who waited for a project's lock has an old member, unless that row is locked, too: whoever was taken
out meanwhile would go on as a member.
"""
_SHOWN = [column.name for column in COLUMNS]


def admit(
    connection: Connection, token: str, project_id: str, *, lock: bool = False
) -> tuple[Caller | None, Membership | None]:
    """Find the caller behind a living key, and the project with the caller's role in it.

    `lock` makes other writers of this project wait until the transaction ends.
    """
    statement = _ADMIT_LOCKED if lock else _ADMIT
    row: Any = api_key.find_row(statement, connection, token, project_id=project_id)
    if row is None:
        return (api_key.authenticate(connection, token) if lock else None), None
    caller, role = api_key.caller_of(row), row["role"]
    project: Any = {name: row[name] for name in _SHOWN}
    return caller, (project, role) if role else None
