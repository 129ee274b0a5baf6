"""FastAPI and SQLModel as their documentation teaches them.

Synchronous endpoints, a session and a user as dependencies, tables as models, response models,
counts as subqueries. The tables are this project's own, for the database is the same.
"""

# ruff: noqa: FAST003 - `project_id` is a parameter of the dependency `Membership`

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Form, HTTPException, Query, UploadFile
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, EmailStr, StringConstraints
from pydantic import Field as PydanticField
from sqlalchemy import ScalarSelect, event
from sqlmodel import Session, SQLModel, col, create_engine, func, or_, select
from starlette.background import BackgroundTask

from projects_api.database import Database
from projects_api.models.api_key import ApiKey
from projects_api.models.base import fold, new_id, now
from projects_api.models.dataset import Dataset
from projects_api.models.dataset_version import DatasetVersion
from projects_api.models.experiment import Experiment
from projects_api.models.member import Member, higher
from projects_api.models.project import Project
from projects_api.models.trained_model import TrainedModel
from projects_api.models.user import User
from projects_api.settings import Settings
from projects_api.storage.artifacts import Artifacts
from projects_api.storage.store import ArtifactStore
from tools.bench.peers import files

Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Description = Annotated[str, StringConstraints(max_length=10_000)]
Role = Literal["viewer", "editor", "admin", "owner"]
SortField = Literal["created_at", "name", "dataset_count", "model_count", "experiment_count"]


class ProjectCreate(SQLModel):
    """What a project is made of."""

    name: Name
    description: Description = ""


class ProjectUpdate(SQLModel):
    """What a project is changed to."""

    name: Name
    description: Description | None = None


class ProjectPublic(SQLModel):
    """A project as it is shown."""

    id: uuid.UUID
    name: Name
    description: Description
    status: Literal["active"]
    dataset_count: int
    experiment_count: int
    model_count: int
    created_at: datetime
    updated_at: datetime


class ProjectEnvelope(SQLModel):
    """One project."""

    project: ProjectPublic


class ProjectCreated(ProjectEnvelope):
    """A new project."""

    project_id: uuid.UUID


class ProjectList(SQLModel):
    """A page of projects."""

    items: list[ProjectPublic]
    total: int
    limit: int
    offset: int


class MemberAdd(SQLModel):
    """Who becomes a member, and as what."""

    email: EmailStr
    role: Role = "editor"


class MemberPublic(SQLModel):
    """A member as it is shown."""

    user_id: uuid.UUID
    email: EmailStr
    name: Name
    role: Role
    created_at: datetime
    through: dict[Literal["direct", "teams"], Role]


class MemberEnvelope(SQLModel):
    """One member."""

    member: MemberPublic


class DatasetEvent(BaseModel):
    """A data set was added."""

    id: uuid.UUID
    type: Literal["dataset"] = "dataset"
    name: Name
    timestamp: datetime
    rows: int
    columns: int


class ExperimentEvent(BaseModel):
    """An experiment was started."""

    id: uuid.UUID
    type: Literal["experiment"] = "experiment"
    name: Name
    timestamp: datetime
    status: str
    target_column: str
    problem_type: Literal["classification", "regression"]
    best_model_type: str | None
    duration: float | None


class Timeline(BaseModel):
    """What happened in a project."""

    project_id: uuid.UUID
    events: list[Annotated[DatasetEvent | ExperimentEvent, PydanticField(discriminator="type")]]
    total: int
    limit: int
    offset: int
    has_more: bool


settings = Settings()
database = Database(settings.database)
artifacts = Artifacts(database, ArtifactStore(settings.artifacts))
sqlite = database.engine.dialect.name == "sqlite"
engine = create_engine(
    database.engine.url,
    connect_args={"check_same_thread": False, "timeout": 30} if sqlite else {},
)
app = FastAPI()

if sqlite:

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        """Ask SQLite for the durability and the checks that the other peers have."""
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")


