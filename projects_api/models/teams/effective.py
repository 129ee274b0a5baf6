"""Effective roles: what teams give to the members of projects, kept in the rows of the members.

Every request and every list of projects reads one row of `members`. It says what holds; so it is
made anew, in the same transaction, where a team, or what a team is in a project, changes.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from projects_api.models import member
from projects_api.models.base import now
from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.models.teams.project_team import list_project_ids, project_teams
from projects_api.models.teams.team import team_people

Place = tuple[str, str]
"""A person and a project, by their ids."""


def _rank(role: ColumnElement[Any]) -> ColumnElement[int]:
    return case({one: number for number, one in enumerate(member.ROLES)}, value=role)


_THIS = and_(
    members.c.user_id == bindparam("of_user"), members.c.project_id == bindparam("of_project")
)
HIGHEST = (
    select(
        team_people.c.user_id,
        project_teams.c.project_id,
        func.max(_rank(project_teams.c.role)).label("rank"),
    )
    .join(project_teams, project_teams.c.team_id == team_people.c.team_id)
    .group_by(team_people.c.user_id, project_teams.c.project_id)
)
"""The place, in the order of roles, of the highest role that teams give to each person."""


_NONE = -1
_HIGHEST = HIGHEST.subquery()
_BY_TEAMS = func.coalesce(_HIGHEST.c.rank, _NONE)
_DIRECTLY = func.coalesce(_rank(members.c.direct_role), _NONE)
_WRONG = (
    select(members.c.user_id, members.c.project_id)
    .outerjoin(
        _HIGHEST,
        and_(
            _HIGHEST.c.user_id == members.c.user_id,
            _HIGHEST.c.project_id == members.c.project_id,
        ),
    )
    .where(
        or_(
            func.coalesce(_rank(members.c.team_role), _NONE) != _BY_TEAMS,
            _rank(members.c.role) != case((_DIRECTLY > _BY_TEAMS, _DIRECTLY), else_=_BY_TEAMS),
        )
    )
)
_MISSING = select(_HIGHEST.c.user_id, _HIGHEST.c.project_id).where(
    ~exists().where(
        members.c.user_id == _HIGHEST.c.user_id, members.c.project_id == _HIGHEST.c.project_id
    )
)


def find_wrong(connection: Connection, *, limit: int) -> list[Place]:
    """Find whose role in which project is not what was given to the person and teams give."""
    return [
        (row.user_id, row.project_id)
        for query in (_WRONG, _MISSING)
        for row in connection.execute(query.limit(limit))
    ]


def hold_projects(connection: Connection, team_id: str) -> list[str]:
    """Make others who change members of a team's projects wait; return the projects' ids.

    They are held in one order by everybody, so that nobody waits for one who waits.
    """
    ids = list_project_ids(connection, team_id)
    these = select(projects.c.id).where(projects.c.id.in_(ids)).order_by(projects.c.id)
    return list(connection.scalars(these.with_for_update()))


def refresh(
    connection: Connection, project_ids: Collection[str], user_ids: Collection[str]
) -> None:
    """Make the roles right that these people have in these projects, which must be held."""
    wanted = {
        (row.user_id, row.project_id): member.ROLES[row.rank]
        for row in connection.execute(_within(HIGHEST, team_people, project_ids, user_ids))
    }
    kept = select(
        members.c.user_id, members.c.project_id, members.c.direct_role, members.c.team_role
    )
    found = {
        (row.user_id, row.project_id): row
        for row in connection.execute(_within(kept, members, project_ids, user_ids))
    }
    _add(connection, {place: role for place, role in wanted.items() if place not in found})
    _change(
        connection,
        {
            place: (row.direct_role, wanted.get(place))
            for place, row in found.items()
            if row.team_role != wanted.get(place)
        },
    )


def _within(
    rows: Select[Any], people: Any, project_ids: Collection[str], user_ids: Collection[str]
) -> Select[Any]:
    table = members if people is members else project_teams
    return rows.where(people.c.user_id.in_(user_ids), table.c.project_id.in_(project_ids))


def _add(connection: Connection, roles: dict[Place, str]) -> None:
    moment = now()
    rows = [
        {
            "user_id": user_id,
            "project_id": project_id,
            "role": role,
            "team_role": role,
            "created_at": moment,
        }
        for (user_id, project_id), role in roles.items()
    ]
    if rows:
        connection.execute(insert(members), rows)


def _change(connection: Connection, roles: dict[Place, tuple[str | None, str | None]]) -> None:
    """Keep, by place, the direct role and the one by teams; who has neither is no member."""
    gone, changed = [], []
    for (user_id, project_id), (direct_role, team_role) in roles.items():
        place = {"of_user": user_id, "of_project": project_id}
        if role := member.higher(direct_role, team_role):
            changed.append({**place, "role": role, "team_role": team_role})
        else:
            gone.append(place)
    if gone:
        connection.execute(delete(members).where(_THIS), gone)
    if changed:
        connection.execute(update(members).where(_THIS), changed)
