"""A prediction process that dies of whatever it is asked."""

import ctypes

from projects_api.predictions.process import LIMITS
from projects_api.processes.child import serve_copies

if __name__ == "__main__":
    serve_copies(lambda: lambda _task: {"text": ctypes.string_at(0)}, LIMITS)
