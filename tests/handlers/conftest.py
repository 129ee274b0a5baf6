"""What the tests of operations share."""

import pytest


def assert_problem(answer, status: int, slug: str, detail: str = "") -> dict:
    """Check a whole problem document, and give it for what a test wants to know beyond."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["type"] == f"urn:projects-api:problem:{slug}"
    assert document["status"] == status
    assert document["title"]
    assert isinstance(document["detail"], str)
    assert detail in document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


@pytest.fixture
def problem():
    return assert_problem


@pytest.fixture
def owner(server):
    return server.person("Alice Chen")


@pytest.fixture
def other(server):
    return server.person("Bob Smith")


@pytest.fixture
def project_id(owner):
    return owner.create_project("Fraud Detection v2", "Credit card fraud classification")
