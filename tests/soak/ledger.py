"""What a person was told is kept, and what a server shows of it: they must be the same."""

from dataclasses import dataclass, field

ENDED = {"succeeded", "failed", "cancelled"}


@dataclass
class Project:
    """One project: its last name, and what is in it."""

    name: str
    datasets: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the id of a data set, the SHA-256 of each version by its id."""
    reports: set[str] = field(default_factory=set)
    experiments: set[str] = field(default_factory=set)
    jobs: dict[str, str] = field(default_factory=dict)
    """The status of each job, where it is known."""


@dataclass
class Ledger:
    """All projects of one person, and those that are deleted."""

    projects: dict[str, Project] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


def differences(kept: Ledger, seen: Ledger) -> list[str]:
    """Say in plain words what is lost, altered, there twice, or did not come to its end."""
    found = _of_sets("project", set(kept.projects), set(seen.projects))
    found += [f"project {one} was deleted and is there" for one in kept.deleted - seen.deleted]
    for project_id in kept.projects.keys() & seen.projects.keys():
        place = f"project {project_id}: "
        found += [
            place + text
            for text in _of_project(kept.projects[project_id], seen.projects[project_id])
        ]
    return sorted(found)


def _of_project(kept: Project, seen: Project) -> list[str]:
    found = []
    if kept.name != seen.name:
        found.append(f"its name is {seen.name!r}, and the last one told was {kept.name!r}")
    found += _of_sets("report", kept.reports, seen.reports)
    found += _of_sets("experiment", kept.experiments, seen.experiments)
    found += _of_sets("data set", set(kept.datasets), set(seen.datasets))
    for dataset_id in kept.datasets.keys() & seen.datasets.keys():
        told, shown = kept.datasets[dataset_id], seen.datasets[dataset_id]
        found += _of_sets(f"version of data set {dataset_id}", set(told), set(shown))
        altered = [one for one in told.keys() & shown.keys() if told[one] != shown[one]]
        found += [f"version {one} has other bytes than were sent" for one in altered]
    found += _of_sets("job", set(kept.jobs), set(seen.jobs))
    open_jobs = {one: status for one, status in seen.jobs.items() if status not in ENDED}
    return found + [f"job {one} is still {status}" for one, status in open_jobs.items()]


def _of_sets(what: str, kept: set[str], seen: set[str]) -> list[str]:
    lost = [f"{what} {one} is lost" for one in kept - seen]
    return lost + [f"{what} {one} is there, and nobody was told so" for one in seen - kept]
