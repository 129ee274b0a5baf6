"""Which way each operation of the contract passes through the server."""

import pytest

from projects_api.access.access import Access
from projects_api.access.modes import Mode
from projects_api.access.problems import InsufficientScope, PreconditionFailed
from projects_api.access.rules import KeyedUnit, OpenUnit, ProjectsRules, _check_conditions
from projects_api.app.application import create_application
from projects_api.contract.resolver import operations
from projects_api.models.api_key import Caller
from projects_api.openapi import contract
from projects_api.settings import Settings

OPEN = {"check_liveness", "check_readiness"}
QUICK_READS = {
    *("list_projects", "get_project", "list_members", "get_timeline", "get_job"),
    *("list_datasets", "get_dataset", "list_dataset_versions", "get_dataset_quality"),
    *("list_experiments", "get_experiment", "get_experiment_status", "get_experiment_logs"),
    *("get_experiment_capabilities", "explain_experiment", "list_engine_runs"),
    *("list_models", "get_model", "explain_model", "get_model_evaluation"),
    "get_model_parameters",
    *("list_deployments", "get_deployment", "list_reports", "get_report"),
    *("list_audit_entries", "list_all_audit_entries", "list_people", "list_jobs"),
    *("list_keys", "get_key", "list_all_keys", "get_any_key"),
    *("list_webhooks", "list_deliveries"),
    *("list_project_teams", "list_teams", "get_team", "list_team_people"),
    *("list_service_accounts", "get_service_account", "list_service_account_keys"),
}
"""Those that ask the database for a few rows, and nothing and nobody else."""
OTHERS = {
    Mode.WRITE: {
        *("create_project", "update_project", "delete_project", "add_member", "remove_member"),
        *("delete_dataset", "create_experiment", "delete_experiment", "delete_model"),
        *("stop_experiment", "predict_dataset_with_deployment"),
        *("create_key", "delete_key", "revoke_key", "create_person", "create_person_key"),
        *("deactivate_person", "activate_person", "set_person_quota", "cancel_job"),
        *("create_deployment", "promote_deployment", "rollback_deployment"),
        *("deactivate_deployment", "create_report", "predict_dataset"),
        *("delete_webhook", "redeliver"),
        *("add_project_team", "remove_project_team", "create_team", "update_team"),
        *("delete_team", "add_team_person", "remove_team_person"),
        *("create_service_account", "delete_service_account"),
        *("create_service_account_key", "delete_service_account_key"),
    },
    Mode.DOWNLOAD: {"export_project", "download_dataset", "download_model", "download_report"},
    Mode.UPLOAD: {"import_project", "upload_dataset", "upload_dataset_version", "create_webhook"},
    Mode.OWN_TRANSACTIONS: {"get_dataset_columns", "analyze_dataset", "preview_dataset"},
}
SLOW_READS = {
    *("predict", "predict_with_deployment", "give_feedback", "get_drift"),
    *("get_usage", "get_person"),
}
"""Those that ask a model, write by themselves, or have the database add up many rows."""


@pytest.fixture
def modes_on(tmp_path, monkeypatch):
    """Assemble the server on a database, which need not be there, and tell the modes."""
    units: dict[str, KeyedUnit | OpenUnit] = {}
    compile_unit = ProjectsRules.compile

    def note(rules, operation):
        units[operation.id] = compile_unit(rules, operation)
        return units[operation.id]

    monkeypatch.setattr(ProjectsRules, "compile", note)

    def modes_on(database_url: str = "") -> dict[Mode | None, set[str]]:
        url = database_url or f"sqlite:///{tmp_path / 'modes.db'}"
        create_application(Settings(_env_file=None, data_dir=tmp_path, database_url=url))
        found: dict[Mode | None, set[str]] = {}
        for name, unit in units.items():
            mode = unit._mode if isinstance(unit, KeyedUnit) else None
            found.setdefault(mode, set()).add(name)
        return found

    return modes_on


def test_the_table_names_each_operation_of_the_contract_once():
    named = [*OPEN, *QUICK_READS, *SLOW_READS, *(one for each in OTHERS.values() for one in each)]
    assert sorted(named) == sorted(one["operationId"] for one in operations(contract()))


def test_on_sqlite_only_what_asks_for_a_few_rows_is_done_on_the_event_loop(modes_on):
    reads = {Mode.QUICK_READ: QUICK_READS, Mode.READ: SLOW_READS}
    assert modes_on() == {None: OPEN, **OTHERS, **reads}


def test_on_postgresql_nothing_is_done_on_the_event_loop(modes_on):
    reads = {Mode.READ: QUICK_READS | SLOW_READS}
    assert modes_on("postgresql://nobody@/nothing?host=/nowhere") == {None: OPEN, **OTHERS, **reads}


def test_what_is_guarded_takes_no_weak_tag():
    _check_conditions({"if-match": '"a", "tag"'}, '"tag"')
    with pytest.raises(PreconditionFailed, match="takes no weak tag"):
        _check_conditions({"if-match": 'W/"tag"'}, '"tag"')


@pytest.mark.parametrize("scope", ["read", "write", "predict", "admin"])
def test_who_lacks_a_scope_is_told_where_one_is_made_if_that_is_an_operators(scope):
    with pytest.raises(InsufficientScope, match=f"the scope `{scope}`") as refused:
        Access(scope, None, None).check_scope(Caller("user", "key", frozenset()))
    assert ("projects-api keys create" in str(refused.value)) is (scope == "admin")
