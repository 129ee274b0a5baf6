"""Experiments: trainings on a data set, done by jobs in the background."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from projects_api import engines as automl
from projects_api.access.problems import (
    ConfigRefused,
    DatasetVersionNotFound,
    EngineUnavailable,
    ExperimentNotFound,
    ExperimentNotRunning,
    ModelDeployed,
    NoModelYet,
    UnknownColumn,
)
from projects_api.contract.parameters import describe
from projects_api.jobs.ray.sight import last_seen
from projects_api.models import dataset_version, deployment, job, job_log, trained_model
from projects_api.models import experiment as experiments
from projects_api.models.api_key import Caller
from projects_api.schemas import (
    EngineRunList,
    Experiment,
    ExperimentCapabilities,
    ExperimentCreated,
    ExperimentEnvelope,
    ExperimentExplanation,
    ExperimentList,
    ExperimentLog,
    ExperimentProgress,
    Project,
)

SHOWN_COLUMNS = 20
TEST = "/test_dataset_version_id"


def create_experiment(
    connection: Connection,
    caller: Caller,
    project: Project,
    *,
    dataset_version_id: str,
    name: str,
    target_column: str,
    problem_type: str,
    config: dict[str, Any],
    engine: str,
    engines: Sequence[str] = (),
    execution_mode: str,
    use_gpu: bool,
) -> ExperimentCreated:
    """Start an experiment: keep it, and queue the job that trains."""
    version = dataset_version.find_in_project(connection, project["id"], dataset_version_id)
    if version is None:
        raise DatasetVersionNotFound
    names = version["dialect"].get("names")
    # What was uploaded long ago has no names; then the job finds out.
    _check_column(target_column, names or [target_column])
    wanted = engines or [engine]
    config = {"exclude_algos": [], **config}
    kept_type = "regression" if problem_type == "regression" else "classification"
    _check_config(wanted, kept_type, config, target_column, names)
    _check_test(connection, project["id"], config, target_column, names)
    _check_engines(wanted)
    ids = experiments.start(
        connection,
        project["id"],
        caller.user_id,
        engines=wanted,
        execution_mode=execution_mode,
        config=config,
        use_gpu=use_gpu,
        dataset_version_id=dataset_version_id,
        name=name,
        target_column=target_column,
        problem_type=kept_type,
    )
    found = experiments.find(connection, ids["experiment_id"])
    assert found is not None
    return {**ids, "experiment": found}


def list_experiments(
    connection: Connection, project: Project, limit: int, offset: int
) -> ExperimentList:
    """List the experiments of a project, newest first."""
    items, total = experiments.list_page(connection, project["id"], limit=limit, offset=offset)
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def get_experiment_capabilities() -> ExperimentCapabilities:
    """Get what can train on this server."""
    return automl.capabilities(last_seen())


def get_experiment(experiment: Experiment) -> ExperimentEnvelope:
    """Get an experiment."""
    return {"experiment": experiment}


def delete_experiment(
    connection: Connection, project: Project, experiment: Experiment
) -> dict[str, Any]:
    """Delete an experiment with its models, unless one is deployed, and cancel its job."""
    if deployment.answers_for_experiment(connection, experiment["id"]):
        raise ModelDeployed
    if experiment["job_id"]:
        job.request_cancel(connection, experiment["job_id"])
    trained_model.remove_of_experiment(connection, project["id"], experiment["id"])
    experiments.remove(connection, project["id"], experiment["id"])
    return {"ok": True}


def get_experiment_status(connection: Connection, experiment_id: str) -> ExperimentProgress:
    """Get how far an experiment is."""
    found = experiments.find_progress(connection, experiment_id)
    if found is None:
        raise ExperimentNotFound
    return found


def stop_experiment(connection: Connection, experiment: Experiment) -> ExperimentProgress:
    """Have a training end early, with the models that it has."""
    found = experiments.find_progress(connection, experiment["id"])
    if found is None:
        raise ExperimentNotFound
    if found["status"] != "running" or found["job_id"] is None:
        raise ExperimentNotRunning(
            f"This experiment is {found['status']}, and only one that runs can be stopped. One "
            "that is queued is cancelled by deleting it."
        )
    if not job.request_stop(connection, found["job_id"]):
        raise NoModelYet(
            "This experiment has no model yet that it could end with; H2O has its models only at "
            "its end. Ask again when its log tells of a model, or delete the experiment."
        )
    return found


def get_experiment_logs(
    connection: Connection, experiment: Experiment, limit: int, offset: int
) -> ExperimentLog:
    """List the lines that an experiment wrote, oldest first."""
    job_id = experiment["job_id"]
    lines, total = job_log.list_logs(connection, job_id, limit=limit, offset=offset)
    return {
        "logs": [line["message"] for line in lines],
        "total": total,
        "limit": limit,
        "offset": offset,
    }


def explain_experiment(connection: Connection, experiment: Experiment) -> ExperimentExplanation:
    """Get what the best model goes by."""
    best = trained_model.find_best(connection, experiment["id"])
    if best is None:
        raise NoModelYet(
            f"This experiment is {experiment['status']} and has no model. Ask again when its "
            "status is succeeded."
        )
    return {"experiment_id": experiment["id"], **best}


def list_engine_runs(
    connection: Connection, experiment_id: str, limit: int, offset: int
) -> EngineRunList:
    """List how each engine of an experiment fared."""
    runs = experiments.find_engine_runs(connection, experiment_id)
    if runs is None:
        raise ExperimentNotFound
    page = runs[offset : offset + limit]
    return {"items": page, "total": len(runs), "limit": limit, "offset": offset}


def _check_column(name: str, names: Sequence[str]) -> None:
    if name in names:
        return
    shown = ", ".join(one[:100] for one in names[:SHOWN_COLUMNS])
    more = ", and others" if len(names) > SHOWN_COLUMNS else ""
    raise UnknownColumn(
        f"The table has no column `{name}`. It has: {shown}{more}.",
        errors=[
            {
                "location": "body",
                "pointer": "/target_column",
                "message": "names no column of the table",
            }
        ],
    )


def _check_config(
    wanted: Sequence[str],
    problem_type: str,
    config: dict[str, Any],
    target: str,
    names: Sequence[str] | None,
) -> None:
    _refuse(automl.config_faults(wanted, problem_type, config))
    _refuse(automl.column_faults(wanted, target, config, names))


def _check_test(
    connection: Connection,
    project_id: str,
    config: dict[str, Any],
    target: str,
    names: Sequence[str] | None,
) -> None:
    wanted = config.get("test_dataset_version_id")
    if wanted is None:
        return
    config["test_dataset_version_id"] = wanted = wanted.lower()
    version = dataset_version.find_in_project(connection, project_id, wanted)
    if version is None:
        _refuse([(TEST, "names no version of a data set of this project")])
        return
    known = version["dialect"].get("names")
    needed = automl.needed_columns(target, config, names or ())
    missing = [one for one in needed if known is not None and one not in known]
    _refuse([(TEST, f"its table has no column {one[:100]!r}") for one in missing[:SHOWN_COLUMNS]])


def _refuse(faults: Sequence[tuple[str, str]]) -> None:
    errors = [
        {"location": "body", "pointer": f"/config{pointer}", "message": message}
        for pointer, message in faults
    ]
    if errors:
        raise ConfigRefused(describe(errors), errors=errors)


def _check_engines(wanted: Sequence[str]) -> None:
    able = automl.capabilities()
    for one in able["unavailable"]:
        if one["engine"] in wanted:
            raise EngineUnavailable(
                f"This server cannot train with {one['engine']}: {one['reason']}. "
                f"It can with: {', '.join(able['allowed_engines']) or 'nothing'}."
            )
