"""A table read as an upload is, and by every later reader, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from projects_api.server.tables import tasks
from projects_api.server.tables.facts import TableFacts


@dataclass(frozen=True)
class Read:
    """What an upload finds, the table as Parquet, and its columns as they are described."""

    facts: TableFacts
    table: pa.Table
    described: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.table.to_pylist()

    @property
    def kinds(self) -> list[str]:
        return [str(issue["kind"]) for issue in self.facts.issues]


def read(content: bytes | str, **said: str) -> Read:
    """Upload, convert and describe; raises NotATable where the upload is refused."""
    with TemporaryDirectory() as folder, _in(Path(folder), content) as source:
        scratch, part = source.with_name("scratch"), source.with_name("part")
        facts = TableFacts(**tasks.inspect(source, scratch, part, said))
        target = source.with_name("target")
        tasks.convert(source, scratch, target, "parquet", facts.dialect)
        described = tasks.describe(source, scratch, part, facts.dialect)
        return Read(facts, pq.read_table(target), described)


@contextmanager
def _in(folder: Path, content: bytes | str) -> Iterator[Path]:
    path = folder / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    yield path
