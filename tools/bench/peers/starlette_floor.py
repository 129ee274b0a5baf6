"""The floor: bare Starlette, SQL written by hand, orjson; nothing is checked but the key.

Every query runs in the event loop, on one connection: no thread, no pool, no ORM. Upload and
export only copy bytes between a file and the connection; the store, as it does for all, compares
the SHA-256 of what it gives.
"""

# ruff: noqa: S608 - SQL written by hand, of constants; the benchmark sends no other sort fields

import hashlib
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

import orjson
import psycopg
from psycopg.rows import tuple_row
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from projects_api.database import Database
from projects_api.models.base import fold, new_id, now
from projects_api.settings import Settings
from projects_api.storage.store import ArtifactStore

settings = Settings()
store = ArtifactStore(settings.artifacts)
POSTGRESQL = settings.database.startswith("postgresql")
NAMES = ["id", "name", "description", "status", "dataset_count", "experiment_count"]
NAMES += ["model_count", "created_at", "updated_at"]
KEY = "k.lookup = ? AND k.secret_sha256 = ? AND k.revoked_at IS NULL"
KEY += " AND (k.expires_at IS NULL OR k.expires_at > ?)"
MEMBER = "api_keys k JOIN members m ON m.user_id = k.user_id"
MINE = f"{MEMBER} WHERE {KEY}"
COLUMNS = ", ".join(f"p.{name}" for name in NAMES)
VISIBLE = f"{MEMBER} JOIN projects p ON p.id = m.project_id WHERE {KEY}"
dumps = partial(orjson.dumps, option=orjson.OPT_UTC_Z)


