"""Content for measurements: projects with all that belongs to them, written in bulk.

`python -m tools.bench.seed --projects 1000000 --events 100000` fills the database that the
settings name, which must be empty, and prints as JSON what requests need to know about it. The
content is the same on every database, ids and times included; the counts of projects are true.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import duckdb
import psycopg
import typer
from psycopg import sql

from projects_api.database import Database
from projects_api.database.schema import upgrade
from projects_api.files.content import Content, describe
from projects_api.models import api_key
from projects_api.models.base import fold
from projects_api.settings import Settings
from projects_api.storage.store import ArtifactStore

Row = dict[str, Any]

CALLER = 0
USERS = 202
MEMBERS = 200
OTHER_OWNERS = 100
MOST_OF_CALLER = 10_000
EXPORT_FILES = 10
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
# fmt: off
SUBJECTS = [
    "Fraud", "Churn", "Demand", "Credit", "Energy", "Price", "Traffic", "Weather", "Image", "Text",
    "Claim", "Patient", "Sensor", "Player", "Stock", "Crop", "Route", "Noise", "Yield", "Wear",
    "Spam", "Risk", "Voice", "Fault", "Order",
]
# fmt: on
TASKS = ["Detection", "Forecast", "Ranking", "Scoring", "Classification", "Clustering", "Pricing"]
# Which table an id belongs to, so that no two tables share one.
USER, PROJECT, ARTIFACT, DATASET, VERSION, EXPERIMENT, MODEL = range(7)


@dataclass(frozen=True)
class Facts:
    """What a request needs to know about the content: the caller's key, ids, addresses."""

    key: str
    projects: list[str]
    """Up to 200 of the caller's projects, none of those below."""
    members: str
    """The project with 200 members."""
    timeline: str
    """The project with 200 events."""
    long_timeline: str
    """The project with as many events as were asked for."""
    export: str
    """The project with ten files of data that cannot be compressed."""
    export_bytes: int
    emails: list[str]
    """Everybody but the caller."""
    owned: int
    """How many projects the caller has."""
    events: int
    """How many events the project with the long timeline has."""


