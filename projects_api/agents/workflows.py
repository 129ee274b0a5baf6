"""The documented workflows (Arazzo), as prompts: what to call, in which order, and why."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from projects_api.contract.checker import parse_yaml

_PACKAGE = Path(__file__).resolve().parents[1]
_NAME = "workflows.arazzo.yaml"
_OF_CALLERS = frozenset({"api_key"})
"""Inputs that a tool has without being told."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow: its inputs by name with what they are, and its steps in words."""

    name: str
    summary: str
    inputs: dict[str, str]
    steps: list[str]

    def text(self, given: dict[str, str]) -> str:
        """Tell somebody to carry it out."""
        inputs = [f"{name}: {given.get(name, 'ask for it')}" for name in self.inputs]
        lines = [f"{self.summary}, with the tools of this server, one after the other."]
        lines += [f"{number}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join([*lines, *inputs, "Stop at the first step that fails, and say why."])


@cache
def workflows() -> dict[str, Workflow]:
    """Read the workflows, inside an installed package, or beside it in a checkout."""
    inside = _PACKAGE / _NAME
    file = inside if inside.exists() else _PACKAGE.parent / "docs" / _NAME
    document = parse_yaml(file.read_bytes())
    return {one["workflowId"]: _workflow(document, one) for one in document["workflows"]}


def _workflow(document: dict[str, Any], one: dict[str, Any]) -> Workflow:
    inputs = one.get("inputs", {})
    if reference := inputs.get("$ref"):
        inputs = document["components"]["inputs"][reference.rpartition("/")[2]]
    asked = {
        name: declared.get("description", name)
        for name, declared in inputs.get("properties", {}).items()
        if name not in _OF_CALLERS
    }
    return Workflow(
        one["workflowId"], one["summary"], asked, [_step(each) for each in one["steps"]]
    )


def _step(step: dict[str, Any]) -> str:
    told = f"{step['operationId']} ({step['stepId']}): {step['description']}"
    given: dict[str, Any] = {
        parameter["name"]: parameter["value"]
        for parameter in step.get("parameters", [])
        if "name" in parameter and parameter["name"].lower() != "authorization"
    }
    payload = step.get("requestBody", {}).get("payload")
    if isinstance(payload, dict):
        given |= payload
    if given:
        told += f" Arguments: {orjson.dumps(given).decode()}"
    return told
