"""Rendering: reports as documents for people, HTML and PDF, from plain facts.

A library of its own: no database, no server. `render` loads a plotting library and a PDF library,
so it belongs into a child process; the rest of the project imports this package's name only.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECTIONS = (
    "data",
    "experiments",
    "leaderboard",
    "performance",
    "explanation",
    "configuration",
    "deployments",
)
"""What a report can have after its summary; each kind has those that make sense for it."""


def render(facts: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Write a report into `folder`; return its files by media type, HTML and PDF.

    `facts` has `kind`, `title`, `sections` (null for all), `created_at`, the `project`, and lists
    of rows as the tables have them: `datasets`, `experiments`, `models` in the order of their
    leaderboards, and `deployments`. A data set may have a `profile`, its columns as the API shows
    them. For a project, `detailed` are the experiments that it goes into; otherwise there is one
    experiment, and `model_id` tells which of its models the report is about, null for the best. For
    a deployment there is `drift`, as `engines.monitoring.drift.measure` gives it, with its
    thresholds and the `spreads` of some inputs: their bins. What is null in a row is left out. The
    same facts give the same bytes.
    """
    from projects_api.rendering.contents import compose  # noqa: PLC0415 - loads what is slow
    from projects_api.rendering.html import write_html  # noqa: PLC0415 - same
    from projects_api.rendering.pdf import write_pdf  # noqa: PLC0415 - same

    document = compose(facts)
    return {
        "text/html": write_html(document, folder / "report.html"),
        "application/pdf": write_pdf(document, folder / "report.pdf"),
    }
