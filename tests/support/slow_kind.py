"""A kind of job that takes long to load."""

from tests.support.job_kinds import end, run

__all__ = ["SLOW_IMPORTS", "end", "run"]

MODULE = "tests.support.slow_kind"
SLOW_IMPORTS = ("tests.support.slow_import",)
