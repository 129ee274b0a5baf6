"""The doctor: whether everything that the server relies on is as it should be."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, func, make_url, or_, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from projects_api.app import h2o_examination
from projects_api.app.application import create_application
from projects_api.database import Database, find_missing_file, schema
from projects_api.files.progress import ByteProgress, StageReport, tell_nobody
from projects_api.files.spool import StorageUnavailable
from projects_api.jobs.ray import examination
from projects_api.models import artifact, user
from projects_api.models.accounts import answering
from projects_api.models.artifact import artifacts
from projects_api.models.audit import audit_entries
from projects_api.models.blob import blobs
from projects_api.models.dataset import datasets
from projects_api.models.deployment_input import deployment_inputs
from projects_api.models.experiment import experiments
from projects_api.models.job import jobs
from projects_api.models.job_log import job_logs
from projects_api.models.member import COPIED_FIELDS, members
from projects_api.models.project import projects
from projects_api.models.stored_answer import stored_answers
from projects_api.models.teams import effective
from projects_api.models.trained_model import trained_models
from projects_api.processes import confinement
from projects_api.settings import Settings, names_given, unknown_names
from projects_api.storage.store import ArtifactStore, ContentMissing

_COUNTED = {
    "dataset_count": datasets,
    "experiment_count": experiments,
    "model_count": trained_models,
}
_LIMIT = 20


Drawing = Callable[[], AbstractContextManager[StageReport]]
"""Gives who is told how far something is while a block runs."""


@contextmanager
def _undrawn() -> Iterator[StageReport]:
    yield tell_nobody


def examine(
    settings: Settings,
    *,
    verify: bool = False,
    drawing: Drawing = _undrawn,
) -> Iterator[tuple[str, list[str]]]:
    """Yield each check's name with the faults that it found; `verify` reads every content."""
    # They were read and accepted, or nobody would be here.
    yield "settings", unknown_names(names_given())
    yield "contract and handlers agree", _attempt(partial(_check_contract, settings))
    lacks = " and ".join(confinement.missing())
    yield f"models are asked in confinement{lacks and f', which lacks {lacks} here'}", []
    yield "the data are its owner's alone", _check_modes(settings)
    with_database: dict[str, Callable[[Connection], list[str]]] = {
        f"database {make_url(settings.database)!r}": _check_schema,
        "pages of the database's file": _check_pages,
        "counts equal what they count": _check_counts,
        "files are as large as what they hold": _check_sizes,
        "memberships are sorted and searched as their projects are": _check_copies,
        "members have the roles that they and their teams were given": _check_roles,
        "somebody answers for each project, team and service account": _check_answering,
        f"artifact store {settings.artifacts.partition('?')[0]}": partial(_check_store, settings),
    }
    if verify:
        with_database["contents are what they were"] = partial(_verify_contents, settings, drawing)
    try:
        missing = find_missing_file(settings.database)
    except OSError as error:
        yield "the database", [str(error)]
        return
    if missing:
        told = f"there is no file {missing.absolute()}: run this where the server runs"
        yield "the database", [told]
        return
    with closing(Database(settings.database)) as database:
        for name, check in with_database.items():
            faults = _attempt(partial(_connected, database, check))
            yield name, faults
            if faults and check is _check_schema:
                return  # Whatever is asked of such a database fails, or says nothing.
        if settings.job_engine == "ray":
            yield _examine_ray(settings, database)
        if settings.h2o_url:
            yield h2o_examination.examine(settings)
        with suppress(SQLAlchemyError), database.transaction(writing=False) as connection:
            yield _what_grows(connection), []


def _attempt(check: Callable[[], list[str]]) -> list[str]:
    try:
        return check()[:_LIMIT]
    except DBAPIError as error:
        return [f"the database says: {error.orig}"]
    except (
        *(OSError, SQLAlchemyError, StorageUnavailable, ValueError),
        schema.NewerSchemaError,
    ) as error:
        return [str(error)]


def _connected(database: Database, check: Callable[[Connection], list[str]]) -> list[str]:
    with database.transaction(writing=False) as connection:
        return check(connection)


def _examine_ray(settings: Settings, database: Database) -> tuple[str, list[str]]:
    try:
        with database.transaction(writing=False) as connection:
            first_user = user.find_first(connection)
            sha256 = connection.scalar(select(artifacts.c.sha256).limit(1))
    except SQLAlchemyError as error:
        return f"Ray {settings.ray_address}", [f"the database says: {error}"]
    return examination.examine(settings, first_user, sha256)


def _what_grows(connection: Connection) -> str:
    """Count what is kept for a time, so that an operator sees it grow."""
    kept = {
        "jobs": jobs,
        "lines of logs": job_logs,
        "answers to repeat": stored_answers,
        "entries of the audit log": audit_entries,
        "rows that deployments were asked": deployment_inputs,
    }
    counts = (
        f"{connection.scalar(select(func.count()).select_from(table))} {name}"
        for name, table in kept.items()
    )
    return f"kept for a time: {', '.join(counts)}"


