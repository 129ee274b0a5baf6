"""The statuses in which a job has ended: two places keep them, to import no database for it."""

from projects_api.agents import calls
from projects_api.cli import watching
from projects_api.models import job


def test_all_places_know_the_same():
    assert set(job.FINAL) == calls._ENDED == watching._OVER
    assert {*job.OPEN, *job.FINAL} == set(job.STATUSES)
