"""What is known of a table, and what is said about a file that is none."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from projects_api.schemas import DatasetQuality, DatasetQualityIssue, TableReading

TableFormat = Literal["csv", "parquet"]
MAX_CELLS = 500_000_000
"""Of a Parquet file; a CSV file of the largest upload has no more."""
MEDIA_TYPES: dict[TableFormat, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


class Said(TypedDict, total=False):
    """What the sender of a CSV file says of how it is to be read: fields of the contract's form."""

    encoding: str
    delimiter: str
    decimal: str
    header: str
    skip_lines: str
    missing: str
    malformed: str


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What an inspection finds.

    `names` are those that the columns have as Parquet; `reading` how a CSV is read, as the contract
    shows it, and `written` as it is kept, empty and None for Parquet. `overall_score` is from 0 to
    100; an issue has `kind`, `column` (None where it is about the whole table) and `message`.
    """

    format: TableFormat
    media_type: str
    rows: int
    columns: int
    names: list[str]
    overall_score: float
    issues: list[DatasetQualityIssue]
    reading: TableReading = field(default_factory=TableReading)
    written: dict[str, Any] | None = None

    @property
    def dialect(self) -> dict[str, Any]:
        """How the file is read, its rows and the names of its columns; plain JSON."""
        shown = self.reading
        return {
            "rows": self.rows,
            "encoding": shown.get("encoding"),
            "delimiter": shown.get("delimiter"),
            "has_header": shown.get("header"),
            "names": self.names,
            **({"written": self.written} if self.written else {}),
        }

    @property
    def quality(self) -> DatasetQuality:
        """The judgement, as the contract shows it."""
        return {"overall_score": self.overall_score, "issues": self.issues}

    def as_columns(self) -> dict[str, Any]:
        """Name the facts as a version of a data set keeps them."""
        return {
            "format": self.format,
            "media_type": self.media_type,
            "rows": self.rows,
            "columns": self.columns,
            "dialect": self.dialect,
            "reading": self.reading,
            "quality": self.quality,
        }


class NotATable(Exception):
    """A file is no table; `reason` tells the person who sent it what is wrong and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