def _check_contract(settings: Settings) -> list[str]:
    with TemporaryDirectory() as folder:  # The store has a check of its own.
        create_application(settings.model_copy(update={"artifact_url": folder}))
    return []


def _check_modes(settings: Settings) -> list[str]:
    """Look at what is kept in files; what is in a folder of the owner's is the owner's."""
    database = make_url(settings.database)
    paths = [settings.data_dir]
    if database.get_backend_name() == "sqlite" and database.database:
        paths.append(Path(database.database))
    if "://" not in settings.artifacts:
        paths.append(Path(settings.artifacts))
    kept = [path.resolve() for path in paths if path.exists()]
    own = [path for path in kept if path.is_dir() and not _others_may(path)]
    return [
        f"others can read {path}: run `chmod go= {path}`"
        for path in dict.fromkeys(kept)
        if _others_may(path) and not any(map(path.is_relative_to, own))
    ]


def _others_may(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def _check_schema(connection: Connection) -> list[str]:
    found = schema.current(connection)
    if not schema.is_current(connection):
        return [f"the schema is at {found}, not at {schema.head()}: run `projects-api db upgrade`"]
    return schema.differences(connection)


def _check_pages(connection: Connection) -> list[str]:
    """Have SQLite look through its file; PostgreSQL checks each page that it reads by itself."""
    if connection.dialect.name != "sqlite":
        return []
    found = list(connection.scalars(text(f"PRAGMA quick_check({_LIMIT})")))
    return [] if found == ["ok"] else [f"{one}: restore a backup" for one in found]


def _check_counts(connection: Connection) -> list[str]:
    faults = []
    for column, table in _COUNTED.items():
        counted = (
            select(func.count())
            .where(table.c.project_id == projects.c.id)
            .correlate(projects)
            .scalar_subquery()
        )
        wrong = select(projects.c.id, projects.c[column], counted.label("counted"))
        faults += [
            f"project {row.id} says {column} {row[1]}, and has {row.counted}"
            for row in connection.execute(wrong.where(projects.c[column] != counted).limit(_LIMIT))
        ]
    return faults


def _check_sizes(connection: Connection) -> list[str]:
    differ = artifacts.c.size_bytes != blobs.c.size_bytes
    wrong = select(artifacts.c.id, artifacts.c.size_bytes, blobs.c.size_bytes.label("held"))
    wrong = wrong.join(blobs, blobs.c.sha256 == artifacts.c.sha256).where(differ)
    return [
        f"file {row.id} counts for {row.size_bytes} bytes, and has {row.held}"
        for row in connection.execute(wrong.limit(_LIMIT))
    ]


def _check_copies(connection: Connection) -> list[str]:
    pairs = [(members.c[f"project_{field}"], projects.c[field]) for field in COPIED_FIELDS]
    differ = or_(*(copy.is_distinct_from(original) for copy, original in pairs))
    wrong = select(members.c.project_id, members.c.user_id).join(projects).where(differ)
    return [
        f"the membership of user {row.user_id} in project {row.project_id} has an old copy"
        for row in connection.execute(wrong.limit(_LIMIT))
    ]


def _check_roles(connection: Connection) -> list[str]:
    return [
        f"user {user_id} has another role in project {project_id} than was given"
        for user_id, project_id in effective.find_wrong(connection, limit=_LIMIT)
    ]


def _check_answering(connection: Connection) -> list[str]:
    return answering.find_wrong(connection, limit=_LIMIT)


def _check_store(settings: Settings, connection: Connection) -> list[str]:
    store = ArtifactStore(settings.artifacts)
    store.check()
    stored = dict(store.list())
    faults = [
        f"content {sha256} should have {size} bytes, and has {stored.get(sha256)}"
        for sha256, size in artifact.list_used_contents(connection).items()
        if stored.get(sha256) != size
    ]
    known = set(connection.scalars(select(blobs.c.sha256)))
    return faults + [f"content {sha256} has no row" for sha256 in stored if sha256 not in known]


def _verify_contents(settings: Settings, drawing: Drawing, connection: Connection) -> list[str]:
    """Read what is used; what is missing is told by the check of the store."""
    store = ArtifactStore(settings.artifacts)
    faults = []
    used = artifact.list_used_contents(connection)
    with drawing() as report:
        progress = ByteProgress(sum(used.values()), partial(report, "Reading the files"))
        for sha256, size in sorted(used.items()):
            with suppress(ContentMissing):
                if not store.verify(sha256):
                    faults.append(f"content {sha256} has other bytes than were stored")
            progress.add(size)
    return faults
