"""The problems of this API: one class a case, each with its status and its stable type."""

from projects_api.contract import NotFound, Problem


class InsufficientScope(Problem):
    """The key does not have the scope that the operation needs."""

    status = 403
    slug = "insufficient-scope"
    title = "The API key lacks a scope"


class InsufficientRole(Problem):
    """The caller's role in the project is below the one that the operation needs."""

    status = 403
    slug = "insufficient-role"
    title = "The role in the project is too low"


class ProjectNotFound(NotFound):
    """No such project, or none that the caller is a member of: nobody can tell which."""

    slug = "project-not-found"
    title = "No such project"
    detail = "No project with this id exists among those that you own or that are shared with you."


class DatasetNotFound(NotFound):
    """No such data set in a project of the caller."""

    slug = "dataset-not-found"
    title = "No such data set"
    detail = "No data set with this id exists in a project that you are a member of."


class DatasetVersionNotFound(NotFound):
    """No such version of a data set in the project."""

    slug = "dataset-version-not-found"
    title = "No such data set version"
    detail = (
        "No version of a data set of this project has this id or number. List the versions of the "
        "data set to see them."
    )


class ExperimentNotFound(NotFound):
    """No such experiment in a project of the caller."""

    slug = "experiment-not-found"
    title = "No such experiment"
    detail = "No experiment with this id exists in a project that you are a member of."


class JobNotFound(NotFound):
    """No such job in a project of the caller, or without project and the caller's."""

    slug = "job-not-found"
    title = "No such job"
    detail = (
        "No job with this id exists in a project that you are a member of, or that you asked for."
    )


class ModelNotFound(NotFound):
    """No such model in a project of the caller."""

    slug = "model-not-found"
    title = "No such model"
    detail = "No model with this id exists in a project that you are a member of."


class DeploymentNotFound(NotFound):
    """No such deployment in a project of the caller."""

    slug = "deployment-not-found"
    title = "No such deployment"
    detail = "No deployment with this id exists in a project that you are a member of."


class ReportNotFound(NotFound):
    """No such report in a project of the caller."""

    slug = "report-not-found"
    title = "No such report"
    detail = "No report with this id exists in a project that you are a member of."


class KeyNotFound(NotFound):
    """No such key that works: of the caller, or of anybody where an operator asks."""

    slug = "key-not-found"
    title = "No such key"
    detail = (
        "No key with this id works: it is not yours, is revoked, or has expired. List the keys to "
        "see their ids."
    )


class PersonNotFound(NotFound):
    """Nobody with this id is registered."""

    slug = "person-not-found"
    title = "No such person"
    detail = "Nobody with this id is registered on this server. List the people to see the ids."


class MemberNotFound(NotFound):
    """No such member of the project."""

    slug = "member-not-found"
    title = "No such member"
    detail = "No member of this project has this user id. List the members to see the ids."


class UserNotRegistered(NotFound):
    """Nobody with this address is registered on this server."""

    slug = "user-not-registered"
    title = "No such user"


class WebhookNotFound(NotFound):
    """No such webhook in a project of the caller."""

    slug = "webhook-not-found"
    title = "No such webhook"
    detail = "No webhook with this id exists in a project that you are a member of."


class DeliveryNotFound(NotFound):
    """The webhook has no such delivery."""

    slug = "delivery-not-found"
    title = "No such delivery"
    detail = "The webhook has no delivery with this id, or it was forgotten."


class TooManyWebhooks(Problem):
    """A project has as many webhooks as it may."""

    status = 409
    slug = "too-many-webhooks"
    title = "Too many webhooks"
    detail = "A project has at most 20 webhooks. Delete one that is not needed any more."


class UrlRefused(Problem):
    """An address is not one that the server sends to."""

    status = 422
    slug = "address-refused"
    title = "The address is refused"


class NotForServiceAccounts(Problem):
    """A service account asks for what only people may have."""

    status = 403
    slug = "not-for-service-accounts"
    title = "Not for service accounts"
    detail = (
        "A service account makes no service accounts, and none of its keys has the scope `admin`. "
        "Use a key of a person."
    )


class ServiceAccountNotFound(NotFound):
    """No such service account of the caller."""

    slug = "service-account-not-found"
    title = "No such service account"
    detail = "No service account of yours has this id. List the service accounts to see their ids."


class OwnerDeactivated(Problem):
    """A service account is to be activated whose owner is deactivated."""

    status = 409
    slug = "owner-deactivated"
    title = "The account's owner is deactivated"
    detail = (
        "A service account works only as long as the person does who answers for it. Activate the "
        "owner first."
    )