class Store:
    """One connection to either database; the SQL is SQLite's, with `?` for values."""

    def __init__(self) -> None:
        database = Database(settings.database)
        self._connection: Any
        if POSTGRESQL:
            self._connection = psycopg.connect(
                settings.database, autocommit=True, row_factory=tuple_row, prepare_threshold=1
            )
            self._connection.execute("SET timezone TO 'UTC'")
        else:
            self._connection = sqlite3.connect(
                str(database.engine.url.database), isolation_level=None, check_same_thread=False
            )
            for pragma in ("foreign_keys=ON", "synchronous=FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
        database.close()

    def all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and give all rows."""
        if POSTGRESQL:
            statement = statement.replace("?", "%s")
        rows: list[tuple[Any, ...]] = self._connection.execute(statement, values).fetchall()
        return rows

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement that gives no rows."""
        if POSTGRESQL:
            statement = statement.replace("?", "%s")
        self._connection.execute(statement, values)


db = Store()


def key_of(request: Request) -> tuple[str, str, str]:
    """Return what finds the key that a request carries."""
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            lookup, _, secret = value.decode().partition("_")[2].partition("_")
            return lookup, hashlib.sha256(secret.encode()).hexdigest(), stored(now())
    return "", "", ""


def stored(moment: str) -> str:
    """Write a moment as SQLite keeps it: with six digits of fraction."""
    return moment if "." in moment else f"{moment[:-1]}.000000Z"


def moment_of(value: Any) -> Any:
    """Return a moment as it is shown."""
    return value if POSTGRESQL else value.replace(".000000Z", "Z")


def project_of(row: Iterable[Any]) -> dict[str, Any]:
    """Return a project by the names of its fields."""
    found = dict(zip(NAMES, row, strict=False))
    found["created_at"] = moment_of(found["created_at"])
    found["updated_at"] = moment_of(found["updated_at"])
    return found


def answer(value: Any, status: int = 200) -> Response:
    """Write JSON."""
    return Response(dumps(value), status, media_type="application/json")


MISSING = Response(b'{"detail": "No such project."}', 404, media_type="application/json")
GET_PROJECT = f"SELECT {COLUMNS}, m.role FROM {VISIBLE} AND p.id = ?"


async def get_project(request: Request) -> Response:
    """Get a project."""
    rows = db.all(GET_PROJECT, *key_of(request), request.path_params["project_id"])
    return answer({"project": project_of(rows[0])}) if rows else MISSING


async def list_projects(request: Request) -> Response:
    """List the caller's projects."""
    query = dict(part.split("=") for part in request.url.query.split("&") if part)
    values: list[Any] = [*key_of(request)]
    found, page = VISIBLE, ""
    if search := query.get("search"):
        found += " AND (p.name_folded LIKE ? OR p.description_folded LIKE ?)"
        values += [f"%{fold(unquote_plus(search))}%"] * 2
    field, direction = query.get("sort_field", "created_at"), query.get("sort_direction", "desc")
    limit, offset = int(query.get("limit", 50)), int(query.get("offset", 0))
    order = f"m.project_{field} {direction}, m.project_id {direction}"
    page = f"SELECT {COLUMNS} FROM {found} ORDER BY {order}"
    rows = db.all(f"{page} LIMIT ? OFFSET ?", *values, limit, offset)
    count = f"SELECT count(*) FROM {found if search else MINE}"
    ((total,),) = db.all(count, *values)
    items = [project_of(row) for row in rows]
    return answer({"items": items, "total": total, "limit": limit, "offset": offset})


INSERT_PROJECT = "INSERT INTO projects (name_folded, description_folded, id, name, description,"
INSERT_PROJECT += " status, dataset_count, experiment_count, model_count, created_at, updated_at)"
INSERT_PROJECT += " VALUES (?, ?, ?, ?, ?, 'active', 0, 0, 0, ?, ?)"
INSERT_MEMBER = "INSERT INTO members (project_id, user_id, role, direct_role, created_at)"
INSERT_MEMBER += " VALUES (?, ?, ?, ?, ?)"
PUT_MEMBER = f"{INSERT_MEMBER} ON CONFLICT (project_id, user_id) DO UPDATE"
PUT_MEMBER += " SET role = excluded.role, direct_role = excluded.direct_role"
GET_USER_OF_KEY = f"SELECT k.user_id FROM api_keys k WHERE {KEY}"


async def create_project(request: Request) -> Response:
    """Create a project that the caller owns."""
    body = orjson.loads(await request.body())
    name, description = body["name"], body.get("description", "")
    ((user_id,),) = db.all(GET_USER_OF_KEY, *key_of(request))
    project_id, moment = new_id(), now()
    kept = stored(moment)
    db.run("BEGIN")
    db.run(INSERT_PROJECT, fold(name), fold(description), project_id, name, description, kept, kept)
    db.run(INSERT_MEMBER, project_id, user_id, "owner", "owner", kept)
    db.run("COMMIT")
    shown = dict(zip(NAMES, (project_id, name, description, "active", 0, 0, 0), strict=False))
    shown |= {"created_at": moment, "updated_at": moment}
    return answer({"project_id": project_id, "project": shown}, 201)


UPDATE_PROJECT = "UPDATE projects SET name = ?, name_folded = ?, description = ?,"
UPDATE_PROJECT += " description_folded = ?, updated_at = ? WHERE id = ?"


async def update_project(request: Request) -> Response:
    """Change a project."""
    body = orjson.loads(await request.body())
    rows = db.all(GET_PROJECT, *key_of(request), request.path_params["project_id"])
    if not rows:
        return MISSING
    found = project_of(rows[0])
    moment = now()
    found |= {**body, "updated_at": moment}
    name, description = found["name"], found["description"]
    kept = stored(moment)
    db.run(UPDATE_PROJECT, name, fold(name), description, fold(description), kept, found["id"])
    return answer({"project": found})


GET_MEMBER = "SELECT m.user_id, u.email, u.name, m.role, m.created_at FROM members m"
GET_MEMBER += " JOIN users u ON u.id = m.user_id WHERE m.project_id = ? AND u.email = ?"
GET_OWNER = "SELECT 1 FROM members WHERE project_id = ? AND role = 'owner' LIMIT 1"
GET_USER = "SELECT id FROM users WHERE email = ?"


async def add_member(request: Request) -> Response:
    """Add a member, or change a member's role."""
    body = orjson.loads(await request.body())
    project_id = request.path_params["project_id"]
    if not db.all(GET_PROJECT, *key_of(request), project_id):
        return MISSING
    ((user_id,),) = db.all(GET_USER, body["email"].lower())
    db.run("BEGIN")
    given = body.get("role", "editor")
    db.run(PUT_MEMBER, project_id, user_id, given, given, stored(now()))
    owners = db.all(GET_OWNER, project_id)
    db.run("COMMIT" if owners else "ROLLBACK")
    ((user_id, email, name, role, moment),) = db.all(GET_MEMBER, project_id, body["email"].lower())
    shown = {"user_id": user_id, "email": email, "name": name, "role": role}
    shown["through"] = {"direct": role}
    return answer({"member": {**shown, "created_at": moment_of(moment)}}, 201)


GET_DATASETS = "SELECT d.created_at, d.id, d.name, v.rows, v.columns FROM datasets d"
GET_DATASETS += " JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.version"
GET_DATASETS += " WHERE d.project_id = ? ORDER BY d.created_at, d.id LIMIT ?"
GET_EXPERIMENTS = "SELECT created_at, id, name, status, target_column, problem_type,"
GET_EXPERIMENTS += " best_model_type, duration FROM experiments WHERE project_id = ?"
GET_EXPERIMENTS += " ORDER BY created_at, id LIMIT ?"
DATASET = ["timestamp", "id", "name", "rows", "columns"]
EXPERIMENT = ["timestamp", "id", "name", "status", "target_column", "problem_type"]
EXPERIMENT += ["best_model_type", "duration"]


async def get_timeline(request: Request) -> Response:
    """List what happened in a project, the first 500 events."""
    project_id, limit = request.path_params["project_id"], 500
    rows = db.all(GET_PROJECT, *key_of(request), project_id)
    if not rows:
        return MISSING
    events = sorted(
        [*db.all(GET_DATASETS, project_id, limit), *db.all(GET_EXPERIMENTS, project_id, limit)],
        key=lambda row: row[:2],
    )
    shown = [event_of(row) for row in events[:limit]]
    total = rows[0][4] + rows[0][5]
    page = {"total": total, "limit": limit, "offset": 0, "has_more": len(shown) < total}
    return answer({"project_id": project_id, "events": shown, **page})


def event_of(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return an event by the names of its fields."""
    is_dataset = len(row) == len(DATASET)
    event = dict(zip(DATASET if is_dataset else EXPERIMENT, row, strict=True))
    event["type"] = "dataset" if is_dataset else "experiment"
    event["timestamp"] = moment_of(row[0])
    return event


async def upload(request: Request) -> Response:
    """Copy a body to a file."""
    size = 0
    with tempfile.TemporaryFile(dir=store.spool_folder) as file:
        async for chunk in request.stream():
            file.write(chunk)
            size += len(chunk)
    return answer({"bytes": size}, 201)


async def export(request: Request) -> Response:
    """Copy the files of a project to the connection, one after the other."""
    project_id = request.path_params["project_id"]
    rows = db.all("SELECT sha256 FROM artifacts WHERE project_id = ?", project_id)

    async def chunks() -> AsyncIterator[bytes]:
        for (sha256,) in rows:
            for chunk in store.read(sha256):
                yield chunk

    return StreamingResponse(chunks(), media_type="application/zip")


PROJECT = "/api/projects/{project_id}"
app: ASGIApp = Starlette(
    routes=[
        Route("/api/projects", list_projects, methods=["GET"]),
        Route("/api/projects", create_project, methods=["POST"]),
        Route("/api/datasets/upload", upload, methods=["POST"]),
        Route(PROJECT, get_project, methods=["GET"]),
        Route(PROJECT, update_project, methods=["PUT"]),
        Route(f"{PROJECT}/members", add_member, methods=["POST"]),
        Route(f"{PROJECT}/timeline", get_timeline, methods=["GET"]),
        Route(f"{PROJECT}/export", export, methods=["GET"]),
    ]
)
