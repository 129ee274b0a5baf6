"""What is known of a table, and what is said about a file that is none."""

from dataclasses import dataclass
from typing import Any, Literal

TableFormat = Literal["csv", "parquet"]
MEDIA_TYPES: dict[TableFormat, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What an inspection finds; `encoding`, `delimiter` and `has_header` are of CSV only.

    `names` are those that the columns have as Parquet. A CSV of one column has no delimiter.
    `overall_score` is from 0 to 100; an issue has `kind`,
    `column` (None where it is about the whole table) and `message`.
    """

    format: TableFormat
    media_type: str
    rows: int
    columns: int
    names: list[str]
    encoding: str | None
    delimiter: str | None
    has_header: bool | None
    overall_score: float
    issues: list[dict[str, str | None]]

    @property
    def dialect(self) -> dict[str, Any]:
        """How the file is written, its rows and the names of its columns; plain JSON."""
        return {
            "rows": self.rows,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "has_header": self.has_header,
            "names": self.names,
        }

    def as_columns(self) -> dict[str, Any]:
        """Name the facts as a version of a data set keeps them."""
        return {
            "format": self.format,
            "media_type": self.media_type,
            "rows": self.rows,
            "columns": self.columns,
            "dialect": self.dialect,
            "quality": {"overall_score": self.overall_score, "issues": self.issues},
        }


class NotATable(Exception):  # noqa: N818 - it says what the file is, as the callers' code reads
    """A file is no table; `reason` tells the person who sent it what is wrong and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
