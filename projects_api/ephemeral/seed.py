"""What a server for tests starts with: people with a key for each role, and an exported project."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, insert

from projects_api.app.services import Services
from projects_api.archive.importing import Unpacked, unpack
from projects_api.archive.rows import insert_members, insert_project
from projects_api.files.content import Content
from projects_api.models import api_key, blob, member, team, user
from projects_api.models.user import users

DEMO = Path(__file__).parent / "seeds" / "demo.zip"
"""An export of the documented example project."""

STRANGER = "stranger"
OPERATOR = "operator"
SCOPES = ("read", "write", "predict")
"""Of all keys but the operator's."""


class Person(NamedTuple):
    """Somebody whom the seed registers."""

    email: str
    name: str


PEOPLE = {
    "owner": Person("alice@example.com", "Alice Chen"),
    "admin": Person("carol@example.com", "Carol Jones"),
    "editor": Person("bob@example.com", "Bob Smith"),
    "viewer": Person("dave@example.com", "Dave Miller"),
    STRANGER: Person("erin@example.com", "Erin Stone"),
    OPERATOR: Person("olga@example.com", "Olga Novak"),
}
"""By their role in the project, of which the stranger and the server's operator have none."""
LAPTOP_KEY_ID = "019c46ac-1180-7e92-b6f3-5a0d7c9e8b21"
"""A key of the owner that nobody asks with: it can be looked at, and deleted."""
TEAM_ID = "019c46c0-1a20-7c31-9d4e-2b6f8a0c1e57"
"""A team of the owner and the editor, in no project yet."""

_PERSON = ("id", "email", "name", "created_at")


@dataclass(frozen=True, slots=True)
class Seed:
    """What was planted: a key for each role, the project's id, and the files."""

    keys: dict[str, str]
    project_id: str | None
    files: dict[Path, Content]


def seed_database(services: Services, archive: Path | None, folder: Path) -> Seed:
    """Fill an empty database and store; the files of the archive are kept in the folder.

    Everything keeps its id. Without an archive there are only people. Raises ArchiveRefused.
    """
    unpacked = unpack(archive, folder, with_documents=True) if archive else None
    files = unpacked.contents if unpacked else {}
    for path, content in files.items():
        services.artifacts.store.put(content, path)
    project_id = unpacked.document["project"]["id"] if unpacked else None
    with services.database.transaction() as connection:
        if unpacked:
            _insert_unpacked(connection, unpacked)
        keys = {
            role: _introduce(connection, person, role, project_id)
            for role, person in PEOPLE.items()
        }
        owner_id = user.find_id(connection, PEOPLE["owner"].email)
        if owner_id:
            api_key.make(
                connection,
                key_id=LAPTOP_KEY_ID,
                user_id=owner_id,
                name="laptop",
                scopes=("read",),
            )
            team.create(connection, owner_id, name="Data science", team_id=TEAM_ID)
            editor_id = user.find_id(connection, PEOPLE["editor"].email)
            team.put_person(connection, TEAM_ID, str(editor_id), "member")
    return Seed(keys, project_id, files)


def _introduce(connection: Connection, person: Person, role: str, project_id: str | None) -> str:
    user_id = user.find_id(connection, person.email)
    if user_id is None:
        user_id = user.create(connection, email=person.email, name=person.name)
    if project_id and role not in {STRANGER, OPERATOR}:
        member.put(connection, project_id, user_id, role)
    scopes = api_key.SCOPES if role == OPERATOR else SCOPES
    return api_key.issue(connection, user_id=user_id, name=role, scopes=scopes)


def _insert_unpacked(connection: Connection, unpacked: Unpacked) -> None:
    project_id = unpacked.document["project"]["id"]
    for content in set(unpacked.contents.values()):
        blob.put(connection, sha256=content.sha256, size_bytes=content.size, crc32=content.crc32)
    insert_project(connection, unpacked.document, unpacked.listed)
    joined = [
        {**row, "id": row["user_id"], "project_id": project_id}
        for row in unpacked.document["members"]
    ]
    if joined:
        connection.execute(insert(users), [{name: row[name] for name in _PERSON} for row in joined])
    insert_members(connection, joined)
