"""Exports as tests see them: read, compared, and written again in other ways."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from projects_api.archive.importing import INTERRUPTED, LEFT_OUT
from projects_api.archive.writer import MANIFEST, write_archive

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Document = dict[str, Any]


def empty_export(name: str = "Empty") -> bytes:
    """Write the export of a project that has nothing but a name."""
    moment = "2026-02-28T14:30:00Z"
    project = {"id": "019ca4a8-0240-7c52-8a4f-1d9b6e3c7f20", "name": name, "description": ""}
    parts = ("members", "datasets", "experiments", "models", "reports", "deployments", "files")
    document = {
        "format_version": 1,
        "exported_at": moment,
        "project": {**project, "created_at": moment, "updated_at": moment},
        **{part: [] for part in parts},
    }
    return b"".join(write_archive(document, []))


def as_zip(**files: bytes) -> bytes:
    """Write an archive of any files."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return written.getvalue()


def nothing(_document: Document) -> None:
    """Leave a manifest as it is."""


def rewrite(
    source_path: Path,
    target: Path,
    edit: Callable[[Document], Any] = nothing,
    files: Mapping[str, bytes] = MappingProxyType({}),
    method: int = zipfile.ZIP_STORED,
) -> Path:
    """Write an archive again with another manifest, and with other or more files."""
    with zipfile.ZipFile(source_path) as source, zipfile.ZipFile(target, "w", method) as written:
        contents = {name: source.read(name) for name in source.namelist()}
        document = json.loads(contents[MANIFEST])
        edit(document)
        for name, content in {
            **contents,
            MANIFEST: json.dumps(document).encode(),
            **files,
        }.items():
            written.writestr(name, content)
    return target


def read_manifest(path: Path) -> Document:
    with zipfile.ZipFile(path) as archive:
        document: Document = json.loads(archive.read(MANIFEST))
    return document


def normalised(document: Document) -> Document:
    """Number ids in the order in which they appear, in a fixed order of everything else."""
    document = json.loads(json.dumps(document))
    document["exported_at"] = ""
    document["project"] |= {"created_at": "", "updated_at": ""}
    for part in ("datasets", "experiments", "models", "reports", "deployments"):
        document[part].sort(key=lambda row: (row["created_at"], row["name"]))
    document["members"] = sorted(document["members"], key=lambda row: row["email"])
    document["files"].sort(key=lambda row: ID.sub("", row["path"]) + row["sha256"])
    numbers: dict[str, int] = {}
    text = ID.sub(
        lambda found: f"id {numbers.setdefault(found[0], len(numbers))}", json.dumps(document)
    )
    again: Document = json.loads(text)
    return again


def as_imported(document: Document) -> Document:
    """Tell of a project as an import brings it in: nothing is at work, and reports are bare."""
    document = json.loads(json.dumps(document))
    for row in (*document["experiments"], *document["reports"]):
        if row["status"] in {"running", "queued"}:
            row |= {"status": "cancelled", "message": INTERRUPTED}
    documents = set()
    for row in document["reports"]:
        documents |= {row["path"], row["pdf_path"]}
        row.update(dict.fromkeys(("path", "artifact_id", "pdf_path", "pdf_artifact_id")))
        if row["status"] == "succeeded":
            row.update({"status": "failed", "message": LEFT_OUT})
    document["files"] = [one for one in document["files"] if one["path"] not in documents]
    return document


def ids_in(document: Document) -> set[str]:
    return {found[0] for found in ID.finditer(json.dumps(document))}


def told(name: str, content: bytes) -> Callable[[Document], None]:
    """Say in a manifest what a changed file is, so that only its content is wrong."""

    def edit(document: Document) -> None:
        for file in document["files"]:
            if file["path"] == name:
                file |= {
                    "size_bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }

    return edit


def first_file(path: Path, suffix: str) -> str:
    return next(one["path"] for one in read_manifest(path)["files"] if one["path"].endswith(suffix))
