"""What is kept: one module per table, with the queries that concern that table."""

from projects_api.models import (
    api_key,
    artifact,
    blob,
    dataset,
    dataset_version,
    experiment,
    member,
    project,
    report,
    stored_answer,
    timeline,
    trained_model,
    user,
)

__all__ = [
    "api_key",
    "artifact",
    "blob",
    "dataset",
    "dataset_version",
    "experiment",
    "member",
    "project",
    "report",
    "stored_answer",
    "timeline",
    "trained_model",
    "user",
]
