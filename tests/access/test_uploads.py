"""Nobody sends the server a large file without a key for it."""

import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from projects_api.models import api_key
from projects_api.models.base import new_id, to_text
from tests.support.processes import PATIENCE

UPLOADS = {
    "upload_dataset": "/api/datasets/upload",
    "upload_dataset_version": f"/api/datasets/{new_id()}/versions",
    "import_project": "/api/projects/import",
}


def expired(person) -> str:
    past = to_text(datetime.now(UTC) - timedelta(seconds=1))
    return person.server.key(person.user_id, expires_at=past)


def revoked(person) -> str:
    key = person.server.key(person.user_id)
    with person.server.services.database.transaction() as connection:
        found = api_key.authenticate(connection, key)
        api_key.revoke(connection, found.key_id)
    return key


KEYS = {
    "none": (None, 401),
    "unknown": (lambda _: "pak_0123456789abcdef_" + 43 * "x", 401),
    "expired": (expired, 401),
    "revoked": (revoked, 401),
    "without scope": (lambda person: person.server.key(person.user_id, ("read",)), 403),
}


def first_line(url: str, path: str, key: str | None) -> str:
    """Announce a large file, send none of it, and tell the answer's first line."""
    parts = urlsplit(url)
    headers = {
        "Host": parts.netloc,
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": "900000",
        "Expect": "100-continue",
        **({"Authorization": f"Bearer {key}"} if key else {}),
    }
    lines = (f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((parts.hostname, parts.port), PATIENCE) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode())
        return connection.makefile("rb").readline().decode().strip()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("operation", UPLOADS)
def test_no_byte_is_asked_of_who_has_no_key_for_it(server, operation, key):
    make, status = KEYS[key]
    sent = make(server.person()) if make else None
    line = first_line(server.url, UPLOADS[operation], sent)
    assert line.startswith(f"HTTP/1.1 {status} ")


@pytest.mark.parametrize("operation", UPLOADS)
def test_the_file_of_who_has_one_is_asked_for(server, operation):
    line = first_line(server.url, UPLOADS[operation], server.person().key)
    assert line == "HTTP/1.1 100 Continue"
