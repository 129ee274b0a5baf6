"""The shortest run that shows Ray at work, which the gate makes: `make test-ray-short`.

No bound of time is tested, for other work may be beside it. Where the library of Ray is not
installed, it is skipped.
"""

from importlib.util import find_spec

import pytest

if find_spec("ray") is None:
    pytest.skip("Ray is not installed: `make test-ray` installs it", allow_module_level=True)

from tests.ray.cluster import Site
from tests.ray.trainings import Trainings
from tests.support.processes import wait_until

NODES = 2
LEASE_SECONDS = 10


def test_a_training_whose_node_is_killed_is_done_on_the_other(trainings: Trainings, site: Site):
    asked = trainings.start(1)
    (job_id,) = asked
    assert site.lose_node_amid(asked) == job_id
    wait_until(lambda: trainings.count_ended(asked), "the training ends")
    trainings.assert_done_once(asked)
    assert site.server.job(job_id)["attempts"] > 1