def get_session() -> Iterator[Session]:
    """Give a session to a request."""
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
TokenDep = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def get_current_user(session: SessionDep, token: TokenDep) -> User:
    """Find the user whose key a request carries."""
    lookup, _, secret = token.credentials.partition("_")[2].partition("_")
    key = session.exec(select(ApiKey).where(ApiKey.lookup == lookup)).first()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    if not key or not hmac.compare_digest(key.secret_sha256, digest):
        raise HTTPException(401, "This API key is unknown.")
    if key.revoked_at or (key.expires_at and key.expires_at <= now()):
        raise HTTPException(401, "This API key is no longer valid.")
    user = session.get(User, key.user_id)
    if not user:
        raise HTTPException(401, "This API key belongs to nobody.")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def find_membership(session: Session, project_id: str, user_id: str) -> Member | None:
    """Find a membership by what is unique in it."""
    here = (Member.project_id == project_id) & (Member.user_id == user_id)
    return session.exec(select(Member).where(here)).first()


def get_membership(project_id: uuid.UUID, session: SessionDep, user: CurrentUser) -> Member:
    """Find the user's membership in the project that the path names."""
    member = find_membership(session, str(project_id), user.id)
    if not member:
        raise HTTPException(404, "No such project.")
    return member


Membership = Annotated[Member, Depends(get_membership)]


def count_of(model: type[Dataset | Experiment | TrainedModel]) -> ScalarSelect[int]:
    """Count what belongs to the project of the outer query."""
    return (
        select(func.count()).where(model.project_id == Project.id).correlate(Project)
    ).scalar_subquery()


COUNTS = {
    "dataset_count": count_of(Dataset),
    "experiment_count": count_of(Experiment),
    "model_count": count_of(TrainedModel),
}


def select_projects() -> Any:
    """Select projects with their counts."""
    return select(Project, *(count.label(name) for name, count in COUNTS.items()))


def to_public(row: Any) -> ProjectPublic:
    """Join a project and its counts."""
    return ProjectPublic.model_validate(row[0], update=dict(zip(COUNTS, row[1:], strict=True)))


@app.get("/api/projects", response_model=ProjectList)
def list_projects(
    session: SessionDep,
    user: CurrentUser,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
    search: Annotated[str | None, Query(max_length=255)] = None,
    sort_field: SortField = "created_at",
    sort_direction: Literal["asc", "desc"] = "desc",
) -> Any:
    """List the user's projects."""
    wanted: list[Any] = [Member.user_id == user.id]
    if search:
        pattern = f"%{search}%"
        wanted.append(
            or_(col(Project.name).ilike(pattern), col(Project.description).ilike(pattern))
        )
    field: Any = COUNTS.get(sort_field)
    key = getattr(Project, sort_field) if field is None else field
    order = [key.asc(), col(Project.id).asc()]
    if sort_direction == "desc":
        order = [key.desc(), col(Project.id).desc()]
    joined = col(Member.project_id) == Project.id
    page = select_projects().join(Member, joined).where(*wanted).order_by(*order)
    total = select(func.count()).select_from(Project).join(Member, joined).where(*wanted)
    rows = session.exec(page.offset(offset).limit(limit)).all()
    return ProjectList(
        items=[to_public(row) for row in rows],
        total=session.exec(total).one(),
        limit=limit,
        offset=offset,
    )


@app.post("/api/projects", response_model=ProjectCreated, status_code=201)
def create_project(body: ProjectCreate, session: SessionDep, user: CurrentUser) -> Any:
    """Create a project that the user owns."""
    moment = now()
    project = Project(
        id=new_id(),
        **body.model_dump(),
        name_folded=fold(body.name),
        description_folded=fold(body.description),
        status="active",
        dataset_count=0,
        experiment_count=0,
        model_count=0,
        created_at=moment,
        updated_at=moment,
    )
    session.add(project)
    session.flush()
    owner = {"user_id": user.id, "role": "owner", "direct_role": "owner"}
    session.add(Member(project_id=project.id, created_at=moment, **owner))
    session.commit()
    session.refresh(project)
    return {"project_id": project.id, "project": ProjectPublic.model_validate(project)}


@app.get("/api/projects/{project_id}", response_model=ProjectEnvelope)
def get_project(member: Membership, session: SessionDep) -> Any:
    """Get a project."""
    statement = select_projects().where(Project.id == member.project_id)
    return {"project": to_public(session.exec(statement).one())}


