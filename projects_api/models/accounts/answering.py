"""Who answers: what always has somebody, and rows that say otherwise."""

from sqlalchemy import Connection, FromClause, exists, select

from projects_api.models.member import members
from projects_api.models.project import projects
from projects_api.models.teams.team import team_people, teams
from projects_api.models.user import service_accounts, users

_OWNED = exists().where(members.c.project_id == projects.c.id, members.c.role == "owner")
_MAINTAINED = exists().where(
    team_people.c.team_id == teams.c.id, team_people.c.role == "maintainer"
)
_OWNER: FromClause = users.alias()
_PROGRAM: FromClause = service_accounts.alias()
_ACCOUNTS = (
    select(service_accounts.c.user_id)
    .join(users, users.c.id == service_accounts.c.user_id)
    .join(_OWNER, _OWNER.c.id == service_accounts.c.owner_id)
)
FAULTS = {
    "project {} has no owner": select(projects.c.id).where(~_OWNED),
    "team {} has no maintainer": select(teams.c.id).where(~_MAINTAINED),
    "the owner of service account {} is no person": _ACCOUNTS.join(
        _PROGRAM, _PROGRAM.c.user_id == service_accounts.c.owner_id
    ),
    "service account {} is active, and its owner is deactivated": _ACCOUNTS.where(
        users.c.deactivated_at.is_(None), _OWNER.c.deactivated_at.is_not(None)
    ),
}
"""What would be wrong with an id, and the ids of which it is."""


def find_wrong(connection: Connection, *, limit: int) -> list[str]:
    """Tell what has nobody who answers for it, or somebody who cannot."""
    return [
        told.format(found)
        for told, ids in FAULTS.items()
        for found in connection.scalars(ids.limit(limit))
    ]
