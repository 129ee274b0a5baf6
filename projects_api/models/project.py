"""Projects: what everything else belongs to, with the counts of what they contain."""

from functools import cache
from typing import Any, Literal

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
    select,
    update,
)
from sqlmodel import Field, SQLModel

from projects_api.models import member
from projects_api.models import search as search_index
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
from projects_api.models.prepared import Prepared, total_of

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

COLUMNS = (
    projects.c.id,
    projects.c.name,
    projects.c.description,
    projects.c.status,
    projects.c.dataset_count,
    projects.c.experiment_count,
    projects.c.model_count,
    projects.c.created_at,
    projects.c.updated_at,
)

_FOR_MEMBER = (
    select(*COLUMNS, members.c.role)
    .join(members, members.c.project_id == projects.c.id)
    .where(projects.c.id == bindparam("id"), members.c.user_id == bindparam("user_id"))
)
_FIND = Prepared(_FOR_MEMBER)
_FIND_LOCKED = Prepared(_FOR_MEMBER.with_for_update(of=projects))
_THIS = projects.c.id == bindparam("this")
_INSERT = Prepared(insert(projects))
_CHANGED = ("name", "name_folded", "description", "description_folded", "updated_at")
_CHANGE = Prepared(
    update(projects).where(_THIS).values({name: bindparam(name) for name in _CHANGED})
)
_REMOVE = Prepared(delete(projects).where(_THIS))
_COUNT = {
    name: Prepared(
        update(projects)
        .where(_THIS)
        .values({name: projects.c[name] + bindparam("difference", type_=BigInteger)})
    )
    for name in ("dataset_count", "experiment_count", "model_count")
}


def find_for_member(
    connection: Connection, project_id: str, user_id: str, *, lock: bool = False
) -> tuple[dict[str, Any], str] | None:
    """Find a project and the role that a person has in it; `None` where the person has none.

    `lock` makes other writers of this project wait until the transaction ends.
    """
    find = _FIND_LOCKED if lock else _FIND
    project = find.first(connection, id=project_id, user_id=user_id)
    return (project, project.pop("role")) if project else None


def find(connection: Connection, project_id: str) -> dict[str, Any] | None:
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
) -> tuple[list[dict[str, Any]], int]:
    """List the projects of a person, and tell how many there are in all.

    The search is caseless over all of Unicode; `%` and `_` mean themselves. Text is ordered by
    code point, and the id decides between equals, in the same direction.
    """
    parameters: dict[str, Any] = {"user_id": user_id, "limit": limit, "offset": offset}
    kind = None
    if search:
        parameters["text"] = fold(search)
        kind = search_index.kind_of(parameters["text"])
    dialect = connection.dialect.name
    page, total = _list_statements(dialect, sort_field, sort_direction, search=kind)
    items = page.all(connection, **parameters)
    counted = [item.pop("total") for item in items] if search else []
    if counted:
        return items, counted[0]
    known = total_of(len(items), limit=limit, offset=offset)
    return items, total.scalar(connection, **parameters) if known is None else known


@cache
def _list_statements(
    dialect: str, sort_field: str, sort_direction: str, *, search: search_index.Kind | None
) -> tuple[Prepared, Prepared]:
    """Build the page and the total of a listing: once for each way to ask, for building is slow."""
    condition = members.c.user_id == bindparam("user_id")
    if search:
        condition = search_index.matches(dialect, search)
    turn = asc if sort_direction == "asc" else desc
    sort_key = members.c[f"project_{sort_field}"]
    mine: Any = select(members.c.project_id, sort_key.label("sort_key")).where(condition)
    columns: list[Any] = [*COLUMNS]
    found = members
    if search:
        # What is found must all be read to be put in order, and is counted at once.
        found = mine.cte("found")
        columns.append(select(func.count()).select_from(found).scalar_subquery().label("total"))
        mine, sort_key = select(found), found.c.sort_key
    # The page is cut before any project is read.
    page = mine.order_by(turn(sort_key), turn(found.c.project_id))
    cut = page.limit(bindparam("limit")).offset(bindparam("offset")).subquery()
    shown = select(*columns).join(cut, cut.c.project_id == projects.c.id)
    shown = shown.order_by(turn(projects.c[sort_field]), turn(projects.c.id))
    return Prepared(shown), Prepared(select(func.count()).select_from(mine.subquery()))


def create(connection: Connection, owner_id: str, *, name: str, description: str) -> dict[str, Any]:
    """Create a project with its first owner."""
    project_id, moment = new_id(), now()
    project = {
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
    _INSERT.execute(connection, **project, **folded)
    member.add(connection, project_id, owner_id, "owner")
    return project


def change(
    connection: Connection, project: dict[str, Any], *, name: str, description: str
) -> dict[str, Any]:
    """Change name and description; return the project as it is now."""
    changed = {"name": name, "description": description, "updated_at": now()}
    folded = _folded(name=name, description=description)
    _CHANGE.execute(connection, this=project["id"], **changed, **folded)
    return {**project, **changed}


def remove(connection: Connection, project_id: str) -> None:
    """Remove a project; foreign keys remove everything that belongs to it."""
    _REMOVE.execute(connection, this=project_id)


def count(connection: Connection, project_id: str, column: Counted, difference: int) -> bool:
    """Keep a count in step with what it counts, in the same transaction.

    Tells whether the project exists; it goes on to exist until the transaction ends.
    """
    return _COUNT[column].execute(connection, this=project_id, difference=difference) == 1


def hold(connection: Connection, project_id: str) -> bool:
    """Make other writers of a project wait until the transaction ends; tell whether it exists."""
    statement = select(projects.c.id).where(projects.c.id == project_id).with_for_update()
    return connection.execute(statement).first() is not None


def _folded(**texts: str) -> dict[str, str]:
    return {f"{column}_folded": fold(text) for column, text in texts.items()}
