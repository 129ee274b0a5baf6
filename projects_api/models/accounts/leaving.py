"""Leaving: what somebody alone owns, maintains or answers for goes to another one."""

from typing import NamedTuple

from sqlalchemy import Connection

from projects_api.models import job, member, project, user
from projects_api.models.accounts import service_account
from projects_api.models.teams import effective, team


class Alone(NamedTuple):
    """What would be without anybody: projects and teams by their ids, and accounts."""

    projects: list[str]
    teams: list[str]
    accounts: int


def find_alone(connection: Connection, user_id: str) -> Alone:
    """Find what nobody but this user owns, maintains or answers for."""
    return Alone(
        member.list_owned_alone(connection, user_id),
        team.list_maintained_alone(connection, user_id),
        service_account.count(connection, user_id),
    )


def remove(connection: Connection, user_id: str, heir_id: str | None) -> None:
    """Remove a user with all keys and memberships; the heir, if one is needed, has the rest."""
    if heir_id is not None:
        alone = find_alone(connection, user_id)
        for project_id in sorted(alone.projects):
            project.hold(connection, project_id)
            member.put(connection, project_id, heir_id, "owner")
        for team_id in sorted(alone.teams):
            _inherit_team(connection, team_id, user_id, heir_id)
        service_account.hand_over(connection, user_id, heir_id)
    job.hand_over(connection, user_id)
    user.remove(connection, user_id)


def _inherit_team(connection: Connection, team_id: str, user_id: str, heir_id: str) -> None:
    """Have the heir maintain a team in somebody's place, who so makes room."""
    team.hold(connection, team_id)
    team.remove_person(connection, team_id, user_id)
    team.put_person(connection, team_id, heir_id, "maintainer")
    effective.refresh(connection, effective.hold_projects(connection, team_id), [heir_id])