class QuotaOfOwner(Problem):
    """A service account is to get a quota, and what it keeps counts as its owner's."""

    status = 409
    slug = "quota-of-owner"
    title = "The quota is the owner's"
    detail = (
        "What a service account keeps counts as its owner's, and a quota of its own would have no "
        "effect. Set the owner's."
    )


class PersonDeactivated(Problem):
    """Somebody who is deactivated is to maintain a team."""

    status = 409
    slug = "person-deactivated"
    title = "The person is deactivated"
    detail = (
        "Who is deactivated can maintain no team. Choose another person, or ask the server's "
        "operator to activate this one."
    )


class TooManyServiceAccounts(Problem):
    """A person has as many service accounts as one may."""

    status = 409
    slug = "too-many-service-accounts"
    title = "Too many service accounts"
    detail = "A person has at most 20 service accounts. Delete one that is not needed any more."


class TeamNotFound(NotFound):
    """No such team, or none that the caller may know of."""

    slug = "team-not-found"
    title = "No such team"
    detail = (
        "No team with this id is one that you are in, or that the project has. List the teams to "
        "see their ids."
    )


class TeamPersonNotFound(NotFound):
    """No such person in the team."""

    slug = "team-person-not-found"
    title = "No such person in the team"
    detail = "Nobody in this team has this user id. List the people of the team to see the ids."


class MemberThroughTeam(Problem):
    """A member is to go who is one by a team alone."""

    status = 409
    slug = "member-through-team"
    title = "A team makes the person a member"
    detail = (
        "The person is a member by a team alone. Take the person out of the team, as the person "
        "may do too, or the team out of the project; list the teams of the project to see them."
    )


class LastMaintainer(Problem):
    """A team always keeps a maintainer."""

    status = 409
    slug = "last-maintainer"
    title = "The last maintainer stays"
    detail = (
        "A team keeps at least one maintainer. Make another person a maintainer first, or delete "
        "the team."
    )


class TooManyTeams(Problem):
    """A person has made as many teams as one may."""

    status = 409
    slug = "too-many-teams"
    title = "Too many teams"
    detail = (
        "Of the teams that one person made, 20 exist at most. Delete one that is not needed any "
        "more."
    )


class TeamFull(Problem):
    """A team has as many people as it may."""

    status = 409
    slug = "team-full"
    title = "The team is full"
    detail = "A team has at most 100 people. Make another team for more."


class TooManyProjectTeams(Problem):
    """A project has as many teams as it may."""

    status = 409
    slug = "too-many-project-teams"
    title = "Too many teams in the project"
    detail = "A project has at most 20 teams. Remove one that is not needed any more."


class TooManyTeamProjects(Problem):
    """A team is in as many projects as it may be."""

    status = 409
    slug = "too-many-team-projects"
    title = "Too many projects of the team"
    detail = "A team is in at most 100 projects. Remove it from one that it does not need any more."


class TooManyKeys(Problem):
    """A user has as many keys that work as one may have."""

    status = 409
    slug = "too-many-keys"
    title = "Too many keys"
    detail = "As many keys work as one user may have. Delete one that is not needed any more."


class KeyOutlives(Problem):
    """A key that expires would make one that works longer."""

    status = 409
    slug = "key-outlives"
    title = "The new key would outlive yours"


class AddressTaken(Problem):
    """Somebody with this e-mail address is registered already."""

    status = 409
    slug = "address-taken"
    title = "The address is registered already"
    detail = "Somebody with this e-mail address is registered. List the people to find the person."


class OwnAccount(Problem):
    """Operators do not shut themselves out."""

    status = 409
    slug = "own-account"
    title = "You would shut yourself out"
    detail = "Nobody deactivates themselves. Ask another operator to do it."


class JobEnded(Problem):
    """A job is to be cancelled that has ended."""

    status = 409
    slug = "job-ended"
    title = "The job has ended"
    detail = "The job has ended already, and stays as it is. Get it to see how."


class LastOwner(Problem):
    """A project always keeps an owner."""

    status = 409
    slug = "last-owner"
    title = "The last owner stays"
    detail = "A project keeps at least one owner. Make another member an owner first."


class EngineUnavailable(Problem):
    """An engine is asked for that this server cannot run."""

    status = 409
    slug = "engine-unavailable"
    title = "The engine cannot run on this server"


class NoModelYet(Problem):
    """An experiment is asked about its models and has none."""

    status = 409
    slug = "no-model-yet"
    title = "The experiment has no model"


class ExperimentNotRunning(Problem):
    """An experiment is to be stopped that does not run."""

    status = 409
    slug = "experiment-not-running"
    title = "The experiment does not run"