@app.put("/api/projects/{project_id}", response_model=ProjectEnvelope)
def update_project(body: ProjectUpdate, member: Membership, session: SessionDep) -> Any:
    """Change a project."""
    if member.role == "viewer":
        raise HTTPException(403, "Only an editor may do this.")
    project = session.get(Project, member.project_id)
    assert project is not None
    changes = body.model_dump(exclude_unset=True)
    changes |= {f"{name}_folded": fold(text) for name, text in changes.items()}
    project.sqlmodel_update({**changes, "updated_at": now()})
    session.add(project)
    session.commit()
    statement = select_projects().where(Project.id == member.project_id)
    return {"project": to_public(session.exec(statement).one())}


@app.post("/api/projects/{project_id}/members", response_model=MemberEnvelope, status_code=201)
def add_member(body: MemberAdd, member: Membership, session: SessionDep) -> Any:
    """Add a member, or change a member's role."""
    if member.role != "owner":
        raise HTTPException(403, "Only an owner may do this.")
    user = session.exec(select(User).where(User.email == body.email.lower())).first()
    if not user:
        raise HTTPException(404, "No such user.")
    added = find_membership(session, member.project_id, user.id)
    if not added:
        added = Member(project_id=member.project_id, user_id=user.id, role="", created_at=now())
    added.direct_role = body.role
    added.role = higher(body.role, added.team_role) or body.role
    session.add(added)
    session.flush()
    owners = select(func.count()).where(
        Member.project_id == member.project_id, Member.role == "owner"
    )
    if not session.exec(owners).one():
        raise HTTPException(409, "The last owner stays.")
    session.commit()
    # SQLite has given a new member another number than the session knows.
    added = find_membership(session, member.project_id, user.id)
    roles = {"direct": added.direct_role, "teams": added.team_role}
    through = {by: role for by, role in roles.items() if role}
    shown = {**added.model_dump(), "email": user.email, "name": user.name, "through": through}
    return {"member": shown}


@app.get("/api/projects/{project_id}/timeline", response_model=Timeline)
def get_timeline(
    member: Membership,
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 500,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Any:
    """List what happened in a project."""
    project_id = member.project_id
    versions = (
        select(Dataset, DatasetVersion)
        .join(DatasetVersion, col(DatasetVersion.dataset_id) == Dataset.id)
        .where(Dataset.project_id == project_id, DatasetVersion.version == Dataset.version)
        .order_by(col(Dataset.created_at), col(Dataset.id))
        .limit(limit + offset)
    )
    experiments = (
        select(Experiment)
        .where(Experiment.project_id == project_id)
        .order_by(col(Experiment.created_at), col(Experiment.id))
        .limit(limit + offset)
    )
    events: list[DatasetEvent | ExperimentEvent] = [
        DatasetEvent(
            id=uuid.UUID(dataset.id),
            name=dataset.name,
            timestamp=datetime.fromisoformat(dataset.created_at),
            rows=version.rows,
            columns=version.columns,
        )
        for dataset, version in session.exec(versions)
    ]
    events += [
        ExperimentEvent.model_validate({**one.model_dump(), "timestamp": one.created_at})
        for one in session.exec(experiments)
    ]
    events.sort(key=lambda one: (one.timestamp, one.id))
    counts = select(COUNTS["dataset_count"], COUNTS["experiment_count"]).select_from(Project)
    total = sum(session.exec(counts.where(Project.id == project_id)).one())
    page = events[offset : offset + limit]
    return Timeline(
        project_id=uuid.UUID(project_id),
        events=page,
        total=total,
        limit=limit,
        offset=offset,
        has_more=offset + len(page) < total,
    )


@app.post("/api/datasets/upload", status_code=201)
def upload_dataset(
    session: SessionDep,
    user: CurrentUser,
    project_id: Annotated[uuid.UUID, Form()],
    name: Annotated[Name, Form()],
    file: UploadFile,
) -> Any:
    """Make a data set of an uploaded file."""
    member = get_membership(project_id, session, user)
    if member.role == "viewer":
        raise HTTPException(403, "Only an editor may do this.")
    session.commit()
    return files.keep_upload(
        database, artifacts, str(project_id), member.user_id, name=name, source=file.file
    )


@app.get("/api/projects/{project_id}/export")
def export_project(member: Membership) -> StreamingResponse:
    """Send a project as an archive."""
    file = files.open_export(database, artifacts, member.project_id, member.user_id)
    return StreamingResponse(
        file.chunks,
        media_type=file.media_type,
        headers=files.headers_of(file),
        background=BackgroundTask(file.finish),
    )
