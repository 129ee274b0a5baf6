"""What the server holds its own handlers to, at start-up and in each answer."""

import sys
from copy import deepcopy
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from projects_api.access import problems
from projects_api.access.access import Access
from projects_api.app import application
from projects_api.app.application import create_application
from projects_api.app.doctor import examine
from projects_api.contract.problems import Problem
from projects_api.contract.resolver import MismatchError, TagResolver, check_signature, taken_names
from projects_api.handlers import members as member_handlers
from projects_api.handlers import projects as project_handlers
from projects_api.models import project as projects
from projects_api.openapi import contract
from projects_api.settings import Settings
from tests.conftest import running
from tests.handlers.conftest import assert_problem


def fail(error: Exception):
    def more(_made):
        raise error

    return more


BREACHES = {
    "a field too few": lambda made: made["project"].pop("status"),
    "a field too many": lambda made: made["project"].update(secret="x"),
    "no uuid": lambda made: made.update(project_id="17"),
    "no moment": lambda made: made["project"].update(created_at="yesterday"),
    "null": lambda made: made["project"].update(description=None),
    "another type": lambda made: made["project"].update(dataset_count="0"),
    "nothing": lambda made: made.clear(),
}
FAILURES = {
    "an error": fail(RuntimeError("secret detail")),
    "undeclared": fail(problems.PreconditionFailed()),
    "declared": fail(problems.IdempotencyKeyReused()),
}


@pytest.fixture(scope="module")
def broken(database_url, tmp_path_factory):
    """Run a server whose writing does more at its end: the project's name says what."""
    create, more = project_handlers.create_project, {**BREACHES, **FAILURES}

    def create_project(connection, caller, name, description):
        made = create(connection, caller, name, description)
        more.get(name, id)(made)
        return made

    def update_project(connection, project, name, description=None):
        projects.change(connection, project, name=name, description="changed")
        return {"project": None}

    settings = Settings(
        _env_file=None, database_url=database_url, data_dir=tmp_path_factory.mktemp("broken")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project_handlers, "create_project", create_project)
        patch.setattr(project_handlers, "update_project", update_project)
        with running(settings) as server:
            patch.undo()  # The server has its handlers now.
            yield server


class TestAnswers:
    """A handler that does its work and then fails has done nothing."""

    def assert_failed_and_undone(self, server, name: str, event: str) -> dict:
        """Send the request; check that it changed nothing, and give what was logged."""
        person = server.person()
        with capture_logs() as logs:
            body, headers = {"name": name}, {"Idempotency-Key": "again"}
            answer = person.post("/api/projects", json=body, headers=headers)
        document = assert_problem(answer, 500, "internal-error", "changed nothing")
        assert "secret" not in answer.text
        assert "errors" not in document
        assert person.get("/api/projects").json()["total"] == 0
        # The key of a failed request is free again.
        assert person.post("/api/projects", json=body, headers=headers).status_code == 500
        (entry,) = [log for log in logs if log["event"] == event]
        assert entry["log_level"] == "error"
        assert entry["request_id"] == document["request_id"]
        return entry

    @pytest.mark.parametrize("breach", BREACHES)
    def test_a_breach_of_the_contract(self, broken, breach):
        entry = self.assert_failed_and_undone(broken, breach, "response_breaks_contract")
        assert entry["faults"]

    def test_an_error_that_nobody_expected(self, broken):
        entry = self.assert_failed_and_undone(broken, "an error", "unhandled_error")
        assert "secret detail" in repr(entry["exc_info"])

    def test_a_problem_that_the_operation_does_not_declare(self, broken):
        entry = self.assert_failed_and_undone(broken, "undeclared", "undeclared_problem")
        assert (entry["status"], entry["slug"]) == (412, "precondition-failed")

    def test_a_problem_that_it_declares_is_undone_too(self, broken):
        person = broken.person()
        answer = person.post("/api/projects", json={"name": "declared"})
        assert_problem(answer, 422, "idempotency-key-reused")
        assert person.get("/api/projects").json()["total"] == 0

    def test_an_update_is_undone(self, broken):
        person = broken.person()
        path = f"/api/projects/{person.create_project('Before')}"
        assert_problem(person.put(path, json={"name": "After"}), 500, "internal-error")
        found = person.get(path).json()["project"]
        assert (found["name"], found["description"]) == ("Before", "")


