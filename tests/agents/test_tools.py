"""The tools as an agent has them, by the protocol's own client, over both ways."""

import json
import re

import anyio
import orjson
import pytest
import requests

from projects_api.agents import llms, shortening
from projects_api.agents.tools import WAIT, tools
from projects_api.agents.transports import MOST_REQUEST_BYTES
from projects_api.openapi import contract
from projects_api.settings import Settings
from tests.agents.conftest import over_http, over_stdio
from tests.conftest import running
from tests.contract.documented import OPERATIONS
from tests.handlers.conftest import assert_problem
from tests.support.processes import PATIENCE
from tools.contract_tree import examples, parameters

MOST_SCHEMA_BYTES = 40_000
CSV = "amount,country,is_fraud\n" + "12.5,DE,0\n980,FR,1\n" * 20
OTHERWISE = {
    "import_project": "422",  # its file is a ZIP archive
    "stop_experiment": "409",  # it has ended
    "delete_experiment": "409",  # a model of it is deployed
    "delete_model": "409",
    "create_webhook": "422",  # its host is not there
    "delete_webhook": "404",
    "list_deliveries": "404",
    "redeliver": "404",
    "remove_team_person": "404",  # the team was deleted before
    # Nobody made the documented account.
    **dict.fromkeys(("get_service_account", "list_service_account_keys"), "404"),
    **dict.fromkeys(("create_service_account_key", "delete_service_account_key"), "404"),
    "delete_service_account": "404",
    # The seed has no job, and its key was deleted before.
    **dict.fromkeys(("cancel_job", "revoke_key"), "404"),
}
"""What the seed does not let succeed as documented, by the status that is told."""
KNOWN_LATER = {
    "get_job": ("job_id", "create_report", "job_id"),
    "wait_for_job": ("job_id", "create_report", "job_id"),
    "predict_with_deployment": ("deployment_id", "create_deployment", "deployment_id"),
    "predict_dataset_with_deployment": ("deployment_id", "create_deployment", "deployment_id"),
    "give_feedback": ("deployment_id", "create_deployment", "deployment_id"),
}
"""Arguments that are what another tool has answered."""
NOBODYS = "019c75a0-0000-7000-8000-000000000000"
ASKED = {"inputs": [{"amount": 600, "country": "DE"}]}
BY_THE_MODEL = {
    "predict": ASKED,
    "predict_with_deployment": ASKED,
    "give_feedback": {"truths": [{"row_id": 1, "truth": 1}]},
}
"""Arguments that only the seed's model knows."""


def text_of(result) -> str:
    return result.content[0].text


def arguments_of(name: str) -> dict:
    """Take what the contract documents for the arguments that a tool has."""
    if name == WAIT:
        return {"seconds": 30}
    operation = OPERATIONS[name]
    values = {
        parameter["name"].value.lower().replace("-", "_"): example.value
        for parameter in parameters(operation)
        for example in examples(parameter)
    }
    if "requestBody" in operation:
        ((_, media),) = operation["requestBody"]["content"].items()
        values |= next(examples(media)).value
    if "file" in values:
        values["file_text"] = CSV
    known = tools(local=False)[name].arguments
    return {name: value for name, value in values.items() if name in known}


def in_order() -> list[str]:
    """Give all tools, those that take away last, and the project at the very end."""
    weight = {"get": 0, "post": 1, "put": 1, "patch": 1, "delete": 2}
    operations = [*tools(local=False).values()]
    operations.sort(
        key=lambda one: (
            max(weight[one.method], int(one.name in KNOWN_LATER)),
            one.name in KNOWN_LATER,
            one.name == "delete_project",
        )
    )
    return [one.name for one in operations]


class TestLists:
    def test_every_operation_is_a_tool_and_all_are_small(self, standin, transport):
        async def ask():
            async with transport(standin["BASE_URL"], standin["API_KEY"]) as client:
                return (await client.list_tools()).tools

        found = anyio.run(ask)
        assert [one.name for one in found] == [*OPERATIONS, WAIT]
        told = [one.model_dump(by_alias=True, exclude_none=True) for one in found]
        assert len(orjson.dumps(told)) < MOST_SCHEMA_BYTES
        assert all(len(one.description) < 150 for one in found)
        for one in found:
            if one.name != WAIT:
                method = OPERATIONS[one.name].path[-1]
                # What is not told is that it changes things, and nothing of what reads.
                assert one.annotations.read_only_hint is (True if method == "get" else None)
                assert one.annotations.destructive_hint is (
                    None if method == "get" else method == "delete"
                )

    @pytest.mark.parametrize("local", [False, True])
    def test_the_arguments_are_those_of_the_contract(self, local):
        """Compared with the contract, read by another reader."""
        beside = {"file_text", "file_path", "save_to"}
        for name, operation in OPERATIONS.items():
            wanted = {
                one["name"].value.lower().replace("-", "_")
                for one in parameters(operation)
                if one["name"].value not in {"Idempotency-Key", "If-None-Match"}
            }
            documented = arguments_of(name).keys() - beside
            schema = tools(local=local)[name].schema
            assert wanted <= schema["properties"].keys(), name
            assert documented <= schema["properties"].keys(), name
            assert schema["additionalProperties"] is False

    @pytest.mark.parametrize(
        ("scopes", "others"),
        [(("read",), set()), (("read", "predict"), {"predict"}), (("read", "write"), {"write"})],
    )
    def test_a_key_has_the_tools_of_its_scopes(self, tmp_path, scopes, others):
        settings = Settings(_env_file=None, data_dir=tmp_path, mcp=True)
        with running(settings) as server:
            person = server.person()
            key = server.key(person.user_id, scopes=scopes)

            async def ask(way):
                async with way(server.url, key) as client:
                    return {one.name for one in (await client.list_tools()).tools}

            found = [anyio.run(ask, way) for way in (over_stdio, over_http)]
            assert person.get("/api/projects").json()["total"] == 0
        declared = {
            name: operation["x-required-scope"].value for name, operation in OPERATIONS.items()
        }
        allowed = {"none", "read", *others}
        wanted = {name for name, scope in declared.items() if scope in allowed} | {WAIT}
        assert found == [wanted, wanted]


