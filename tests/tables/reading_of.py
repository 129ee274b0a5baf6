"""A table read as an upload is, and by every later reader, in this process."""

import atexit
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from projects_api.tables import tasks
from projects_api.tables.facts import TableFacts

FOLDER = Path(mkdtemp(prefix="tables-"))
"""One for all, since a database that reaches another folder takes longer to make than to use."""
atexit.register(rmtree, FOLDER)


@dataclass(frozen=True)
class Read:
    """What an upload finds, the table as Parquet, and its columns as they are described."""

    facts: TableFacts
    table: pa.Table
    described: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.table.to_pylist()

    @property
    def kinds(self) -> list[str]:
        return [str(issue["kind"]) for issue in self.facts.issues]


def read(content: bytes | str, **said: str) -> Read:
    """Upload, convert and describe; raises NotATable where the upload is refused."""
    found = convert(content, **said)
    scratch, part = FOLDER / "scratch", FOLDER / "part"
    described = tasks.describe(FOLDER / "upload", scratch, part, found.facts.dialect)
    return replace(found, described=described)


def convert(content: bytes | str, **said: str) -> Read:
    """Upload and convert alone."""
    source = FOLDER / "upload"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    scratch, part, target = FOLDER / "scratch", FOLDER / "part", FOLDER / "target"
    facts = TableFacts(**tasks.inspect(source, scratch, part, said))
    tasks.convert(source, scratch, target, "parquet", facts.dialect)
    return Read(facts, pq.read_table(target))


def read_again(found: Read) -> Read:
    """Upload the table that was downloaded as Parquet, download it as CSV, and upload that."""
    source, target = FOLDER / "table", FOLDER / "table.csv"
    pq.write_table(found.table, source)
    facts = TableFacts(**tasks.inspect(source, source, source, {}))
    tasks.convert(source, source, target, "csv", facts.dialect)
    return read(target.read_bytes())
