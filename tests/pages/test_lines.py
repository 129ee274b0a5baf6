"""Pages are read in terminals and in diffs, too."""

import pytest

from tests.pages.markdown import pages, text_of

MOST = 120
WRITTEN_BY_TOOLS = {"docs/operations.md", "docs/benchmarks/README.md", "docs/quality.md"}


@pytest.mark.parametrize("page", sorted({*pages()} - WRITTEN_BY_TOOLS))
def test_no_line_is_too_long(page):
    """Blocks of code and rows of tables are as long as they are."""
    lines = [line for line in text_of(page).splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > MOST] == []
