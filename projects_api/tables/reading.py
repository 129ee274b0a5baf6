"""How a CSV file is read: what its sender says of it, and what was decided at its upload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from projects_api.schemas import TableReading
from projects_api.tables.facts import NotATable, Said
from projects_api.tables.values import MISSING

WHITE_SPACE = " "
Doubt = Literal["decimal commas", "names", "names below", "titles", "comment", "later header"]
Malformed = Literal["refuse", "repair", "leave_out"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the sender of a file says about it; None of what is left to be found."""

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    skip_lines: int | None = None
    missing: tuple[str, ...] | None = None
    malformed: Malformed = "refuse"
    single: bool = False
    """Of files that an earlier version of the server found to have one column."""
    given: dict[str, str] = field(default_factory=dict)
    """The fields of the form, as they were sent."""

    @classmethod
    def of_form(cls, form: Mapping[str, str]) -> "Options":
        """Read the fields of a form, which the contract has checked."""
        delimiter = form.get("delimiter")
        missing = form.get("missing")
        skip_lines, header = form.get("skip_lines"), form.get("header")
        return cls(
            encoding=form.get("encoding"),
            delimiter="\t" if delimiter == r"\t" else delimiter and delimiter[0],
            decimal=form.get("decimal"),
            header=None if header is None else header == "true",
            skip_lines=None if skip_lines is None else int(skip_lines),
            missing=None if missing is None else ("", *filter(None, missing.split(","))),
            malformed=cast("Malformed", form.get("malformed", "refuse")),
            given=dict(form),
        )

    @property
    def markers(self) -> tuple[str, ...]:
        """Return the texts of cells that hold no value."""
        return MISSING if self.missing is None else self.missing


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of a CSV file are to be read, whatever its encoding.

    `delimiter` is None for one column; `separator` is what must not occur in its values then.
    Lines above the header are counted by their line ends; `header_lines` is 0 where none names
    the columns. `names` has one for each column, empty where there is none. A file that is not
    `plain` can be read by DuckDB only when it was written again.
    """

    delimiter: str | None
    separator: str
    quote: str
    blanks: bool
    skip_lines: int
    header_lines: int
    names: list[str]
    plain: bool
    doubts: frozenset[Doubt] = frozenset()
    other_names: int = 0
    """How many lines below the first another line is with which the table may begin; 0 for none.

    It, doubts and the rival are of what was found at the upload, and are not kept.
    """
    rival: str | None = None

    @property
    def shown_delimiter(self) -> str | None:
        """Show the delimiter with a blank behind it where each has one."""
        with_blank = self.blanks and self.delimiter != WHITE_SPACE
        return f"{self.delimiter} " if with_blank else self.delimiter


@dataclass(slots=True)
class Lines:
    """What became of the lines of a file that was written again; numbers of lines are from 1."""

    rows: int = 0
    short: int = 0
    short_at: list[int] = field(default_factory=list)
    repaired: int = 0
    repaired_at: list[int] = field(default_factory=list)
    left_out: int = 0
    left_out_at: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was decided about a CSV file at its upload, and is followed by all who read it.

    `types` are SQL types of its columns, `present` the numbers of their values; in `padded` ones,
    markers may have blanks around.
    """

    encoding: str
    layout: Layout
    decimal: str
    markers: tuple[str, ...]
    malformed: Malformed
    types: list[str]
    present: list[int]
    lines: Lines
    given: dict[str, str]
    padded: list[int] = field(default_factory=list)

    def shown(self) -> TableReading:
        """Show it as the contract does."""
        shown: Any = {  # of texts that are among the contract's
            "encoding": self.encoding,
            "delimiter": self.layout.shown_delimiter,
            "quote": self.layout.quote,
            "decimal": self.decimal,
            "header": self.layout.header_lines > 0,
            "skip_lines": self.layout.skip_lines,
            "missing": list(self.markers),
            "malformed": self.malformed,
            "short_rows": self.lines.short,
            "repaired_rows": self.lines.repaired,
            "left_out_rows": self.lines.left_out,
            "given": [name for name in Said.__annotations__ if name in self.given],
        }
        reading: TableReading = shown
        return reading

    def kept(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        layout = self.layout
        return {
            "names": layout.names,
            "separator": layout.separator,
            "quote": layout.quote,
            "blanks": layout.blanks,
            "delimiter": layout.delimiter,
            "skip_lines": layout.skip_lines,
            "header_lines": layout.header_lines,
            "plain": layout.plain,
            "decimal": self.decimal,
            "markers": list(self.markers),
            "malformed": self.malformed,
            "types": self.types,
            "present": self.present,
            "given": self.given,
            "padded": self.padded,
        }

    @classmethod
    def of_dialect(cls, dialect: Mapping[str, Any]) -> "Reading | None":
        """Read what was kept; None of a file from before such was."""
        kept = dialect.get("written")
        if kept is None:
            return None
        layout = Layout(
            **{name: kept[name] for name in ("delimiter", "separator", "quote", "blanks")},
            **{name: kept[name] for name in ("skip_lines", "header_lines", "plain")},
            names=kept["names"],
        )
        return cls(
            encoding=dialect["encoding"],
            layout=layout,
            decimal=kept["decimal"],
            markers=tuple(kept["markers"]),
            malformed=kept["malformed"],
            types=kept["types"],
            present=kept["present"],
            lines=Lines(),
            given=kept["given"],
            padded=kept.get("padded", []),
        )


def options_of(dialect: Mapping[str, Any]) -> Options:
    """Say of a file what an earlier version of the server found, which was less."""
    if "has_header" not in dialect:
        raise NotATable("It is not known how the file is written. Upload it again.")
    return Options(
        encoding=dialect["encoding"],
        delimiter=dialect["delimiter"],
        header=dialect["has_header"],
        skip_lines=0,
        single=dialect["delimiter"] is None,
    )
