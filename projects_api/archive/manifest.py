"""The manifest of an export: what it says of a project, and whether all of it holds together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

from projects_api.archive.reader import ListedFile, shown
from projects_api.contract.checker import Checker, parse_yaml
from projects_api.openapi import contract

Row = Mapping[str, Any]

_FILE_COLUMNS = {"path": "artifact_id", "pdf_path": "pdf_artifact_id"}
"""Where a row names a file of the archive, and the artifact that the file is."""
_PARTS = {
    "datasets": "Dataset",
    "experiments": "Experiment",
    "models": "Model",
    "reports": "Report",
    "deployments": "Deployment",
}
_LISTS = {**_PARTS, "members": "Member"}
_MOST, _LONGEST = 8, 400
"""How many faults are told, and how many characters of each."""
_REPORT_TYPES = {"path": "text/html", "pdf_path": "application/pdf"}


def manifest_row(kind: str, row: Row) -> dict[str, Any]:
    """Return what the manifest says of a row, of the kind `Experiment` for instance."""
    return {name: row[name] for name in _defaults(kind) if name in row}


def completed(document: Row) -> dict[str, Any]:
    """Return a manifest of which every row has all that it may have, and nothing else.

    The manifest must be one that `manifest_faults` finds nothing wrong with.
    """
    parts: dict[str, Any] = {
        part: [_completed(kind, row) for row in document.get(part, ())]
        for part, kind in _LISTS.items()
    }
    for found in parts["datasets"]:
        found["versions"] = [_completed("DatasetVersion", row) for row in found["versions"]]
    return {**parts, "project": _completed("Project", document["project"])}


def files_of_rows(document: Row) -> Iterator[tuple[Row, str, str]]:
    """Yield each row that has a file, the file's path and its artifact's id.

    A row with two files stands twice.
    """
    for row in _rows_with_files(document):
        for column, artifact in _FILE_COLUMNS.items():
            if row.get(column) is not None:
                yield row, row[column], row[artifact]


def manifest_faults(document: Row, listed: Mapping[str, ListedFile]) -> list[str]:
    """Return a manifest's faults as sentences: of its shape first, then of what it refers to."""
    if not _checker().accepts(document):
        return list(islice(_shape_faults(document), _MOST + 1))
    whole = completed(document)
    return [
        *_repeated_ids(whole),
        *_dangling_references(whole),
        *_file_faults(whole, listed),
        *_broken_rules(whole),
    ]


@cache
def _schema() -> dict[str, Any]:
    return parse_yaml((files("projects_api.archive") / "manifest.yaml").read_bytes())


@cache
def _checker() -> Checker:
    return Checker({**_schema(), "components": {"schemas": contract()["components"]["schemas"]}})


@cache
def _checker_of(kind: str) -> Checker:
    components = {"schemas": contract()["components"]["schemas"]}
    definitions = _schema()["$defs"]
    return Checker({"$ref": f"#/$defs/{kind}", "$defs": definitions, "components": components})


def _shape_faults(document: Row) -> Iterator[str]:
    """Look for what is wrong row by row, and in the rest with nothing in its lists."""
    rest = dict(document)
    for part, kind in _LISTS.items():
        if isinstance(rows := document.get(part), list):
            rest[part] = []
            for number, row in enumerate(rows):
                if not _checker_of(kind).accepts(row):
                    faults = _checker_of(kind).faults(row, "manifest", part, str(number))
                    yield from map(_told, faults)
    yield from map(_told, _checker().faults(rest, "manifest"))


def _told(fault: Mapping[str, str]) -> str:
    return f"In the manifest, {fault['pointer'] or '/'}: {fault['message']}."


@cache
def _defaults(kind: str) -> dict[str, Any]:
    """Name the properties of a kind of row, each with its default, which is null mostly."""
    definitions = _schema()["$defs"]

    def default(declared: Row) -> Any:
        if "default" in declared:
            return declared["default"]
        inner = definitions.get(declared.get("$ref", "").rpartition("/")[2], {})
        return inner.get("default")

    return {name: default(one) for name, one in definitions[kind]["properties"].items()}


def _completed(kind: str, row: Row) -> dict[str, Any]:
    return {name: row.get(name, default) for name, default in _defaults(kind).items()}


def _rows_with_files(document: Row) -> Iterator[Row]:
    for found in document["datasets"]:
        yield from found["versions"]
    yield from document["models"]
    yield from document["reports"]


def _repeated_ids(document: Row) -> Iterator[str]:
    rows = [document["project"], *(row for part in _PARTS for row in document[part])]
    versions = [row for found in document["datasets"] for row in found["versions"]]
    ids = [row["id"] for row in (*rows, *versions)]
    artifacts = [row[name] for row in _rows_with_files(document) for name in row if _is_file(name)]
    ids += [one for one in artifacts if one is not None]
    yield from (f"The id {one} stands for {n} things." for one, n in Counter(ids).items() if n > 1)
    people = Counter(one["email"].lower() for one in document["members"])
    yield from (f"{email} is {n} members." for email, n in people.items() if n > 1)


def _is_file(column: str) -> bool:
    return column in _FILE_COLUMNS.values()


def _dangling_references(document: Row) -> Iterator[str]:
    versions = {row["id"] for found in document["datasets"] for row in found["versions"]}
    known = {part: {row["id"] for row in document[part]} for part in _PARTS}
    for part, column, targets in (
        ("experiments", "dataset_version_id", versions | {None}),
        ("models", "experiment_id", known["experiments"]),
        ("deployments", "model_id", known["models"]),
    ):
        for row in document[part]:
            if row[column] not in targets:
                yield f"The {column} {row[column]} in {part} is the id of nothing here."


def _file_faults(document: Row, listed: Mapping[str, ListedFile]) -> Iterator[str]:
    used = Counter(path for _, path, _ in files_of_rows(document))
    yield from (f"{shown(path)} belongs to {n} things." for path, n in used.items() if n > 1)
    yield from (f"{shown(path)} is not listed." for path in used if path not in listed)
    yield from (f"{shown(path)} belongs to nothing." for path in listed if path not in used)
    for row in _rows_with_files(document):
        for column, artifact in _FILE_COLUMNS.items():
            if (row.get(column) is None) != (row.get(artifact) is None):
                yield f"{row['id']} has an {artifact} without a {column}, or the other way round."
    for row in document["reports"]:
        for column, media_type in _REPORT_TYPES.items():
            file = listed.get(row[column])
            if file and file.media_type != media_type:
                yield f"{shown(row[column])} is not {media_type}."


def _broken_rules(document: Row) -> Iterator[str]:
    for found in document["datasets"]:
        numbers = Counter(row["version"] for row in found["versions"])
        if max(numbers.values()) > 1:
            yield f"The data set {found['id']} has several versions with the same number."
    if sum(map(_is_in_production, document["deployments"])) > 1:
        yield "Several deployments are active in production."


def _is_in_production(row: Row) -> bool:
    return (row["stage"], row["status"]) == ("production", "active")


def fault_text(faults: Iterable[str]) -> str:
    """Put faults into one text of less than 4000 characters."""
    every = list(faults)
    told = [f"{one[:_LONGEST]}..." if len(one) > _LONGEST else one for one in every[:_MOST]]
    more = [f"And {len(every) - _MOST} more."] if len(every) > _MOST else []
    return " ".join([*told, *more])