class TestStart:
    """A server whose parts disagree does not begin to serve."""

    @pytest.fixture
    def refused(self, tmp_path):
        def check(error, match: str) -> None:
            with pytest.raises(error, match=match):
                create_application(Settings(_env_file=None, data_dir=tmp_path))

        return check

    @pytest.fixture
    def change(self, monkeypatch):
        """Give an operation of a changed contract, which the application then reads."""
        changed = deepcopy(contract())
        monkeypatch.setattr(application, "contract", lambda: changed)
        return changed["paths"]["/api/projects/{project_id}"]["get"]

    def test_nothing_is_wrong_with_the_contract_as_it_is(self, change, tmp_path):
        assert create_application(Settings(_env_file=None, data_dir=tmp_path))

    def test_the_contract_is_no_openapi(self, change, refused):
        change["deprecated"] = "yes"
        refused(ValueError, 'is not of type "boolean"')

    def test_a_handler_is_missing(self, monkeypatch, refused):
        monkeypatch.delattr(project_handlers, "get_project")
        refused(MismatchError, "get_project has no handler in projects_api.handlers.projects")

    def test_the_doctor_says_so(self, monkeypatch, tmp_path):
        monkeypatch.delattr(project_handlers, "get_project")
        faults = dict(examine(Settings(_env_file=None, data_dir=tmp_path)))
        assert "get_project has no handler" in faults["contract and handlers agree"][0]

    def test_a_handlers_module_is_missing(self, change, refused):
        change["tags"] = ["strangers"]
        refused(MismatchError, "get_project has no handler in projects_api.handlers.strangers")

    def test_a_public_function_is_bound_to_nothing(self, monkeypatch, refused):
        def forgotten() -> None: ...

        forgotten.__module__ = member_handlers.__name__
        monkeypatch.setattr(member_handlers, "forgotten", forgotten, raising=False)
        refused(MismatchError, r"handlers\.members has functions without operation: .'forgotten'.")

    def test_a_handler_takes_other_parameters(self, monkeypatch, refused):
        def update_project(project, name, colour): ...

        monkeypatch.setattr(project_handlers, "update_project", update_project)
        refused(
            MismatchError,
            r"unknown to the contract: \['colour'\]; unknown to the handler: \['description'\]",
        )

    @pytest.mark.parametrize("missing", ["x-required-scope", "x-required-role"])
    @pytest.mark.parametrize("value", [None, "everybody"])
    def test_an_operation_does_not_say_who_may(self, change, refused, missing, value):
        change.pop(missing)
        if value:
            change[missing] = value
        refused(ValueError, "get_project must declare x-required-scope and x-required-role")

    def test_an_operation_has_a_scope_but_no_security(self, change, refused):
        change["security"] = []
        refused(ValueError, "get_project must have a scope, or no security and no scope")

    def test_an_operation_has_no_scope_but_security(self, change, refused):
        change["x-required-scope"] = "none"
        refused(ValueError, "get_project must have a scope, or no security and no scope")

    def test_an_operation_names_a_project_but_no_role(self, change, refused):
        change["x-required-role"] = "none"
        refused(ValueError, "get_project must have a role exactly where it names a project")


class TestAccess:
    def test_a_role_without_a_project(self):
        operation = {"operationId": "x", "x-required-scope": "read", "x-required-role": "viewer"}
        with pytest.raises(ValueError, match="x must have a role exactly where"):
            Access.from_contract(operation, ["limit"])
        assert Access.from_contract(operation, ["dataset_id"]).project_parameter == "dataset_id"
        assert (
            Access.from_contract(operation, ["dataset_id", "project_id"]).project_parameter
            == "project_id"
        )


class TestResolver:
    @pytest.fixture
    def package(self, monkeypatch):
        """A package of handlers with the module `things`."""
        module = ModuleType("package_of_tests.things")
        source = "def list_things(): ...\ndef _helper(): ...\nclass Helper: ...\n"
        exec(source, vars(module))
        monkeypatch.setitem(sys.modules, "package_of_tests", ModuleType("package_of_tests"))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    def resolver(self, *tagged: tuple[str, str]) -> TagResolver:
        paths = {
            f"/{name}": {"parameters": [], "get": {"operationId": name, "tags": [tag]}}
            for name, tag in tagged
        }
        return TagResolver({"paths": paths}, "package_of_tests")

    def test_finds_the_function_by_tag_and_id(self, package):
        resolver = self.resolver(("list_things", "things"))
        found = resolver.find("list_things")
        assert found is package.list_things
        resolver.check_complete()

    def test_an_operation_of_another_tag_binds_nothing_here(self, package):
        exec("def get_other(): ...", vars(package))
        resolver = self.resolver(("list_things", "things"), ("get_other", "others"))
        other = ModuleType("package_of_tests.others")
        sys.modules[other.__name__] = other
        try:
            with pytest.raises(MismatchError, match="get_other"):
                resolver.check_complete()
        finally:
            del sys.modules[other.__name__]

    def test_a_parameter_that_may_be_absent_needs_a_default(self):
        def handler(connection, limit): ...

        declared = {"declared": ["limit"], "injected": ["connection"], "used_up": ()}
        with pytest.raises(MismatchError, match=r"without default in the handler: \['limit'\]"):
            check_signature(handler, **declared, always_present=[])
        check_signature(handler, **declared, always_present=["limit"])
        assert taken_names(handler) == {"connection", "limit"}


class TestProblems:
    def test_each_has_a_type_of_its_own_that_says_which_error_it_is(self):
        def descendants(cls):
            return {cls, *(one for child in cls.__subclasses__() for one in descendants(child))}

        known = [one for one in descendants(Problem) if "slug" in vars(one)]
        assert len({one.slug for one in known}) == len(known) > 15
        assert all(400 <= one.status < 600 and one.title for one in known)
