"""Access: which project a request concerns, and whether the caller's key and role allow it.

The contract says what an operation needs, in `x-required-scope` and `x-required-role`. The project
is the one that `project_id` names, in the path, the query or the body, or the one that the named
resource belongs to.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table

from projects_api.access.problems import (
    DatasetNotFound,
    DeliveryNotFound,
    DeploymentNotFound,
    ExperimentNotFound,
    InsufficientRole,
    InsufficientScope,
    JobNotFound,
    KeyNotFound,
    MemberNotFound,
    ModelNotFound,
    PersonNotFound,
    ProjectNotFound,
    ReportNotFound,
    ServiceAccountNotFound,
    TeamNotFound,
    TeamPersonNotFound,
    WebhookNotFound,
)
from projects_api.contract.problems import NotFound
from projects_api.models import (
    dataset,
    deployment,
    experiment,
    project,
    report,
    trained_model,
)
from projects_api.models.admission import Membership
from projects_api.models.api_key import OPERATOR, SCOPES, Caller
from projects_api.models.base import project_of
from projects_api.models.dataset import datasets
from projects_api.models.deployment import deployments
from projects_api.models.experiment import experiments
from projects_api.models.member import ROLES, rank
from projects_api.models.outside import webhook
from projects_api.models.outside.webhook import webhooks
from projects_api.models.report import reports
from projects_api.models.trained_model import trained_models

OPERATORS_KEY = (
    " An operator of the server has one; where the server runs, `projects-api keys create "
    "EMAIL --scopes admin` makes it, with the address of a person."
)
NOT_FOUND: Mapping[str, type[NotFound]] = {
    "project_id": ProjectNotFound,
    "dataset_id": DatasetNotFound,
    "experiment_id": ExperimentNotFound,
    "job_id": JobNotFound,
    "report_id": ReportNotFound,
    "deployment_id": DeploymentNotFound,
    "webhook_id": WebhookNotFound,
    "delivery_id": DeliveryNotFound,
    "model_id": ModelNotFound,
    "member_id": MemberNotFound,
    "key_id": KeyNotFound,
    "person_id": PersonNotFound,
    "team_id": TeamNotFound,
    "account_id": ServiceAccountNotFound,
    "user_id": TeamPersonNotFound,
}


@dataclass(frozen=True, slots=True)
class Resource:
    """What belongs to a project: the name under which handlers take its row, and where that is."""

    name: str
    table: Table
    find: Callable[[Connection, str], Mapping[str, Any] | None]


RESOURCES: Mapping[str, Resource] = {
    "dataset_id": Resource("dataset", datasets, dataset.find),
    "experiment_id": Resource("experiment", experiments, experiment.find),
    "report_id": Resource("report", reports, report.find),
    "deployment_id": Resource("deployment", deployments, deployment.find),
    "model_id": Resource("model", trained_models, trained_model.find),
    "webhook_id": Resource("webhook", webhooks, webhook.find),
}
"""By the parameter that names it."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an operation needs of its caller."""

    scope: str | None
    role: str | None
    project_parameter: str | None
    resource: Resource | None = None
    """What the handler takes the row of."""

    @classmethod
    def from_contract(
        cls, operation: Mapping[str, Any], names: Iterable[str], taken: Collection[str] = ()
    ) -> "Access":
        """Read what the contract declares; raises `ValueError` where it declares nothing.

        `names` are what it declares of requests, `taken` what the handler takes.
        """
        operation_id = operation["operationId"]
        scope = operation.get("x-required-scope")
        role = operation.get("x-required-role")
        if scope not in {*SCOPES, "none"} or role not in {*ROLES, "none"}:
            raise ValueError(f"{operation_id} must declare x-required-scope and x-required-role")
        if (scope == "none") != (operation.get("security") == []):
            raise ValueError(f"{operation_id} must have a scope, or no security and no scope")
        # What an operator may do concerns every project, whichever is asked about.
        known = set() if scope == OPERATOR else set(names)
        project_parameter = next(
            (name for name in ("project_id", *RESOURCES) if name in known), None
        )
        if (role != "none") != (project_parameter is not None):
            raise ValueError(f"{operation_id} must have a role exactly where it names a project")
        resource = RESOURCES.get(project_parameter or "")
        return cls(
            None if scope == "none" else scope,
            None if role == "none" else role,
            project_parameter,
            resource if resource and resource.name in taken else None,
        )

    def check_scope(self, caller: Caller) -> None:
        """Refuse a key without the scope."""
        if self.scope and not caller.may(self.scope):
            whence = OPERATORS_KEY if self.scope == OPERATOR else ""
            raise InsufficientScope(f"Use an API key that has the scope `{self.scope}`.{whence}")

    def find_project(
        self, connection: Connection, caller: Caller, values: Mapping[str, Any], *, lock: bool
    ) -> tuple[Membership, dict[str, Mapping[str, Any]]]:
        """Find the project, the caller's role in it, and the row that the handler takes, by name.

        What is locked is read behind the lock. Refuses a stranger.
        """
        assert self.project_parameter is not None
        wanted = values[self.project_parameter]
        row = None if lock else self._find_row(connection, wanted)
        project_id = row["project_id"] if row else self._find_project_id(connection, wanted)
        found = project_id and project.find_for_member(
            connection, project_id, caller.user_id, lock=lock
        )
        if found and lock:
            row = self._find_row(connection, wanted)
        if not found or (self.resource and not row):
            raise NOT_FOUND[self.project_parameter]
        return found, {self.resource.name: row} if self.resource and row else {}

    def _find_row(self, connection: Connection, wanted: str) -> Mapping[str, Any] | None:
        return self.resource.find(connection, wanted) if self.resource else None

    def _find_project_id(self, connection: Connection, wanted: str) -> str | None:
        owning = RESOURCES.get(self.project_parameter or "")
        return project_of(connection, owning.table, wanted) if owning else wanted

    def check_role(self, role: str) -> None:
        """Refuse too low a role."""
        assert self.role is not None
        if rank(role) < rank(self.role):
            raise InsufficientRole(
                f"This needs the role `{self.role}` in the project, and yours is `{role}`. "
                "Ask an owner of the project."
            )
