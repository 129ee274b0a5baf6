"""Access: which project a request concerns, and whether the caller's key and role allow it.

The contract says what an operation needs, in `x-required-scope` and `x-required-role`. The project
is the one that `project_id` names, in the path, the query or the body, or the one that the named
resource belongs to.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table

from projects_api.access.problems import (
    DatasetNotFound,
    DeploymentNotFound,
    ExperimentNotFound,
    InsufficientRole,
    InsufficientScope,
    JobNotFound,
    MemberNotFound,
    ModelNotFound,
    ProjectNotFound,
    ReportNotFound,
)
from projects_api.contract.problems import NotFound
from projects_api.models import project
from projects_api.models.admission import Membership
from projects_api.models.api_key import SCOPES, Caller
from projects_api.models.base import project_of
from projects_api.models.dataset import datasets
from projects_api.models.deployment import deployments
from projects_api.models.experiment import experiments
from projects_api.models.member import ROLES, rank
from projects_api.models.report import reports
from projects_api.models.trained_model import trained_models

NOT_FOUND: Mapping[str, type[NotFound]] = {
    "project_id": ProjectNotFound,
    "dataset_id": DatasetNotFound,
    "experiment_id": ExperimentNotFound,
    "job_id": JobNotFound,
    "report_id": ReportNotFound,
    "deployment_id": DeploymentNotFound,
    "model_id": ModelNotFound,
    "member_id": MemberNotFound,
}
_TABLES: Mapping[str, Table] = {
    "dataset_id": datasets,
    "experiment_id": experiments,
    "report_id": reports,
    "deployment_id": deployments,
    "model_id": trained_models,
}
"""What belongs to a project, by the parameter that names it."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an operation needs of its caller."""

    scope: str | None
    role: str | None
    project_parameter: str | None

    @classmethod
    def from_contract(cls, operation: Mapping[str, Any], names: Iterable[str]) -> "Access":
        """Read what the contract declares; raises `ValueError` where it declares nothing."""
        operation_id = operation["operationId"]
        scope = operation.get("x-required-scope")
        role = operation.get("x-required-role")
        if scope not in {*SCOPES, "none"} or role not in {*ROLES, "none"}:
            raise ValueError(f"{operation_id} must declare x-required-scope and x-required-role")
        if (scope == "none") != (operation.get("security") == []):
            raise ValueError(f"{operation_id} must have a scope, or no security and no scope")
        known = set(names)
        project_parameter = next((name for name in ("project_id", *_TABLES) if name in known), None)
        if (role != "none") != (project_parameter is not None):
            raise ValueError(f"{operation_id} must have a role exactly where it names a project")
        return cls(
            None if scope == "none" else scope, None if role == "none" else role, project_parameter
        )

    def check_scope(self, caller: Caller) -> None:
        """Refuse a key without the scope."""
        if self.scope and not caller.may(self.scope):
            raise InsufficientScope(f"Use an API key that has the scope `{self.scope}`.")

    def find_project(
        self, connection: Connection, caller: Caller, values: Mapping[str, Any], *, lock: bool
    ) -> Membership:
        """Find the project and the caller's role in it; refuse a stranger."""
        assert self.project_parameter is not None
        project_id = values[self.project_parameter]
        if self.project_parameter in _TABLES:
            project_id = project_of(connection, _TABLES[self.project_parameter], project_id)
        found = project_id and project.find_for_member(
            connection, project_id, caller.user_id, lock=lock
        )
        if not found:
            raise NOT_FOUND[self.project_parameter]
        return found

    def check_role(self, role: str) -> None:
        """Refuse too low a role."""
        assert self.role is not None
        if rank(role) < rank(self.role):
            raise InsufficientRole(
                f"This needs the role `{self.role}` in the project, and yours is `{role}`. "
                "Ask an owner of the project."
            )
