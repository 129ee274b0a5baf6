"""The documented workflows, carried out by a script that knows names and schemas of tools alone."""

import json
import re

import anyio
import jsonschema_rs
import pytest
import yaml

from tests.agents.conftest import TRANSPORTS
from tools.node_tools import ROOT

FOLDER = ROOT / "docs"
WORKFLOWS = yaml.safe_load((FOLDER / "workflows.arazzo.yaml").read_text())["workflows"]
TAG = re.compile(r"^etag: (\S+)")
pytestmark = pytest.mark.slow


class Script:
    """Carries out steps with what `client` offers."""

    def __init__(self, client, inputs: dict) -> None:
        self.client = client
        self.values = {f"$inputs.{name}": value for name, value in inputs.items()}
        self.job_id = ""
        self.progress: list[float] = []

    async def learn(self) -> None:
        self.schemas = {
            one.name: one.input_schema for one in (await self.client.list_tools()).tools
        }

    async def carry_out(self, workflow: dict) -> None:
        for step in workflow["steps"]:
            await self.take(step)

    async def take(self, step: dict) -> None:
        if "onFailure" in step:
            waited = await self.call("wait_for_job", {"job_id": self.job_id, "seconds": 240})
            assert json.loads(waited.content[0].text)["job"]["status"] == "succeeded"
        result = await self.call(step["operationId"], self.arguments(step))
        text = result.content[0].text
        for criterion in step["successCriteria"]:
            self.check(criterion["condition"], result)
        for name, expression in step.get("outputs", {}).items():
            key = f"$steps.{step['stepId']}.outputs.{name}"
            if expression == "$response.header.ETag":
                (self.values[key],) = [
                    found[1] for one in result.content if (found := TAG.match(one.text))
                ]
            else:
                self.values[key] = pointed(json.loads(text), expression.partition("#")[2])
        if not result.is_error and "job_id" in text:
            document = json.loads(text)
            self.job_id = document.get("job_id") or document.get("job", {}).get("id", "")

    def arguments(self, step: dict) -> dict:
        given = {
            one["name"].lower().replace("-", "_"): self.value(one["value"])
            for one in step.get("parameters", [])
            if "name" in one
        }
        payload = step.get("requestBody", {}).get("payload", {})
        for name, value in payload.items():
            if isinstance(value, str) and (file := re.match(r"\$file\('(.*)'\)", value)):
                given["file_text"] = (FOLDER / file[1]).read_text()
            else:
                given[name] = self.value(value)
        return given

    def value(self, expression):
        return (
            self.values.get(expression, expression) if isinstance(expression, str) else expression
        )

    async def call(self, name: str, arguments: dict):
        jsonschema_rs.validate(self.schemas[name], arguments)

        async def note(progress, _total, _message) -> None:
            self.progress.append(progress)

        return await self.client.call_tool(name, arguments, progress_callback=note)

    def check(self, condition: str, result) -> None:
        is_error, text = result.is_error, result.content[0].text
        if found := re.fullmatch(r"\$statusCode == (\d+)", condition):
            assert is_error == (int(found[1]) >= 400), text
            assert not is_error or text.startswith(found[1]), text
            return
        if found := re.fullmatch(r'\$response\.header\.content-type == "(.+)"', condition):
            assert result.content[-1].mime_type == found[1]
            return
        found = re.fullmatch(r"\$response\.body#(\S+) (==|>|<|!=) (.+)", condition)
        assert found, condition
        pointer, sign, literal = found.groups()
        wanted = self.values[literal] if literal in self.values else json.loads(literal)
        if is_error:
            assert str(wanted) in text
            return
        value = pointed(json.loads(text), pointer)
        assert {"==": value == wanted, "!=": value != wanted}.get(
            sign, sign in "<>" and (value > wanted if sign == ">" else value < wanted)
        ), condition


def pointed(document, pointer: str):
    for part in pointer.strip("/").split("/"):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


@pytest.mark.parametrize("way", sorted(TRANSPORTS))
@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[one["workflowId"] for one in WORKFLOWS])
def test_a_workflow(standin, way, workflow):
    async def go():
        async with TRANSPORTS[way](standin["BASE_URL"], standin["API_KEY"]) as client:
            members = await client.call_tool("list_members", {"project_id": standin["PROJECT_ID"]})
            colleague = json.loads(members.content[0].text)["items"][1]["email"]
            script = Script(client, {"colleague_email": colleague})
            await script.learn()
            await script.carry_out(workflow)
            prompt = await client.get_prompt(workflow["workflowId"], {"colleague_email": colleague})
            return script.progress, prompt.messages[0].content.text, colleague

    progress, text, colleague = anyio.run(go)
    assert ("colleague_email" in text) == (f"colleague_email: {colleague}" in text)
    for step in workflow["steps"]:
        assert f"{step['operationId']} ({step['stepId']})" in text
    if any("onFailure" in step for step in workflow["steps"]):
        assert progress == sorted(progress)
        assert progress[-1] == 100.0
