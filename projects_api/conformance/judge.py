"""The judge: finds the operation of an exchange, and asks what the contract says of it."""

from collections.abc import Mapping
from typing import Any

from projects_api.conformance.exchange import Exchange
from projects_api.conformance.requests import RequestJudge
from projects_api.conformance.responses import ResponseJudge
from projects_api.conformance.verdict import REQUEST, RESPONSE, Fault, Verdict, each_once
from projects_api.contract.connexion_seams import CheckedSpecification
from projects_api.contract.routing import Paths
from projects_api.contract.support import METHODS, check_supported

MOST_FAULTS = 20
"""Faults of each side of an exchange that are told; what is wrong everywhere is told so."""


class Judge:
    """Every operation of a contract, compiled."""

    def __init__(self, contract: dict[str, Any]) -> None:
        """Compile a contract; raises ValueError where it is none, or has what is not enforced."""
        specification = CheckedSpecification(contract)
        check_supported(contract)
        self._paths = Paths()
        self._paths.add(specification)
        self._judges = {
            operation["operationId"]: self._compile(specification, item, operation)
            for item in specification["paths"].values()
            for method, operation in item.items()
            if method in METHODS
        }

    @property
    def operations(self) -> list[str]:
        """The ids of all operations, in the order of the contract."""
        return list(self._judges)

    def knows(self, exchange: Exchange) -> bool:
        """Return whether the contract has the path of a request."""
        return self._paths.match(exchange.scope())[0] is not None

    async def judge(self, exchange: Exchange) -> Verdict:
        """Judge an exchange."""
        methods, parameters = self._paths.match(exchange.scope())
        operation = methods.get(exchange.method) if methods else None
        verdict = Verdict(operation, exchange.method, exchange.target, exchange.status)
        if operation is None:
            verdict.faults += _faults_of_nobody(exchange, methods)
            return verdict
        requests, responses = self._judges[operation]
        verdict.faults += (await requests.faults(exchange, parameters))[:MOST_FAULTS]
        if exchange.body.unknown:
            verdict.not_judged.append(f"the body of the request {exchange.body.unknown}")
        if exchange.failure:
            verdict.faults.append(Fault(RESPONSE, "connection", "", exchange.failure))
        else:
            responses.add_faults(exchange, verdict)
        verdict.faults = each_once(verdict.faults)
        return verdict

    @staticmethod
    def _compile(
        specification: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> tuple[RequestJudge, ResponseJudge]:
        own = operation.get("parameters", [])
        named = {(one["in"], one["name"]) for one in own}
        shared = [
            one for one in item.get("parameters", []) if (one["in"], one["name"]) not in named
        ]
        security = operation.get("security", specification.get("security", []))
        whole = {**operation, "security": security if {} not in security else []}
        return RequestJudge(whole, [*shared, *own]), ResponseJudge(operation["responses"])


def _faults_of_nobody(exchange: Exchange, methods: Mapping[str, str] | None) -> list[Fault]:
    """Tell of what no operation is; OPTIONS is HTTP's own, wherever there is something."""
    if methods is None:
        return [Fault(REQUEST, "path", "", "no operation has this path")]
    if exchange.method == "OPTIONS":
        return []
    message = f"this path takes {', '.join(methods)}"
    return [Fault(REQUEST, "method", "", message)]
