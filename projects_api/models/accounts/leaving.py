"""Leaving: what somebody alone owns, maintains or answers for goes to another one.

Who leaves is held as nobody else holds a user: nothing new can refer to the row, not even what
only names it, until it is gone. What was there before is looked at behind that lock alone.
"""

from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from projects_api.models import api_key, job, member, user
from projects_api.models.accounts import service_account
from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.models.teams import effective, team
from projects_api.models.teams.project_team import project_teams
from projects_api.models.teams.team import team_people, teams


class Alone(NamedTuple):
    """What would be without anybody: projects and teams by their ids, and accounts."""

    projects: list[str]
    teams: list[str]
    accounts: int


class HeirNeeded(Exception):
    """Something would be without anybody, and nobody is named to have it."""

    def __init__(self, alone: Alone) -> None:
        super().__init__(alone)
        self.alone = alone


class HeirRefused(Exception):
    """The heir is no active person, or is the one who leaves."""


class Gone(Exception):
    """Who should leave, or the heir, left meanwhile."""


def find_alone(connection: Connection, user_id: str) -> Alone:
    """Find what nobody but this user owns, maintains or answers for."""
    return Alone(
        member.list_owned_alone(connection, user_id),
        team.list_maintained_alone(connection, user_id),
        service_account.count(connection, user_id),
    )


def remove(connection: Connection, user_id: str, heir_id: str | None) -> None:
    """Remove a user with all keys and memberships; the heir, if one is needed, has the rest.

    Raises HeirNeeded, HeirRefused and Gone.
    """
    _hold_places(connection, user_id)
    _hold_users(connection, user_id, heir_id)
    # Once more, for what came before the user was held; from here on nothing comes.
    _hold_places(connection, user_id)
    alone = find_alone(connection, user_id)
    if heir_id is not None:
        _inherit(connection, alone, user_id, heir_id)
    elif any(alone):
        raise HeirNeeded(alone)
    job.hand_over(connection, user_id)
    user.remove(connection, user_id)


def _hold_places(connection: Connection, user_id: str) -> None:
    """Hold the user's teams, and then all projects that the user or such a team is in.

    So does everybody who changes a team: teams, then projects, then users, each by its ids.
    """
    in_team = select(team_people.c.team_id).where(team_people.c.user_id == user_id)
    held = select(teams.c.id).where(teams.c.id.in_(in_team)).order_by(teams.c.id)
    connection.execute(held.with_for_update()).all()
    as_member = select(members.c.project_id).where(members.c.user_id == user_id)
    by_team = select(project_teams.c.project_id).where(project_teams.c.team_id.in_(in_team))
    these = or_(projects.c.id.in_(as_member), projects.c.id.in_(by_team))
    held = select(projects.c.id).where(these).order_by(projects.c.id)
    connection.execute(held.with_for_update()).all()


def _hold_users(connection: Connection, user_id: str, heir_id: str | None) -> None:
    """Hold who leaves and the heir, who must be able to answer for things."""
    wanted = {user_id} if heir_id is None else {user_id, heir_id}
    held = user.hold(connection, wanted, leaving=user_id)
    if user_id not in held or (heir_id is not None and heir_id not in held):
        raise Gone
    if heir_id is not None and (heir_id == user_id or held[heir_id] is not user.State.ACTIVE):
        raise HeirRefused


def _inherit(connection: Connection, alone: Alone, user_id: str, heir_id: str) -> None:
    for project_id in alone.projects:
        member.put(connection, project_id, heir_id, "owner")
    for team_id in alone.teams:
        # Who leaves makes room first.
        team.remove_person(connection, team_id, user_id)
        team.put_person(connection, team_id, heir_id, "maintainer")
        effective.refresh(connection, effective.hold_projects(connection, team_id), [heir_id])
    # Who left may have kept copies of the keys, and the heir has none of them.
    api_key.revoke_of_accounts(connection, user_id)
    service_account.hand_over(connection, user_id, heir_id)
