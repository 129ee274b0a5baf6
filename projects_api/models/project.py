"""Projects: what everything else belongs to, with the counts of what they contain."""

from functools import cache
from typing import Any, Literal, get_args

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    asc,
    bindparam,
    delete,
    desc,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api import schemas
from projects_api.models import member
from projects_api.models.base import (
    Identifier,
    Timestamp,
    binary_text,
    fold,
    new_id,
    now,
    one_of,
    row_of,
    table_of,
)
from projects_api.models.member import members
from projects_api.models.statements import DriverStatement, parameters_of, total_of

Counted = Literal["dataset_count", "experiment_count", "model_count"]


class Project(SQLModel, table=True):
    """A project; the folded texts are what a caseless search looks in."""

    __tablename__ = "projects"
    __table_args__ = (one_of("status", ["active"]),)

    id: str = Field(primary_key=True, sa_type=Identifier)
    name: str = Field(sa_type=binary_text(255))
    name_folded: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    description_folded: str = Field(sa_type=Text)
    status: str = Field(max_length=16)
    dataset_count: int = Field(sa_type=BigInteger)
    experiment_count: int = Field(sa_type=BigInteger)
    model_count: int = Field(sa_type=BigInteger)
    created_at: str = Field(sa_type=Timestamp)
    updated_at: str = Field(sa_type=Timestamp)


projects = table_of(Project)

COLUMNS = tuple(projects.c[name] for name in schemas.Project.__annotations__)
"""What answers have of a project, as the contract says."""

_TURNS = {"asc": asc, "desc": desc}
_MINE = members.c.user_id == bindparam("user_id")
_FOR_MEMBER = (
    select(*COLUMNS, members.c.role)
    .join(members, members.c.project_id == projects.c.id)
    .where(projects.c.id == bindparam("id"), members.c.user_id == bindparam("user_id"))
)
_KEPT = ("id", "status", *get_args(Counted), "created_at")
_CHANGED = tuple(name for name in projects.c.keys() if name not in _KEPT)  # noqa: SIM118 - no dict
_INSERT = DriverStatement(insert(projects).values(parameters_of(projects.c.keys())))
_CHANGE = DriverStatement(
    update(projects).where(projects.c.id == bindparam("this")).values(parameters_of(_CHANGED))
)
_FIND = DriverStatement(_FOR_MEMBER)
# With the membership, which may have ended while the project was waited for.
_FIND_LOCKED = DriverStatement(_FOR_MEMBER.with_for_update(of=(projects, members)))


def find_for_member(
    connection: Connection, project_id: str, user_id: str, *, lock: bool = False
) -> tuple[schemas.Project, str] | None:
    """Find a project and the role that a person has in it; `None` where the person has none.

    `lock` makes other writers of this project wait until the transaction ends.
    """
    find = _FIND_LOCKED if lock else _FIND
    project = find.first(connection, id=project_id, user_id=user_id)
    return (project, project.pop("role")) if project else None


def find(connection: Connection, project_id: str) -> schemas.Project | None:
    """Find a project, whoever asks."""
    return row_of(connection.execute(select(*COLUMNS).where(projects.c.id == project_id)))


def list_for_member(
    connection: Connection,
    user_id: str,
    *,
    search: str | None,
    sort_field: str,
    sort_direction: str,
    limit: int,
    offset: int,
) -> tuple[list[schemas.Project], int]:
    """List the projects of a person, and tell how many there are in all.

    The search is caseless over all of Unicode; `%` and `_` mean themselves. Text is ordered by
    code point, and the id decides between equals, in the same direction.
    """
    order = connection.dialect.name, sort_field, sort_direction
    parameters: dict[str, Any] = {"user_id": user_id, "limit": limit, "offset": offset}
    if search:
        found = _search_statement(*order).all(connection, **parameters, text=fold(search))
        total, *_ = (item.pop("total") for item in found)
        return found if found[0]["id"] else [], total
    page, count = _list_statements(sort_field, sort_direction)
    items = page.all(connection, **parameters)
    known = total_of(len(items), limit=limit, offset=offset)
    return items, count.scalar(connection, **parameters) if known is None else known


