"""A kind of job that takes long to load."""

from tests.server.job_kinds import end, run

__all__ = ["SLOW_IMPORTS", "end", "run"]

MODULE = "tests.server.slow_kind"
SLOW_IMPORTS = ("tests.server.sleeping",)
