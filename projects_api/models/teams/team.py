"""Teams, and who is in them."""

from typing import Any

from sqlalchemy import (
    Connection,
    FromClause,
    Index,
    Select,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    new_id,
    now,
    one_of,
    row_of,
    table_of,
)
from projects_api.models.statements import Listing
from projects_api.models.user import users

ROLES = ("member", "maintainer")
MOST_OF_PERSON = 20
"""Teams that one person has made, whoever maintains them now."""
MOST_PEOPLE = 100


class TooManyTeams(Exception):
    """A person has made as many teams as one may."""


class TeamFull(Exception):
    """A team has as many people as it may."""


class Team(SQLModel, table=True):
    """A group of people; `made_by` is for counting alone, and null once that person is removed."""

    __tablename__ = "teams"
    __table_args__ = (Index(None, "made_by"),)

    id: str = Field(primary_key=True, sa_type=Identifier)
    name: str = Field(sa_type=binary_text(255))
    made_by: str | None = Field(
        default=None, foreign_key="users.id", ondelete="SET NULL", sa_type=Identifier
    )
    created_at: str = Field(sa_type=Timestamp)


class TeamPerson(SQLModel, table=True):
    """A person in a team."""

    __tablename__ = "team_people"
    __table_args__ = (one_of("role", ROLES), Index(None, "team_id", "created_at", "user_id"))

    user_id: str = Field(
        primary_key=True, foreign_key="users.id", ondelete="CASCADE", sa_type=Identifier
    )
    team_id: str = Field(
        primary_key=True, foreign_key="teams.id", ondelete="CASCADE", sa_type=Identifier
    )
    role: str = Field(max_length=16)
    created_at: str = Field(sa_type=Timestamp)


teams = table_of(Team)
team_people = table_of(TeamPerson)

_PLACES = table("project_teams", column("team_id"))
"""Of a module that imports this one, what is counted here."""
_SHOWN = (
    teams.c.id,
    teams.c.name,
    team_people.c.role,
    teams.c.created_at,
    select(func.count())
    .select_from(_PLACES)
    .where(_PLACES.c.team_id == teams.c.id)
    .scalar_subquery()
    .label("project_count"),
)
_MINE = select(*_SHOWN).join(team_people, team_people.c.team_id == teams.c.id)
_LISTING = Listing(_MINE, team_people.c.user_id == bindparam("user_id"), teams.c.name, teams.c.id)
_WITH_USER = select(
    team_people.c.user_id,
    users.c.email,
    users.c.name,
    team_people.c.role,
    team_people.c.created_at,
).join(users, users.c.id == team_people.c.user_id)
_PEOPLE = Listing(
    _WITH_USER,
    team_people.c.team_id == bindparam("team_id"),
    team_people.c.created_at,
    team_people.c.user_id,
)


def list_for_person(
    connection: Connection, user_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.Team], int]:
    """List the teams that a person is in by name, and tell how many there are in all."""
    return _LISTING.page(connection, user_id=user_id, limit=limit, offset=offset)


def find_for_person(connection: Connection, team_id: str, user_id: str) -> schemas.Team | None:
    """Find a team as a person in it sees it; `None` where the person is not in it."""
    this = (teams.c.id == team_id) & (team_people.c.user_id == user_id)
    return row_of(connection.execute(_MINE.where(this)))


def hold(connection: Connection, team_id: str) -> None:
    """Make others who change the team, or bring it into a project, wait for this transaction."""
    connection.execute(select(teams.c.id).where(teams.c.id == team_id).with_for_update())


def create(
    connection: Connection, user_id: str, *, name: str, team_id: str | None = None
) -> schemas.Team:
    """Make a team whose maintainer is this person, who must be held. Raises TooManyTeams."""
    made = select(func.count()).where(teams.c.made_by == user_id)
    if connection.execute(made).scalar_one() >= MOST_OF_PERSON:
        raise TooManyTeams
    team_id, moment = team_id or new_id(), now()
    row = {"id": team_id, "name": name, "made_by": user_id, "created_at": moment}
    connection.execute(insert(teams), row)
    _add_person(connection, team_id, user_id, "maintainer")
    return {
        "id": team_id,
        "name": name,
        "role": "maintainer",
        "created_at": moment,
        "project_count": 0,
    }


def rename(connection: Connection, team_id: str, name: str) -> None:
    """Give a team another name."""
    connection.execute(update(teams).where(teams.c.id == team_id).values(name=name))


def remove(connection: Connection, team_id: str) -> None:
    """Remove a team; foreign keys take it out of its projects."""
    connection.execute(delete(teams).where(teams.c.id == team_id))


def list_people(
    connection: Connection, team_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.TeamPerson], int]:
    """List the people of a team in the order in which they came, and tell how many there are."""
    return _PEOPLE.page(connection, team_id=team_id, limit=limit, offset=offset)


def list_user_ids(connection: Connection, team_id: str) -> list[str]:
    """List the ids of everybody in a team."""
    return list(
        connection.scalars(select(team_people.c.user_id).where(team_people.c.team_id == team_id))
    )


def put_person(connection: Connection, team_id: str, user_id: str, role: str) -> schemas.TeamPerson:
    """Take a person into a team that is held, or change the role of one who is in it.

    Raises TeamFull.
    """
    this = _this(team_id, user_id)
    if not connection.execute(update(team_people).where(this).values(role=role)).rowcount:
        if len(list_user_ids(connection, team_id)) >= MOST_PEOPLE:
            raise TeamFull
        _add_person(connection, team_id, user_id, role)
    found: Any = row_of(connection.execute(_WITH_USER.where(this)))
    return found


def remove_person(connection: Connection, team_id: str, user_id: str) -> bool:
    """Take a person out of a team; tell whether the person was in it."""
    this = _this(team_id, user_id)
    return connection.execute(delete(team_people).where(this)).rowcount == 1


def has_maintainer(connection: Connection, team_id: str) -> bool:
    """Return whether the team has a maintainer left who is active."""
    here = (team_people.c.team_id == team_id) & (team_people.c.role == "maintainer")
    active = _active(team_people).where(here).limit(1)
    return connection.execute(active).first() is not None


def maintains(connection: Connection, team_id: str, user_id: str) -> bool:
    """Return whether somebody is a maintainer of the team."""
    this = _this(team_id, user_id) & (team_people.c.role == "maintainer")
    return connection.execute(select(team_people.c.user_id).where(this)).first() is not None


def list_maintained_alone(connection: Connection, user_id: str) -> list[str]:
    """List the teams that have no active maintainer but this person."""
    others = team_people.alias()
    another = _active(others).where(
        others.c.team_id == team_people.c.team_id,
        others.c.role == "maintainer",
        others.c.user_id != user_id,
    )
    mine = (team_people.c.user_id == user_id) & (team_people.c.role == "maintainer")
    return list(connection.scalars(select(team_people.c.team_id).where(mine, ~another.exists())))


def _active(people: FromClause) -> Select[Any]:
    """Select those of rows of a team's people who are not deactivated."""
    there = (users.c.id == people.c.user_id) & users.c.deactivated_at.is_(None)
    return select(people.c.user_id).join(users, there)


def _this(team_id: str, user_id: str) -> Any:
    return (team_people.c.team_id == team_id) & (team_people.c.user_id == user_id)


def _add_person(connection: Connection, team_id: str, user_id: str, role: str) -> None:
    row = {"team_id": team_id, "user_id": user_id, "role": role, "created_at": now()}
    connection.execute(insert(team_people), row)