class ReportNotReady(Problem):
    """A report has no such document: not yet, or never."""

    status = 409
    slug = "report-not-ready"
    title = "The report is not ready"


class ModelUnusable(Problem):
    """The model cannot answer: its file is damaged, refused, or too heavy for what was asked."""

    status = 409
    slug = "model-unusable"
    title = "The model cannot be used"


class ModelDeployed(Problem):
    """The model cannot go while a deployment answers with it."""

    status = 409
    slug = "model-deployed"
    title = "The model is deployed"
    detail = "The model answers in an active deployment. Deactivate the deployment first."


class DeploymentInactive(Problem):
    """The deployment answers no longer."""

    status = 409
    slug = "deployment-inactive"
    title = "The deployment is not active"
    detail = (
        "The deployment does not answer: it was archived or deactivated. Promote it, or ask "
        "another one."
    )


class NothingToRollBack(Problem):
    """No deployment is there to take the place of this one again."""

    status = 409
    slug = "nothing-to-roll-back"
    title = "There is nothing to go back to"
    detail = (
        "The deployment is not in production, or what it replaced there is not archived any more. "
        "Promote the deployment that should be in production."
    )


class RequestRunning(Problem):
    """A request with the same idempotency key has not ended yet."""

    status = 409
    slug = "request-running"
    title = "The same request is still running"
    detail = "A request with this Idempotency-Key is still running. Repeat it in a moment."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class PreconditionFailed(Problem):
    """The resource changed since the caller read it."""

    status = 412
    slug = "precondition-failed"
    title = "The project has changed"
    detail = "The project is not the one that If-Match names. Get it again, then repeat the change."


class QuotaReached(Problem):
    """What is to be kept does not fit into the quota of the person or of the project."""

    status = 413
    slug = "quota-exceeded"
    title = "The quota is used up"


class CompressionRefused(Problem):
    """The files of an archive are too many times as large as the archive."""

    status = 413
    slug = "compression-ratio-exceeded"
    title = "The archive is packed too densely"


class TableRefused(Problem):
    """The uploaded file is no table."""

    status = 422
    slug = "not-a-table"
    title = "The file is not a table"


class UnknownColumn(Problem):
    """The table has no column of the name that was given."""

    status = 422
    slug = "unknown-column"
    title = "The table has no such column"


class ConfigRefused(Problem):
    """The config names what no training of the experiment's kind has."""

    status = 422
    slug = "config-refused"
    title = "The config does not fit the experiment"


class ExportRefused(Problem):
    """The uploaded archive is no export, or not a whole one."""

    status = 422
    slug = "not-an-export"
    title = "The file is not an export"


class ExpiryRefused(Problem):
    """A key would never work, or for longer than keys may."""

    status = 422
    slug = "expiry-refused"
    title = "The key cannot expire then"
    detail = (
        "A key expires in the future, and within a hundred years. Send such a moment as "
        "`expires_at`, or none for a key that does not expire."
    )


class InputsRefused(Problem):
    """The rows are not what the model takes."""

    status = 422
    slug = "inputs-refused"
    title = "The inputs do not fit the model"


class IdempotencyKeyReused(Problem):
    """The key was used for another request."""

    status = 422
    slug = "idempotency-key-reused"
    title = "The Idempotency-Key belongs to another request"
    detail = (
        "This Idempotency-Key was sent with another request in the last 24 hours. Use a new one."
    )


class RateLimited(Problem):
    """The caller sends more requests than the server's setting allows."""

    status = 429
    slug = "rate-limited"
    title = "Too many requests"


class TooManyJobs(Problem):
    """The caller has as many jobs waiting as a person may have."""

    status = 429
    slug = "too-many-jobs"
    title = "Too many jobs wait"
    detail = "You have as many jobs waiting as one person may have. Wait until some have begun."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "60"})


class TooManyAtOnce(Problem):
    """The caller has as many requests that take long waiting as a person may have."""

    status = 429
    slug = "too-many-at-once"
    title = "Too many requests at once"
    detail = (
        "As many of your requests that take long are being answered, or wait, as one person may "
        "have. Send fewer at a time."
    )

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Unavailable(Problem):
    """The database or the artifact store cannot be reached."""

    status = 503
    slug = "unavailable"
    title = "The server is not ready"
    detail = "The database or the artifact store does not answer. Repeat the request later."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "5"})


class ContentLost(Unavailable):
    """The artifact store answers, and does not hold the file as it was stored."""

    detail = (
        "The file that this needs is missing or damaged in the artifact store. Where it was "
        "uploaded, upload the same file again, which repairs it; or have the server's operator "
        "restore it from a backup."
    )
