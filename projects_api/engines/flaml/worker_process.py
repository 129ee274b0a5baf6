"""A process that works on calls of trials: `python -m …worker_process FILE FOLDER`.

Its standard input is a socket to the process pool. It ends when its parent does.
"""

import ctypes
import os
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from projects_api.engines.flaml.executor import Call
from projects_api.engines.flaml.fitting import Clock
from projects_api.engines.flaml.shared import Shared, mapped, tamed_libraries

PR_SET_PDEATHSIG = 1


def main() -> NoReturn:
    """Answer calls until the parent has none any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a keyboard: the parent ends all
    parent = Connection(os.dup(0))
    with tamed_libraries():
        shared = mapped(Path(sys.argv[1]), Path(sys.argv[2]))
        parent.send(None)  # ready
        while True:
            try:
                call, seconds = parent.recv()
                parent.send(_answer(call, shared, seconds))
            except (EOFError, OSError):
                os._exit(0)


def _answer(call: Call, shared: Shared, seconds: float) -> tuple[float, Any, Exception | None]:
    """Work on a call; give its seconds, what it returned and what it raised."""
    clock = Clock(0)
    try:
        result = call.run(shared, seconds)
        return clock.spent(), result, None
    except MemoryError:
        os._exit(1)  # What there is left is not enough to go on with.
    except Exception as error:  # noqa: BLE001 - raised where the outcome is asked for
        return clock.spent(), None, _sendable(error)


def _sendable(error: Exception) -> Exception:
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever an error's class makes of it
        return RuntimeError(*error.__notes__)
    return error


if __name__ == "__main__":
    main()
