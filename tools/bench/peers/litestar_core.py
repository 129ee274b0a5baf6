"""Litestar done well: msgspec structures in and out, one worker thread hop per request.

The queries are this project's own, in SQLAlchemy Core: here only the framework differs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Litestar, Request, get, post, put
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, NotAuthorizedException, NotFoundException
from litestar.params import Body, Parameter
from litestar.response import Stream
from sqlalchemy import Connection

from projects_api.database import Database
from projects_api.models import api_key, timeline, user
from projects_api.models import member as members
from projects_api.models import project as projects
from projects_api.settings import Settings
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.store import ArtifactStore
from tools.bench.peers import files
from tools.bench.peers.prepared import prepare_statements

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Description = Annotated[str, msgspec.Meta(max_length=10_000)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Role = Literal["viewer", "editor", "admin", "owner"]
SortField = Literal["created_at", "name", "dataset_count", "model_count", "experiment_count"]


class Struct(msgspec.Struct, forbid_unknown_fields=True):
    """What all structures share."""


class ProjectCreate(Struct):
    """What a project is made of."""

    name: Name
    description: Description = ""


class ProjectUpdate(Struct):
    """What a project is changed to."""

    name: Name
    description: Description | None = None


class Project(Struct):
    """A project as it is shown."""

    id: str
    name: Name
    description: Description
    status: Literal["active"]
    dataset_count: Count
    experiment_count: Count
    model_count: Count
    created_at: str
    updated_at: str


class ProjectEnvelope(Struct):
    """One project."""

    project: Project


class ProjectCreated(Struct):
    """A new project."""

    project_id: str
    project: Project


class ProjectList(Struct):
    """A page of projects."""

    items: list[Project]
    total: Count
    limit: int
    offset: int


class MemberAdd(Struct):
    """Who becomes a member, and as what."""

    email: Annotated[str, msgspec.Meta(pattern=r"^[!-?A-~]+@[!-?A-~]+$", max_length=254)]
    role: Role = "editor"


class Through(Struct, omit_defaults=True):
    """By what somebody is a member."""

    direct: Role | None = None
    teams: Role | None = None


class Member(Struct):
    """A member as it is shown."""

    user_id: str
    email: str
    name: Name
    role: Role
    created_at: str
    through: Through


class MemberEnvelope(Struct):
    """One member."""

    member: Member


class DatasetEvent(Struct, tag_field="type", tag="dataset"):
    """A data set was added."""

    id: str
    name: Name
    timestamp: str
    rows: Count
    columns: Count


class ExperimentEvent(Struct, tag_field="type", tag="experiment"):
    """An experiment was started."""

    id: str
    name: Name
    timestamp: str
    status: str
    target_column: str
    problem_type: Literal["classification", "regression"]
    best_model_type: str | None
    duration: float | None


class Timeline(Struct):
    """What happened in a project."""

    project_id: str
    events: list[DatasetEvent | ExperimentEvent]
    total: Count
    limit: int
    offset: int
    has_more: bool


class Form(msgspec.Struct):
    """The form of an upload."""

    project_id: UUID
    name: Name
    file: UploadFile


settings = Settings()
database = Database(settings.database, connections=40)
prepare_statements(database)
artifacts = Artifacts(database, ArtifactStore(settings.artifacts))
Plain = Request[Any, Any, Any]


@contextmanager
def transaction(request: Plain, *, writing: bool) -> Iterator[tuple[Connection, str]]:
    """Begin a transaction for the user whose key a request carries."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    with database.transaction(writing=writing) as connection:
        caller = api_key.authenticate(connection, token)
        if caller is None:
            raise NotAuthorizedException
        yield connection, caller.user_id


def find(connection: Connection, project_id: UUID, user_id: str, *roles: str) -> dict[str, Any]:
    """Find a project in which the user has one of the roles, or any where none is named."""
    found = projects.find_for_member(connection, str(project_id), user_id, lock=bool(roles))
    if found is None:
        raise NotFoundException("No such project.")
    if roles and found[1] not in roles:
        raise ClientException("The role is too low.", status_code=403)
    return found[0]


