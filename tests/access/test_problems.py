"""Problems keep their type and their status: programs go by them, from release to release."""

import inspect

import pytest

from projects_api.access import problems as of_access
from projects_api.contract import problems as of_contract
from projects_api.contract.problems import Problem
from projects_api.openapi import contract

STATUSES = {
    400: {"malformed-body", "not-json"},
    401: {"unauthenticated"},
    403: {"insufficient-role", "insufficient-scope", "not-for-service-accounts"},
    404: {
        *("dataset-not-found", "dataset-version-not-found", "delivery-not-found"),
        *("deployment-not-found", "experiment-not-found", "job-not-found", "key-not-found"),
        *("member-not-found", "model-not-found", "not-found", "person-not-found"),
        *("project-not-found", "report-not-found", "user-not-registered", "webhook-not-found"),
        *("service-account-not-found", "team-not-found", "team-person-not-found"),
    },
    405: {"method-not-allowed"},
    409: {
        *("address-taken", "deployment-inactive", "engine-unavailable", "experiment-not-running"),
        *("job-ended", "key-outlives", "last-owner", "model-deployed", "model-unusable"),
        *("no-model-yet", "nothing-to-roll-back", "own-account", "report-not-ready"),
        *("request-running", "too-many-keys", "too-many-webhooks"),
        *("last-maintainer", "member-through-team", "team-full", "too-many-project-teams"),
        *("too-many-service-accounts", "too-many-team-projects", "too-many-teams"),
        *("owner-deactivated", "person-deactivated", "quota-of-owner"),
    },
    412: {"condition-unmet", "precondition-failed"},
    413: {"compression-ratio-exceeded", "quota-exceeded", "too-large"},
    415: {"unsupported-media-type"},
    422: {
        *("address-refused", "config-refused", "contract-violation", "expiry-refused"),
        *("idempotency-key-reused", "inputs-refused", "not-a-table", "not-an-export"),
        "unknown-column",
    },
    429: {"rate-limited", "too-many-at-once", "too-many-jobs"},
    500: {"internal-error"},
    501: {"method-not-implemented"},
    503: {"too-many-large-bodies", "unavailable"},
}


def known() -> list[type[Problem]]:
    return [
        one
        for module in (of_access, of_contract)
        for _, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, Problem)
        and one.__module__.startswith(module.__name__)
        and hasattr(one, "slug")
    ]


def test_each_type_has_its_status():
    found: dict[int, set[str]] = {}
    for one in known():
        found.setdefault(one.status, set()).add(one.slug)
    assert found == STATUSES


@pytest.mark.parametrize("slug", sorted({one.slug for one in known()}))
def test_the_contract_names_each_type(slug):
    described = contract()["components"]["schemas"]["Problem"]["properties"]["type"]["description"]
    assert f"`{slug}`" in described
