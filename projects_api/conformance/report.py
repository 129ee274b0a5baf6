"""What was found in all exchanges: counts, a summary, and JUnit's XML."""

import re
from collections import Counter
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from projects_api.conformance.verdict import Verdict

MOST_LINES = 100
"""Violations of an operation that a report quotes; all are counted, and all are printed."""
ELSEWHERE = "no operation"
_NOT_IN_XML = re.compile("[^\\t\\n\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


class Report:
    """The verdicts about a run, by operation."""

    def __init__(self, operations: Iterable[str]) -> None:
        self._operations = [*operations, ELSEWHERE]
        self._calls: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._lines: dict[str, list[str]] = {}
        self._not_judged: Counter[str] = Counter()

    def add(self, verdict: Verdict) -> None:
        """Count a verdict."""
        name = verdict.operation or ELSEWHERE
        self._calls[name] += 1
        self._faults[name] += len(verdict.faults)
        kept = self._lines.setdefault(name, [])
        kept += verdict.lines()[: MOST_LINES - len(kept)]
        self._not_judged.update(verdict.not_judged)

    @property
    def violations(self) -> int:
        """How many there are."""
        return self._faults.total()

    def summary(self) -> str:
        """Write some lines for people."""
        called = len([name for name in self._operations[:-1] if self._calls[name]])
        of_all = f"{called} of {len(self._operations) - 1} operations"
        lines = [f"{self._calls.total()} exchanges, {of_all}, {self.violations} violations"]
        lines += [f"not judged: {what} ({count})" for what, count in self._not_judged.items()]
        return "\n".join(lines)

    def junit(self) -> str:
        """Write a test case for each operation; one that was not called is skipped."""
        failed = [name for name in self._operations if self._faults[name]]
        skipped = [name for name in self._operations if not self._calls[name]]
        suite = ET.Element(
            "testsuite",
            name="conformance",
            tests=str(len(self._operations)),
            failures=str(len(failed)),
            skipped=str(len(skipped)),
            errors="0",
        )
        for name in self._operations:
            case = ET.SubElement(suite, "testcase", classname="conformance", name=name)
            if name in skipped:
                ET.SubElement(case, "skipped", message="was not called")
            elif name in failed:
                count, lines = self._faults[name], self._lines[name]
                failure = ET.SubElement(case, "failure", message=f"{count} violations")
                more = [f"and {count - len(lines)} more"] if count > len(lines) else []
                failure.text = _writable("\n".join([*lines, *more]))
        suites = ET.Element("testsuites", name="conformance")
        suites.append(suite)
        return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _writable(text: str) -> str:
    """Replace what XML has no way to write."""
    return _NOT_IN_XML.sub("?", text)
