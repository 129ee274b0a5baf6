"""Members: who may do what in a project."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Index,
    Text,
    and_,
    bindparam,
    column,
    delete,
    insert,
    select,
    table,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models.base import (
    ALL_ROWS,
    Identifier,
    Timestamp,
    binary_text,
    now,
    one_of,
    table_of,
)
from projects_api.models.statements import DriverStatement, Listing
from projects_api.models.user import users

ROLES = ("viewer", "editor", "admin", "owner")
"""Every role includes what the ones before it may do."""


SORT_FIELDS = ("name", "created_at", "dataset_count", "experiment_count", "model_count")
COPIED_FIELDS = (*SORT_FIELDS, "name_folded", "description_folded")
"""What a membership copies from its project."""


class Member(SQLModel, table=True):
    """A person's role in a project.

    `role` is what holds: the higher one of `direct_role`, which an owner gave to the person, and
    `team_role`, the highest that a team gives, each null where there is none.
    The columns `project_...` are copies of what the project is sorted by and searched in. Triggers
    keep them equal (migration 0018), so that a person's projects in any order are a walk through
    one index. On SQLite the table is in the order of its key, so that a search finds a person's
    memberships beside one another.
    """

    __tablename__ = "members"
    __table_args__ = (
        one_of("role", ROLES),
        Index(None, "project_id", "created_at", "user_id", "role"),
        *(Index(None, "user_id", f"project_{field}", "project_id") for field in SORT_FIELDS),
        {"sqlite_with_rowid": False},
    )

    user_id: str = Field(
        primary_key=True, foreign_key="users.id", ondelete="CASCADE", sa_type=Identifier
    )
    project_id: str = Field(
        primary_key=True, foreign_key="projects.id", ondelete="CASCADE", sa_type=Identifier
    )
    role: str = Field(max_length=16)
    created_at: str = Field(sa_type=Timestamp)
    direct_role: str | None = Field(default=None, max_length=16)
    team_role: str | None = Field(default=None, max_length=16)
    project_name: str | None = Field(default=None, sa_type=binary_text(255))
    project_created_at: str | None = Field(default=None, sa_type=Timestamp)
    project_dataset_count: int | None = Field(default=None, sa_type=BigInteger)
    project_experiment_count: int | None = Field(default=None, sa_type=BigInteger)
    project_model_count: int | None = Field(default=None, sa_type=BigInteger)
    project_name_folded: str | None = Field(default=None, sa_type=Text)
    project_description_folded: str | None = Field(default=None, sa_type=Text)


members = table_of(Member)

_WITH_USER = select(
    members.c.user_id,
    users.c.email,
    users.c.name,
    members.c.role,
    members.c.created_at,
    members.c.direct_role,
    members.c.team_role,
).join(users, users.c.id == members.c.user_id)
_HERE = members.c.project_id == bindparam("project_id")
_LISTING = Listing(_WITH_USER, _HERE, members.c.created_at, members.c.user_id)
_THIS = and_(_HERE, members.c.user_id == bindparam("user_id"))
_FIND = DriverStatement(_WITH_USER.where(_THIS))
_ADDED = ("project_id", "user_id", "role", "direct_role", "created_at")
_GIVEN = select(*(bindparam(name, type_=members.c[name].type).label(name) for name in _ADDED))
_NEW = _GIVEN.subquery("given")
_PROJECT = table("projects", *(column(name) for name in ("id", *COPIED_FIELDS)))
# With its copies at once: a trigger that gives them writes each index a second time on SQLite. The
# join keeps a row whose project is gone, which the foreign key refuses.
_ADD = DriverStatement(
    insert(members).from_select(
        [*_ADDED, *(f"project_{field}" for field in COPIED_FIELDS)],
        select(*_NEW.c, *(_PROJECT.c[field] for field in COPIED_FIELDS)).select_from(
            _NEW.outerjoin(_PROJECT, _PROJECT.c.id == _NEW.c.project_id)
        ),
    )
)
_TEAM_ROLE = DriverStatement(select(members.c.team_role).where(_THIS))
_SET_ROLE = DriverStatement(
    update(members)
    .where(
        members.c.project_id == bindparam("this_project"),
        members.c.user_id == bindparam("this_user"),
    )
    .values(role=bindparam("role"), direct_role=bindparam("direct_role"))
)
_OWNER = DriverStatement(select(members.c.user_id).where(_HERE, members.c.role == "owner").limit(1))


def rank(role: str) -> int:
    """Return the place of a role in the order of roles."""
    return ROLES.index(role)


def higher(one: str | None, other: str | None) -> str | None:
    """Return the higher one of two roles, each of which there need not be."""
    return max(filter(None, (one, other)), key=rank, default=None)


def list_for_project(
    connection: Connection, project_id: str, *, limit: int = ALL_ROWS, offset: int = 0
) -> tuple[list[schemas.Member], int]:
    """List members in the order in which they joined, and tell how many there are in all."""
    rows, total = _LISTING.page(connection, project_id=project_id, limit=limit, offset=offset)
    return [_shown(row) for row in rows], total


def find(connection: Connection, project_id: str, user_id: str) -> schemas.Member | None:
    """Find a member of a project."""
    row = _FIND.first(connection, project_id=project_id, user_id=user_id)
    return _shown(row) if row else None


def add(connection: Connection, project_id: str, user_id: str, role: str) -> None:
    """Add a person who is no member yet."""
    roles = {"role": role, "direct_role": role}
    _ADD.execute_later(
        connection, project_id=project_id, user_id=user_id, **roles, created_at=now()
    )


def put(connection: Connection, project_id: str, user_id: str, role: str) -> schemas.Member:
    """Add a person, or change the role that one who is a member already has beside teams.

    The caller holds the project.
    """
    roles = _TEAM_ROLE.first(connection, project_id=project_id, user_id=user_id)
    if roles is None:
        add(connection, project_id, user_id, role)
    else:
        changed = {"direct_role": role, "role": higher(role, roles["team_role"])}
        this = {"this_project": project_id, "this_user": user_id}
        _SET_ROLE.execute_later(connection, **this, **changed)
    found = find(connection, project_id, user_id)
    assert found is not None
    return found


def remove(connection: Connection, project_id: str, user_id: str) -> bool:
    """Take from a member the role that teams do not give; tell whether there was one.

    Who has a role by a team stays a member with that one.
    """
    this = _this(project_id, user_id) & members.c.direct_role.is_not(None)
    if connection.execute(delete(members).where(this, members.c.team_role.is_(None))).rowcount:
        return True
    kept = {"direct_role": None, "role": members.c.team_role}
    return connection.execute(update(members).where(this).values(kept)).rowcount == 1


def _this(project_id: str, user_id: str) -> ColumnElement[bool]:
    return and_(members.c.project_id == project_id, members.c.user_id == user_id)


def _shown(row: Any) -> schemas.Member:
    """Put by what somebody is a member in the place of the columns that say so."""
    # Lists hold many, and this is quicker than going through both.
    row["through"] = through = {}
    if direct := row.pop("direct_role"):
        through["direct"] = direct
    if by_teams := row.pop("team_role"):
        through["teams"] = by_teams
    shown: schemas.Member = row
    return shown


def has_owner(connection: Connection, project_id: str) -> bool:
    """Return whether the project has an owner left."""
    return _OWNER.first(connection, project_id=project_id) is not None


def list_owned_alone(connection: Connection, user_id: str) -> list[str]:
    """List the projects that have no owner but this person."""
    others = members.alias()
    another = select(others.c.user_id).where(
        others.c.project_id == members.c.project_id,
        others.c.role == "owner",
        others.c.user_id != user_id,
    )
    mine = (members.c.user_id == user_id) & (members.c.role == "owner")
    return list(connection.scalars(select(members.c.project_id).where(mine, ~another.exists())))
