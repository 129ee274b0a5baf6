"""A prediction process that dies of whatever it is asked."""

import os
import signal

from projects_api.server.child_process import serve
from projects_api.server.predictions.process import LIMITS

if __name__ == "__main__":
    serve(lambda _task: os.kill(os.getpid(), signal.SIGSEGV), LIMITS)