@get("/api/projects", sync_to_thread=True)
def list_projects(
    request: Plain,
    *,
    limit: Annotated[int, Parameter(ge=1, le=500)] = 50,
    offset: Annotated[int, Parameter(ge=0)] = 0,
    search: Annotated[str | None, Parameter(max_length=255)] = None,
    sort_field: SortField = "created_at",
    sort_direction: Literal["asc", "desc"] = "desc",
) -> ProjectList:
    """List the user's projects."""
    with transaction(request, writing=False) as (connection, user_id):
        items, total = projects.list_for_member(
            connection,
            user_id,
            search=search,
            sort_field=sort_field,
            sort_direction=sort_direction,
            limit=limit,
            offset=offset,
        )
    return ProjectList(msgspec.convert(items, list[Project]), total, limit, offset)


@post("/api/projects", sync_to_thread=True)
def create_project(request: Plain, data: ProjectCreate) -> ProjectCreated:
    """Create a project that the user owns."""
    with transaction(request, writing=True) as (connection, user_id):
        made = projects.create(connection, user_id, name=data.name, description=data.description)
    return ProjectCreated(made["id"], msgspec.convert(made, Project))


@get("/api/projects/{project_id:uuid}", sync_to_thread=True)
def get_project(request: Plain, project_id: UUID) -> ProjectEnvelope:
    """Get a project."""
    with transaction(request, writing=False) as (connection, user_id):
        found = find(connection, project_id, user_id)
    return ProjectEnvelope(msgspec.convert(found, Project))


@put("/api/projects/{project_id:uuid}", sync_to_thread=True)
def update_project(request: Plain, project_id: UUID, data: ProjectUpdate) -> ProjectEnvelope:
    """Change a project."""
    with transaction(request, writing=True) as (connection, user_id):
        found = find(connection, project_id, user_id, "editor", "admin", "owner")
        kept = found["description"] if data.description is None else data.description
        changed = projects.change(connection, found, name=data.name, description=kept)
    return ProjectEnvelope(msgspec.convert(changed, Project))


@post("/api/projects/{project_id:uuid}/members", sync_to_thread=True)
def add_member(request: Plain, project_id: UUID, data: MemberAdd) -> MemberEnvelope:
    """Add a member, or change a member's role."""
    with transaction(request, writing=True) as (connection, user_id):
        found = find(connection, project_id, user_id, "owner")
        added_id = user.find_id(connection, data.email)
        if added_id is None:
            raise NotFoundException("No such user.")
        added = members.put(connection, found["id"], added_id, data.role)
        if not members.has_owner(connection, found["id"]):
            raise ClientException("The last owner stays.", status_code=409)
    return MemberEnvelope(msgspec.convert(added, Member))


@get("/api/projects/{project_id:uuid}/timeline", sync_to_thread=True)
def get_timeline(
    request: Plain,
    project_id: UUID,
    limit: Annotated[int, Parameter(ge=1, le=500)] = 500,
    offset: Annotated[int, Parameter(ge=0)] = 0,
) -> Timeline:
    """List what happened in a project."""
    with transaction(request, writing=False) as (connection, user_id):
        found = find(connection, project_id, user_id)
        rows = timeline.list_events(connection, found["id"], kind=None, limit=limit, offset=offset)
    events = msgspec.convert(rows, list[DatasetEvent | ExperimentEvent])
    total = found["dataset_count"] + found["experiment_count"]
    more = offset + len(events) < total
    return Timeline(found["id"], events, total, limit, offset, more)


@post("/api/datasets/upload", sync_to_thread=True, request_max_body_size=None)
def upload_dataset(
    request: Plain,
    data: Annotated[Form, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, Any]:
    """Make a data set of an uploaded file."""
    with transaction(request, writing=False) as (connection, user_id):
        found = find(connection, data.project_id, user_id, "editor", "admin", "owner")
    return files.keep_upload(
        database, artifacts, found["id"], user_id, name=data.name, source=data.file.file
    )


@get("/api/projects/{project_id:uuid}/export", sync_to_thread=True)
def export_project(request: Plain, project_id: UUID) -> Stream:
    """Send a project as an archive."""
    with transaction(request, writing=False) as (connection, user_id):
        found = find(connection, project_id, user_id)
    file = files.open_export(database, artifacts, found["id"], user_id)
    return Stream(
        file.chunks,
        media_type=file.media_type,
        headers=files.headers_of(file),
        background=BackgroundTask(file.finish),
    )


app = Litestar(
    [
        list_projects,
        create_project,
        get_project,
        update_project,
        add_member,
        get_timeline,
        upload_dataset,
        export_project,
    ]
)
