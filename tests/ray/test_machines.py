"""Which places a training has on other nodes, by the settings."""

import pytest

from projects_api.jobs.ray.machines import Machines
from projects_api.settings import Settings


@pytest.mark.parametrize(
    ("engine", "training", "job", "places"),
    [
        ("ray", 8, 1, 7),
        ("ray", 8, 2.5, 6),
        ("ray", 2, 0.5, 1),
        ("ray", 64, 1, 63),
        ("ray", 1, 1, None),
        ("ray", 2, 2, None),
        ("ray", 2, 4, None),
        ("local", 8, 1, None),
    ],
)
def test_places_are_what_the_job_has_not_already(engine, training, job, places):
    settings = Settings(_env_file=None).model_copy(
        update={"job_engine": engine, "ray_training_cpus": training, "ray_job_cpus": job}
    )
    found = Machines.of(settings)
    assert (found and found.places) == places


def test_before_the_first_call_there_is_nobody_to_ask():
    with pytest.raises(ConnectionError):
        Machines("auto", 3).connect()
    Machines("auto", 3).close()