@cache
def _list_statements(
    sort_field: str, sort_direction: str
) -> tuple[DriverStatement, DriverStatement]:
    """Build the page and the total of a listing: once for each way to ask, for building is slow.

    The page goes through the person's projects in order, and is cut before any project is read.
    """
    turn = _TURNS[sort_direction]
    page = select(members.c.project_id).where(_MINE)
    page = page.order_by(turn(members.c[f"project_{sort_field}"]), turn(members.c.project_id))
    cut = page.limit(bindparam("limit")).offset(bindparam("offset")).subquery()
    shown = select(*COLUMNS).join(cut, cut.c.project_id == projects.c.id)
    shown = shown.order_by(turn(projects.c[sort_field]), turn(projects.c.id))
    return DriverStatement(shown), DriverStatement(select(func.count()).where(_MINE))


@cache
def _search_statement(dialect: str, sort_field: str, sort_direction: str) -> DriverStatement:
    """Build the page of a search: it goes through the person's memberships, and orders what fits.

    Texts are compared as they are folded, character by character, so that both databases find the
    same and no character is a wildcard. Each row has the `total`; where the page is empty, there
    is one of nothing else.
    """
    turn = _TURNS[sort_direction]
    place = func.instr if dialect == "sqlite" else func.strpos
    texts = (members.c.project_name_folded, members.c.project_description_folded)
    found = (
        select(members.c.project_id, members.c[f"project_{sort_field}"].label("sort_key"))
        .where(_MINE, or_(*(place(text, bindparam("text")) > 0 for text in texts)))
        .cte("found")
    )
    total = select(func.count().label("total")).select_from(found).subquery("counted")
    page = select(found.c.project_id).order_by(turn(found.c.sort_key), turn(found.c.project_id))
    cut = page.limit(bindparam("limit")).offset(bindparam("offset")).subquery()
    shown = (
        select(*COLUMNS, total.c.total)
        .select_from(total.outerjoin(cut, true()))
        .outerjoin(projects, projects.c.id == cut.c.project_id)
        .order_by(turn(projects.c[sort_field]), turn(projects.c.id))
    )
    return DriverStatement(shown)


def create(
    connection: Connection, owner_id: str, *, name: str, description: str
) -> schemas.Project:
    """Create a project with its first owner."""
    project_id, moment = new_id(), now()
    project: schemas.Project = {
        "id": project_id,
        "name": name,
        "description": description,
        "status": "active",
        "dataset_count": 0,
        "experiment_count": 0,
        "model_count": 0,
        "created_at": moment,
        "updated_at": moment,
    }
    folded = _folded(name=name, description=description)
    _INSERT.execute_later(connection, **project, **folded)
    member.add(connection, project_id, owner_id, "owner")
    return project


def change(
    connection: Connection, project: schemas.Project, *, name: str, description: str
) -> schemas.Project:
    """Change name and description; return the project as it is now."""
    changed: schemas.Project = {
        **project,
        "name": name,
        "description": description,
        "updated_at": now(),
    }
    values: Any = {**changed, **_folded(name=name, description=description)}
    _CHANGE.execute_later(
        connection, this=project["id"], **{column: values[column] for column in _CHANGED}
    )
    return changed


def remove(connection: Connection, project_id: str) -> None:
    """Remove a project; foreign keys remove everything that belongs to it."""
    connection.execute(delete(projects).where(projects.c.id == project_id))


def count(connection: Connection, project_id: str, column: Counted, difference: int) -> bool:
    """Keep a count in step with what it counts, in the same transaction.

    Tells whether the project exists; it goes on to exist until the transaction ends.
    """
    changed = {column: projects.c[column] + difference}
    statement = update(projects).where(projects.c.id == project_id).values(changed)
    return connection.execute(statement).rowcount == 1


def hold(connection: Connection, project_id: str) -> bool:
    """Make other writers of a project wait until the transaction ends; tell whether it exists."""
    statement = select(projects.c.id).where(projects.c.id == project_id).with_for_update()
    return connection.execute(statement).first() is not None


def _folded(**texts: str) -> dict[str, str]:
    return {f"{column}_folded": fold(text) for column, text in texts.items()}