class TestCalls:
    def test_every_tool_is_called_on_the_seed(self, standin, transport):
        async def call_all():
            results = {}
            async with transport(standin["BASE_URL"], standin["API_KEY"]) as client:
                for name in in_order():
                    arguments = arguments_of(name) | BY_THE_MODEL.get(name, {})
                    if name in KNOWN_LATER:
                        argument, asked, answered = KNOWN_LATER[name]
                        arguments[argument] = json.loads(text_of(results[asked]))[answered]
                    results[name] = await client.call_tool(name, arguments)
            return results

        results = anyio.run(call_all)
        refused = {name: text_of(one)[:120] for name, one in results.items() if one.is_error}
        assert {name: told[:3] for name, told in refused.items()} == OTHERWISE

    def test_an_answer_is_the_servers(self, standin, transport):
        url, key = standin["BASE_URL"], standin["API_KEY"]
        names = ["list_projects", "get_experiment_capabilities", "check_liveness"]

        async def ask():
            async with transport(url, key) as client:
                return [json.loads(text_of(await client.call_tool(one, {}))) for one in names]

        answers = [
            requests.get(
                url + OPERATIONS[name].path[-2],
                headers={"Authorization": f"Bearer {key}"},
                timeout=PATIENCE,
            ).json()
            for name in names
        ]
        assert anyio.run(ask) == answers

    @pytest.mark.parametrize(
        ("tool", "arguments", "told"),
        [
            ("no_tool", {}, "There is no tool no_tool"),
            ("get_project", {}, "get_project needs project_id."),
            ("list_projects", {"limt": 1}, "and not limt."),
            ("list_projects", {"limit": 0}, "422 The request breaks the contract. Mend the"),
            ("get_project", {"project_id": "../../health/live"}, "404 "),
            ("wait_for_job", {"job_id": "x", "seconds": 10_000}, "from 1 to 300"),
            ("wait_for_job", {"job_id": "x", "wait": 10}, "and not wait."),
            ("export_project", {"project_id": NOBODYS}, "404 No such project. No project with"),
            ("upload_dataset", {"project_id": "x", "name": "n"}, "file_text"),
        ],
    )
    def test_what_is_refused_tells_what_to_do(self, standin, transport, tool, arguments, told):
        async def ask():
            async with transport(standin["BASE_URL"], standin["API_KEY"]) as client:
                return await client.call_tool(tool, arguments)

        result = anyio.run(ask)
        assert result.is_error
        assert told in text_of(result)

    def test_a_file_is_given_by_its_address(self, standin, transport):
        async def ask():
            async with transport(standin["BASE_URL"], standin["API_KEY"]) as client:
                arguments = {"project_id": standin["PROJECT_ID"]}
                return await client.call_tool("export_project", arguments)

        content = anyio.run(ask).content
        link = content[-1]
        assert link.type == "resource_link"
        assert link.mime_type == "application/zip"
        headers = {"Authorization": f"Bearer {standin['API_KEY']}"}
        answer = requests.get(link.uri, headers=headers, timeout=PATIENCE)
        assert answer.content[:2] == b"PK"

    def test_files_of_this_machine_are_for_stdio_alone(self, standin, tmp_path):
        url, key = standin["BASE_URL"], standin["API_KEY"]
        (tmp_path / "in.csv").write_text(CSV)
        saved = str(tmp_path / "out.csv")
        upload = {
            "project_id": standin["PROJECT_ID"],
            "name": "in.csv",
            "file_path": str(tmp_path / "in.csv"),
        }

        async def go(way):
            async with way(url, key) as client:
                uploaded = await client.call_tool("upload_dataset", upload)
                if uploaded.is_error:
                    return [text_of(uploaded)]
                dataset_id = json.loads(text_of(uploaded))["dataset_id"]
                arguments = {"dataset_id": dataset_id, "save_to": saved}
                first = await client.call_tool("download_dataset", arguments)
                again = await client.call_tool("download_dataset", arguments)
                return [text_of(first), text_of(again)]

        (refused,) = anyio.run(go, over_http)
        assert "and not file_path" in refused
        first, again = anyio.run(go, over_stdio)
        assert first == f"{len(CSV)} bytes are saved in {saved}."
        assert (tmp_path / "out.csv").read_text() == CSV
        assert "cannot be written" in again