@dataclass(frozen=True)
class Plan:
    """How much there is, and from that every row. Each table's rows can be had again and again."""

    projects: int
    events: int
    small: Content
    large: list[Content]

    @property
    def owned(self) -> int:
        """How many projects the caller has."""
        return min(self.projects, MOST_OF_CALLER)

    def of_caller(self, place: int) -> int:
        """Return the number of the caller's project at a place; they are spread over all."""
        return place * (self.projects // self.owned)

    def counts(self, number: int) -> tuple[int, int, int]:
        """Say how many data sets, experiments and models a project has."""
        place, rest = divmod(number, self.projects // self.owned)
        if rest:
            # Of the others' projects one in ten has something in it.
            return _usual_counts(number) if number % 10 == 1 else (0, 0, 0)
        special = {
            1: (100, 100, 0),
            2: (self.events // 2, self.events // 2, 0),
            3: (EXPORT_FILES, 0, 0),
        }
        return special.get(place) or _usual_counts(place)

    def tables(self) -> Iterator[tuple[str, Iterable[Row]]]:
        """Return every table with its rows, parents before their children."""
        yield "users", self._users()
        yield "blobs", (_blob(content) for content in {self.small, *self.large})
        yield "projects", (self._project(number) for number in range(self.projects))
        yield "members", self._members()
        yield "artifacts", self._artifacts()
        yield "datasets", (self._dataset(*child) for child in self._children(0))
        yield "dataset_versions", (self._version(*child) for child in self._children(0))
        yield "experiments", (self._experiment(*child) for child in self._children(1))
        yield "trained_models", (self._model(*child) for child in self._children(2))

    def _children(self, kind: int) -> Iterator[tuple[int, int]]:
        for number in range(self.projects):
            for child in range(self.counts(number)[kind]):
                yield number, child

    def _users(self) -> Iterator[Row]:
        for number in range(USERS):
            name = "The Caller" if number == CALLER else f"Member {number}"
            moment = _text(BEGINNING)
            yield {
                "id": identifier(USER, number),
                "email": email_of(number),
                "name": name,
                "created_at": moment,
            }

    def _project(self, number: int) -> Row:
        # The caller's projects, which lie apart, have all the subjects too.
        subject = SUBJECTS[(number + number // (self.projects // self.owned)) % 25]
        name = f"{subject} {TASKS[number // 25 % 7]} {number}"
        description = f"Predictions for department {number // 7 % 1000}"
        datasets, experiments, models = self.counts(number)
        return {
            "id": identifier(PROJECT, number),
            "name": name,
            "name_folded": fold(name),
            "description": description,
            "description_folded": fold(description),
            "status": "active",
            "dataset_count": datasets,
            "experiment_count": experiments,
            "model_count": models,
            "created_at": _text(_moment(number)),
            "updated_at": _text(_moment(number)),
        }

    def _members(self) -> Iterator[Row]:
        stride = self.projects // self.owned
        for number in range(self.projects):
            owner = 2 + number % OTHER_OWNERS if number % stride else CALLER
            yield _member(number, owner, "owner", 0)
        # The caller's first project has 200 members in all.
        for place in range(1, MEMBERS):
            yield _member(0, place, "viewer", place)

    def _artifacts(self) -> Iterator[Row]:
        for number, child in self._children(0):
            yield self._artifact(number, 2 * child, "application/vnd.apache.parquet")
        for number, child in self._children(2):
            yield self._artifact(number, 2 * child + 1, "application/vnd.skops")

    def _artifact(self, number: int, child: int, media_type: str) -> Row:
        exported = number == self.of_caller(3)
        content = self.large[child // 2] if exported else self.small
        return {
            "id": identifier(ARTIFACT, number, child),
            "project_id": identifier(PROJECT, number),
            "sha256": content.sha256,
            "media_type": media_type,
            "created_at": _text(_moment(number, 2 * child)),
        }

    def _dataset(self, number: int, child: int) -> Row:
        moment = _text(_moment(number, 2 * child))
        return {
            "id": identifier(DATASET, number, child),
            "project_id": identifier(PROJECT, number),
            "name": f"table {child}.parquet",
            "description": "",
            "version": 1,
            "created_at": moment,
            "updated_at": moment,
        }

    def _version(self, number: int, child: int) -> Row:
        return {
            "id": identifier(VERSION, number, child),
            "dataset_id": identifier(DATASET, number, child),
            "version": 1,
            "artifact_id": identifier(ARTIFACT, number, 2 * child),
            "format": "parquet",
            "rows": 100 + child,
            "columns": 2,
            "dialect": "{}",
            "quality": '{"overall_score": 100, "issues": []}',
            "created_at": _text(_moment(number, 2 * child)),
        }

    def _experiment(self, number: int, child: int) -> Row:
        return {
            "id": identifier(EXPERIMENT, number, child),
            "project_id": identifier(PROJECT, number),
            "dataset_version_id": None,
            "name": f"AutoML Run {child + 1}",
            "status": "completed",
            "target_column": "target",
            "problem_type": "classification",
            "best_model_type": "GBM",
            "duration": 60.5 + child % 300,
            "created_at": _text(_moment(number, 2 * child + 1)),
        }

    def _model(self, number: int, child: int) -> Row:
        return {
            "id": identifier(MODEL, number, child),
            "project_id": identifier(PROJECT, number),
            "experiment_id": identifier(EXPERIMENT, number, 0),
            "artifact_id": identifier(ARTIFACT, number, 2 * child + 1),
            "name": f"Model {child + 1}",
            "model_type": "GBM",
            "metrics": '{"auc": 0.9}',
            "created_at": _text(_moment(number, 2 * child + 1)),
        }


def seed(settings: Settings, *, projects: int, events: int, export_bytes: int) -> Facts:
    """Fill an empty database and artifact store; at least 10 projects, an even number of events."""
    database = Database(settings.database)
    upgrade(database)
    small, *large = _store_files(ArtifactStore(settings.artifacts), export_bytes)
    plan = Plan(projects, events, small, large)
    if database.engine.dialect.name == "postgresql":
        _fill_postgresql(settings.database, plan)
    else:
        _fill_sqlite(str(database.engine.url.database), plan)
    with database.transaction() as connection:
        key = api_key.issue(connection, user_id=identifier(USER, CALLER), name="benchmark")
    database.close()
    special = [identifier(PROJECT, plan.of_caller(place)) for place in range(4)]
    usual = range(4, min(plan.owned, 204))
    return Facts(
        key=key,
        projects=[identifier(PROJECT, plan.of_caller(place)) for place in usual],
        members=special[0],
        timeline=special[1],
        long_timeline=special[2],
        export=special[3],
        export_bytes=sum(content.size for content in large),
        emails=[email_of(number) for number in range(1, USERS)],
        owned=plan.owned,
        events=events,
    )


def _fill_sqlite(path: str, plan: Plan) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    # Whoever is interrupted here begins anew: nothing has to survive a crash.
    connection.execute("PRAGMA synchronous=OFF")
    # What is written in between, such as indexes, stays in memory.
    connection.execute("PRAGMA cache_size=-1000000")
    connection.execute("BEGIN")
    for table, rows in plan.tables():
        iterator = iter(rows)
        if first := next(iterator, None):
            names = ", ".join(first)
            places = ", ".join("?" * len(first))
            statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - our own names
            connection.execute(statement, list(first.values()))
            connection.executemany(statement, (list(row.values()) for row in iterator))
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _fill_postgresql(url: str, plan: Plan) -> None:
    with psycopg.connect(url) as connection:
        for table, rows in plan.tables():
            iterator = iter(rows)
            if first := next(iterator, None):
                statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                    sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, first))
                )
                with connection.cursor().copy(statement) as copy:
                    copy.write_row(list(first.values()))
                    for row in iterator:
                        copy.write_row(list(row.values()))
        connection.commit()
        # What PostgreSQL does by itself a minute later.
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _store_files(store: ArtifactStore, export_bytes: int) -> Iterator[Content]:
    """Store a small Parquet file and ten that random numbers make incompressible."""
    width = 8
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1 + EXPORT_FILES):
            path = Path(folder) / f"{number}.parquet"
            rows = max(1, export_bytes // EXPORT_FILES // width) if number else 1
            table = duckdb.sql("SELECT random() AS value FROM range($rows)", params={"rows": rows})
            assert table is not None, "a SELECT gives a table"
            table.write_parquet(str(path), compression="uncompressed")
            content = describe(path)
            store.put(content, path)
            yield content


def _usual_counts(number: int) -> tuple[int, int, int]:
    experiments = number % 3
    return number % 4, experiments, number % 5 if experiments else 0


def _blob(content: Content) -> Row:
    return {"sha256": content.sha256, "size_bytes": content.size, "crc32": content.crc32}


def _member(project: int, user: int, role: str, seconds: int) -> Row:
    return {
        "project_id": identifier(PROJECT, project),
        "user_id": identifier(USER, user),
        "role": role,
        "direct_role": role,
        "created_at": _text(_moment(project, seconds)),
    }


def email_of(user: int) -> str:
    """Return a user's address."""
    return f"user{user}@example.com"


def identifier(kind: int, number: int, child: int = 0) -> str:
    """Make a UUID of version 7 that is the same each time, ordered as `_moment` is."""
    milliseconds = f"{int(_moment(number, child).timestamp() * 1000):012x}"
    rest = f"{number * 2**24 + child:012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7{kind:03x}-8000-{rest}"


def _moment(number: int, seconds: int = 0) -> datetime:
    return BEGINNING + timedelta(seconds=10 * number + seconds)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def main(
    projects: Annotated[int, typer.Option(min=10)] = 1000,
    events: Annotated[int, typer.Option(min=2, help="Of the project with the most.")] = 1000,
    export_bytes: Annotated[int, typer.Option(help="Of the project that is exported.")] = 10**8,
) -> None:
    """Fill the database that the settings name."""
    facts = seed(Settings(), projects=projects, events=events, export_bytes=export_bytes)
    print(json.dumps(asdict(facts), indent=2))


if __name__ == "__main__":
    typer.run(main)
