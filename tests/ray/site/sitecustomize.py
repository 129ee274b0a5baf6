"""Every Python with this folder on its path knows the kind of job of the tests."""

from projects_api.jobs import KINDS

KINDS["test"] = "tests.support.job_kinds"
