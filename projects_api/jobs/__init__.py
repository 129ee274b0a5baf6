"""What jobs do: a module for each kind, which a worker finds by name and runs in a process alone.

A module has `run(job)`, which does the work in that process, and `end(connection, entity_id,
status, message)`, which the worker calls in the transaction in which it records `running`, `failed`
or `cancelled`. What the job is about may be gone by then. A success is recorded by `run` itself, in
`job.finish()`. A worker imports the module too, so that it loads slow libraries only in `run`; it
names the modules that do in `SLOW_IMPORTS`, for the process that jobs are forked from.
"""

KINDS: dict[str, str] = {
    "import_project": "projects_api.jobs.kinds.import_project",
    "train": "projects_api.jobs.kinds.train",
    "report": "projects_api.jobs.kinds.report",
    "predict": "projects_api.jobs.kinds.predict",
    "predict_large": "projects_api.jobs.kinds.predict",
}
"""The module of each kind."""
SHORT_KINDS = ("report", "import_project", "predict")
"""What takes minutes at most, and should not wait for trainings, which take hours."""
