"""What of the contract was exercised, for people and for CI: as text, HTML and JUnit's XML."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html import escape
from xml.etree import ElementTree as ET

from projects_api.ephemeral.coverage import KINDS, Coverage, declared_operations

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;"
    "padding:.3rem .5rem;text-align:left;vertical-align:top}code{font-size:90%}"
    ".missing{color:#8a1c1c}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of things that an operation declares: those exercised, and those not."""

    operation: str
    kind: str
    covered: list[str]
    missing: list[str]


class Report:
    """Coverage compared with the contract, of the kinds that count."""

    def __init__(self, coverage: Coverage, kinds: Collection[str] = KINDS) -> None:
        self._coverage = coverage
        self.rows = [row for row in _rows(coverage) if row.kind in kinds]

    def count(self, kind: str | None = None) -> tuple[int, int]:
        """Return how many were exercised, and how many there are, of a kind or of all."""
        rows = [row for row in self.rows if kind in {None, row.kind}]
        covered = sum(len(row.covered) for row in rows)
        return covered, covered + sum(len(row.missing) for row in rows)

    @property
    def percent(self) -> float:
        """How much was exercised of all that counts."""
        covered, declared = self.count()
        return 100 * covered / declared if declared else 100.0

    def text(self) -> str:
        """Write a line for each kind, and what is missing of each operation that was called."""
        lines = []
        for kind in KINDS:
            covered, declared = self.count(kind)
            if declared:
                lines.append(f"{kind:<11}{covered:>5} of {declared:>5} {_share(covered, declared)}")
        lines.append(f"{'all':<11}{'':>14} {self.percent:6.1f} %")
        calls = {name: self._coverage.of(name).calls for name in declared_operations()}
        unused = [name for name, count in calls.items() if not count]
        if unused:
            lines += ["", f"not called: {', '.join(unused)}"]
        for row in self.rows:
            if calls[row.operation] and row.missing:
                lines.append(f"{row.operation}, {row.kind} missing: {', '.join(row.missing)}")
        return "\n".join(lines)

    def html(self) -> str:
        """Write one page that needs nothing beside it."""
        body = "".join(
            f"<tr><td><code>{escape(row.operation)}</code></td><td>{row.kind}</td>"
            f"<td>{len(row.covered)} of {len(row.covered) + len(row.missing)}</td>"
            f"<td class=missing>{escape(', '.join(row.missing))}</td></tr>\n"
            for row in self.rows
        )
        return (
            "<!doctype html>\n<html lang=en><meta charset=utf-8><title>Coverage of the contract"
            f"</title><style>{_STYLE}</style>\n<h1>Coverage of the contract: {self.percent:.1f} %"
            f"</h1>\n<pre>{escape(self.text().partition(chr(10) * 2)[0])}</pre>\n"
            "<table><thead><tr><th>operation<th>kind<th>exercised<th>missing</thead>\n"
            f"<tbody>\n{body}</tbody></table></html>\n"
        )

    def junit(self, limit: float) -> str:
        """Write a test case for each thing that is declared; what is missing is skipped.

        One case more says whether the limit, in percent, is met.
        """
        suites = ET.Element("testsuites", name="contract")
        for name in declared_operations():
            cases = [
                (row.kind, each, each in row.covered)
                for row in self.rows
                if row.operation == name
                for each in [*row.covered, *row.missing]
            ]
            _suite(suites, name, cases)
        total = ET.SubElement(suites, "testsuite", name="limit", tests="1")
        case = ET.SubElement(total, "testcase", classname="limit", name=f"at least {limit:g} %")
        is_met = self.percent >= limit
        total.set("failures", str(int(not is_met)))
        if not is_met:
            ET.SubElement(case, "failure", message=f"{self.percent:.1f} % were exercised")
        return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _suite(suites: ET.Element, name: str, cases: list[tuple[str, str, bool]]) -> None:
    skipped = sum(not is_covered for _, _, is_covered in cases)
    about = {"name": name, "tests": str(len(cases)), "skipped": str(skipped), "failures": "0"}
    suite = ET.SubElement(suites, "testsuite", about)
    for kind, each, is_covered in cases:
        case = ET.SubElement(suite, "testcase", classname=f"{name}.{kind}", name=each)
        if not is_covered:
            ET.SubElement(case, "skipped", message="not exercised")


def _rows(coverage: Coverage) -> Iterator[Row]:
    for name, declared in declared_operations().items():
        recorded = coverage.of(name)
        called = [name] if recorded.calls else []
        yield Row(name, "operations", called, [] if called else [name])
        for kind, names in declared.names.items():
            found = set(recorded.statuses) if kind == "statuses" else recorded.names[kind]
            if names:
                yield Row(name, kind, sorted(names & found), sorted(names - found))


def _share(covered: int, declared: int) -> str:
    return f"{100 * covered / declared:6.1f} %"
