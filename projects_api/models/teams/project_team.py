"""Teams in projects: the role that everybody in a team has in a project."""

from typing import Any

from sqlalchemy import Connection, Index, bindparam, delete, func, insert, select, update
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import Identifier, Timestamp, now, one_of, row_of, table_of
from projects_api.models.statements import Listing
from projects_api.models.teams.team import teams

ROLES = ("viewer", "editor", "admin")
"""What a team can be in a project: never its owner, for owners are answerable by name."""
MOST_OF_PROJECT = 20
MOST_OF_TEAM = 100


class TooManyOfProject(Exception):
    """A project has as many teams as it may."""


class TooManyOfTeam(Exception):
    """A team is in as many projects as it may be."""


class ProjectTeam(SQLModel, table=True):
    """A team's role in a project."""

    __tablename__ = "project_teams"
    __table_args__ = (
        one_of("role", ROLES),
        Index(None, "project_id", "created_at", "team_id"),
    )

    team_id: str = Field(
        primary_key=True, foreign_key="teams.id", ondelete="CASCADE", sa_type=Identifier
    )
    project_id: str = Field(
        primary_key=True, foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier
    )
    role: str = Field(max_length=16)
    created_at: str = Field(sa_type=Timestamp)


project_teams = table_of(ProjectTeam)

_WITH_NAME = select(
    project_teams.c.team_id, teams.c.name, project_teams.c.role, project_teams.c.created_at
).join(teams, teams.c.id == project_teams.c.team_id)
_LISTING = Listing(
    _WITH_NAME,
    project_teams.c.project_id == bindparam("project_id"),
    project_teams.c.created_at,
    project_teams.c.team_id,
)


def list_for_project(
    connection: Connection, project_id: str, *, limit: int, offset: int
) -> tuple[list[schemas.ProjectTeam], int]:
    """List the teams of a project, oldest first, and tell how many there are in all."""
    return _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)


def list_project_ids(connection: Connection, team_id: str) -> list[str]:
    """List the projects that a team is in."""
    here = project_teams.c.team_id == team_id
    return list(connection.scalars(select(project_teams.c.project_id).where(here)))


def find(connection: Connection, project_id: str, team_id: str) -> schemas.ProjectTeam | None:
    """Find a team of a project."""
    return row_of(connection.execute(_WITH_NAME.where(_this(project_id, team_id))))


def change(connection: Connection, project_id: str, team_id: str, role: str) -> bool:
    """Give a team another role in a project; tell whether it has one."""
    this = _this(project_id, team_id)
    return connection.execute(update(project_teams).where(this).values(role=role)).rowcount == 1


def add(connection: Connection, project_id: str, team_id: str, role: str) -> None:
    """Bring a team, which is not there yet, into a project; both must be held.

    Raises TooManyOfProject and TooManyOfTeam.
    """
    count = select(func.count()).select_from(project_teams)
    here = count.where(project_teams.c.project_id == project_id)
    if connection.execute(here).scalar_one() >= MOST_OF_PROJECT:
        raise TooManyOfProject
    everywhere = count.where(project_teams.c.team_id == team_id)
    if connection.execute(everywhere).scalar_one() >= MOST_OF_TEAM:
        raise TooManyOfTeam
    row = {"project_id": project_id, "team_id": team_id, "role": role, "created_at": now()}
    connection.execute(insert(project_teams), row)


def remove(connection: Connection, project_id: str, team_id: str) -> bool:
    """Take a team out of a project; tell whether it was there."""
    this = _this(project_id, team_id)
    return connection.execute(delete(project_teams).where(this)).rowcount == 1


def _this(project_id: str, team_id: str) -> Any:
    return (project_teams.c.project_id == project_id) & (project_teams.c.team_id == team_id)
