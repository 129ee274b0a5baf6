"""A prediction process that dies of whatever it is asked."""

import ctypes

from projects_api.server.child_process import serve_copies
from projects_api.server.predictions.process import LIMITS

if __name__ == "__main__":
    serve_copies(lambda: lambda _task: {"text": ctypes.string_at(0)}, LIMITS)
