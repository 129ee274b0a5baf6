"""Problems of experiments, reports and other long work."""

from projects_api.contract import NotFound, Problem


class ExperimentNotFound(NotFound):
    """No such experiment in a project of the caller."""

    slug = "experiment-not-found"
    title = "No such experiment"
    detail = "No experiment with this id exists in a project that you are a member of."


class ExperimentNotRunning(Problem):
    """An experiment is to be stopped that does not run."""

    status = 409
    slug = "experiment-not-running"
    title = "The experiment does not run"


class NoModelYet(Problem):
    """An experiment is asked about its models and has none."""

    status = 409
    slug = "no-model-yet"
    title = "The experiment has no model"


class EngineUnavailable(Problem):
    """An engine is asked for that this server cannot run."""

    status = 409
    slug = "engine-unavailable"
    title = "The engine cannot run on this server"


class ConfigRefused(Problem):
    """The config names what no training of the experiment's kind has."""

    status = 422
    slug = "config-refused"
    title = "The config does not fit the experiment"


class ReportNotFound(NotFound):
    """No such report in a project of the caller."""

    slug = "report-not-found"
    title = "No such report"
    detail = "No report with this id exists in a project that you are a member of."


class ReportNotReady(Problem):
    """A report has no such document: not yet, or never."""

    status = 409
    slug = "report-not-ready"
    title = "The report is not ready"


class JobNotFound(NotFound):
    """No such job in a project of the caller, or without project and the caller's."""

    slug = "job-not-found"
    title = "No such job"
    detail = (
        "No job with this id exists in a project that you are a member of, or that you asked for."
    )


class JobEnded(Problem):
    """A job is to be cancelled that has ended."""

    status = 409
    slug = "job-ended"
    title = "The job has ended"
    detail = "The job has ended already, and stays as it is. Get it to see how."


class TooManyJobs(Problem):
    """The caller has as many jobs waiting as a person may have."""

    status = 429
    slug = "too-many-jobs"
    title = "Too many jobs wait"
    detail = "You have as many jobs waiting as one person may have. Wait until some have begun."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "60"})
