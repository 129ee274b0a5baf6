"""What the attacks need of a running installation, as the tests of the server have it."""

from tests.server.conftest import deployment, kinds, local, start, work, workers

__all__ = ["deployment", "kinds", "local", "start", "work", "workers"]