class TestKeys:
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pak_x"}])
    def test_http_takes_the_servers_keys_alone(self, standin, headers):
        answer = requests.post(
            f"{standin['BASE_URL']}/mcp", json={}, headers=headers, timeout=PATIENCE
        )
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:projects-api:problem:unauthenticated"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_there_are_no_sessions(self, standin, method):
        headers = {
            "Authorization": f"Bearer {standin['API_KEY']}",
            "Accept": "text/event-stream",
        }
        answer = requests.request(
            method, f"{standin['BASE_URL']}/mcp", headers=headers, timeout=PATIENCE
        )
        assert answer.status_code == 405

    @pytest.mark.parametrize("is_declared", [True, False])
    def test_a_message_that_is_too_large_is_refused(self, standin, is_declared):
        def pieces():
            for _ in range(MOST_REQUEST_BYTES // 2**16):
                yield b" " * 2**16
            yield b"{}"

        headers = {
            "Authorization": f"Bearer {standin['API_KEY']}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        answer = requests.post(
            f"{standin['BASE_URL']}/mcp",
            data=b"".join(pieces()) if is_declared else pieces(),
            headers=headers,
            timeout=PATIENCE,
        )
        assert_problem(answer, 413, "too-large")
        assert str(MOST_REQUEST_BYTES) in answer.json()["detail"]

    def test_a_message_is_json(self, standin):
        headers = {"Authorization": f"Bearer {standin['API_KEY']}"}
        for media_type in ({}, {"Content-Type": "text/plain"}):
            answer = requests.post(
                f"{standin['BASE_URL']}/mcp",
                data=b"{}",
                headers={**headers, **media_type},
                timeout=PATIENCE,
            )
            assert_problem(answer, 415, "unsupported-media-type")

    def test_a_message_at_the_limit_is_read(self, standin):
        headers = {
            "Authorization": f"Bearer {standin['API_KEY']}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        ping = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'
        answer = requests.post(
            f"{standin['BASE_URL']}/mcp",
            data=ping.rjust(MOST_REQUEST_BYTES),
            headers=headers,
            timeout=PATIENCE,
        )
        assert answer.status_code == 200
        assert "list_projects" in answer.text

    def test_it_is_not_there_unless_it_is_wanted(self, server):
        assert server.person().post("/mcp", json={}).status_code == 404


class TestResources:
    def test_projects_and_reports(self, standin, transport):
        async def ask():
            async with transport(standin["BASE_URL"], standin["API_KEY"]) as client:
                listed = (await client.list_resources()).resources
                read = [(await client.read_resource(one.uri)).contents[0] for one in listed]
                return listed, [json.loads(one.text) for one in read]

        listed, read = anyio.run(ask)
        kinds = [one.uri.removeprefix("projects-api://").partition("/")[0] for one in listed]
        assert {*kinds} == {"projects", "reports"}
        for one, kind, document in zip(listed, kinds, read, strict=True):
            assert one.name == document[kind[:-1]]["name"]


def test_long_answers_are_cut_with_how_to_go_on():
    document = {"items": [{"id": number, "text": "x" * 300} for number in range(100)], "total": 100}
    text, cuts = shortening.shorten(document)
    assert len(text) <= shortening.MOST_BYTES
    shown = json.loads(text)["items"]
    assert shown == document["items"][: len(shown)]
    assert cuts == [f"/items shows {len(shown)} of 100"]
    assert shortening.shorten({"a": [1, 2]}) == ('{"a":[1,2]}', [])
    huge = {f"name{number}": "y" * 10 for number in range(10_000)}
    assert len(shortening.shorten(huge)[0]) <= shortening.MOST_BYTES


def test_the_page_for_readers_is_current(standin, server):
    answer = requests.get(f"{standin['BASE_URL']}/llms.txt", timeout=PATIENCE)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert len(answer.content) < llms.MOST_BYTES
    for name, operation in OPERATIONS.items():
        method, path = operation.path[-1].upper(), operation.path[-2]
        summary, scope = operation["summary"].value, operation["x-required-scope"].value
        assert f"- {method} {path}: {summary} (`{name}`, scope {scope})\n" in answer.text
    assert contract()["info"]["title"] in answer.text
    (told,) = re.findall(r"^> (.*)$", answer.text, re.MULTILINE)
    assert " ".join(contract()["info"]["description"].split()).startswith(told)
    assert "/mcp" in answer.text
    without = server.anonymous().get("/llms.txt")
    assert "/mcp" not in without.text
    for path in ("/openapi.json", "/docs"):
        assert f"({path})" in without.text
        assert server.anonymous().get(path).status_code == 200
