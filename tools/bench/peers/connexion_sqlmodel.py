"""The contract on Connexion as it comes, with SQLModel as its documentation teaches it.

Tables, response models and queries are those of the FastAPI peer, so that the two differ in the
framework. `BENCH_VALIDATE_RESPONSES=1` turns Connexion's response validation on.
"""

import os
import sys
import uuid
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, Literal

from connexion import AsyncApp
from connexion.resolver import Resolver
from connexion.security import BearerSecurityHandler
from fastapi import HTTPException
from fastapi.security import HTTPAuthorizationCredentials
from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from projects_api.contract.conditional import entity_tag
from projects_api.models.base import new_id
from projects_api.models.user import User
from projects_api.openapi import contract
from tools.bench.peers import fastapi_sqlmodel as sqlmodel
from tools.bench.peers import files

Answer = tuple[Any, int, dict[str, str]]


class Bearer(BearerSecurityHandler):
    """Connexion's own check of bearer tokens, with the function that it shall call."""

    def _resolve_func(self, _security_scheme: Mapping[str, Any]) -> Callable[..., Any]:
        return check_key


def check_key(token: str) -> dict[str, Any] | None:
    """Find the user whose key a request carries."""
    credentials = HTTPAuthorizationCredentials(scheme="Bearer", credentials=token)
    with Session(sqlmodel.engine) as session:
        try:
            user = sqlmodel.get_current_user(session, credentials)
        except HTTPException:
            return None
        return {"sub": user.id, "user": User.model_validate(user)}


def list_projects(  # noqa: PLR0917 - what the contract names
    limit: int,
    offset: int,
    sort_field: sqlmodel.SortField,
    sort_direction: Literal["asc", "desc"],
    token_info: dict[str, Any],
    search: str | None = None,
) -> Answer:
    """List the user's projects."""
    with Session(sqlmodel.engine) as session:
        page = sqlmodel.list_projects(
            session,
            token_info["user"],
            limit=limit,
            offset=offset,
            search=search,
            sort_field=sort_field,
            sort_direction=sort_direction,
        )
        return _answer(page)


def create_project(body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Create a project that the user owns."""
    with Session(sqlmodel.engine) as session:
        new = sqlmodel.ProjectCreate.model_validate(body)
        made = sqlmodel.create_project(new, session, token_info["user"])
        return _answer(sqlmodel.ProjectCreated.model_validate(made), 201)


def get_project(project_id: str, user: str) -> Answer:
    """Get a project."""
    with Session(sqlmodel.engine) as session:
        found = sqlmodel.get_project(_member(session, project_id, user), session)
        return _answer(sqlmodel.ProjectEnvelope.model_validate(found))


def update_project(project_id: str, body: dict[str, Any], user: str) -> Answer:
    """Change a project."""
    with Session(sqlmodel.engine) as session:
        change = sqlmodel.ProjectUpdate.model_validate(body)
        member = _member(session, project_id, user)
        changed = sqlmodel.update_project(change, member, session)
        return _answer(sqlmodel.ProjectEnvelope.model_validate(changed))


def add_member(project_id: str, body: dict[str, Any], user: str) -> Answer:
    """Add a member, or change a member's role."""
    with Session(sqlmodel.engine) as session:
        added = sqlmodel.add_member(
            sqlmodel.MemberAdd.model_validate(body), _member(session, project_id, user), session
        )
        return _answer(sqlmodel.MemberEnvelope.model_validate(added), 201)


def get_timeline(project_id: str, user: str, limit: int, offset: int) -> Answer:
    """List what happened in a project."""
    with Session(sqlmodel.engine) as session:
        member = _member(session, project_id, user)
        return _answer(sqlmodel.get_timeline(member, session, limit, offset))


def upload_dataset(body: dict[str, Any], file: UploadFile, token_info: dict[str, Any]) -> Answer:
    """Make a data set of an uploaded file."""
    with Session(sqlmodel.engine) as session:
        place = uuid.UUID(body["project_id"])
        made = sqlmodel.upload_dataset(
            session,
            token_info["user"],
            project_id=place,
            name=body["name"],
            file=file,  # type: ignore[arg-type]
        )
        return _answer(made, 201)


def export_project(project_id: str, user: str) -> StreamingResponse:
    """Send a project as an archive."""
    with Session(sqlmodel.engine) as session:
        member = _member(session, project_id, user)
        file = files.open_export(
            sqlmodel.database, sqlmodel.artifacts, member.project_id, member.user_id
        )
    headers = {"X-Request-Id": new_id(), "Content-Type": file.media_type}
    return StreamingResponse(
        file.chunks,
        media_type=file.media_type,
        headers={**headers, **files.headers_of(file)},
        background=BackgroundTask(file.finish),
    )


def _member(session: Session, project_id: str, user_id: str) -> Any:
    member = sqlmodel.find_membership(session, project_id, user_id)
    if not member:
        raise HTTPException(404, "No such project.")
    return member


def _answer(shown: Any, status: int = 200) -> Answer:
    body = shown if isinstance(shown, dict) else shown.model_dump(mode="json")
    headers = {"X-Request-Id": new_id(), "Content-Type": "application/json"}
    if "project" in body:
        headers["ETag"] = entity_tag(body["project"])
    if status == 201:  # noqa: PLR2004 - the status of what was created
        headers["Location"] = "/api"
    return body, status, headers


def create() -> AsyncApp:
    """Make the application; what is not measured answers 501."""
    made = AsyncApp(__name__, security_map={"bearer": Bearer})
    made.add_api(
        deepcopy(contract()),
        base_path="",
        resolver=Resolver(partial(getattr, sys.modules[__name__])),
        resolver_error=501,
        validate_responses=os.environ.get("BENCH_VALIDATE_RESPONSES") == "1",
    )
    return made


app = create()
