"""Traces: temporary files and folders that tell by a lock whether the process that made them lives.

The system gives a lock back when its process ends, however it does. So what a killed process left
behind can be told from what is in use, and be removed at once.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def hold(path: Path, descriptor: int) -> bool:
    """Keep what was just made from removal until the descriptor is closed.

    Return whether it is there: somebody may have removed it first, and another must be made.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # A file system without locks: nothing is ever removed there.
    return _is_at(path, descriptor)


@contextmanager
def held_folder(root: Path, prefix: str) -> Iterator[Path]:
    """Make a folder, kept from removal by others while a block runs, and gone when it ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            if hold(folder, lock):
                break
            os.close(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(folder: Path, pattern: str) -> int:
    """Remove what dead processes of this user left in a folder; return how many there were."""
    return sum(_remove_if_abandoned(path) for path in folder.glob(pattern))


def _remove_if_abandoned(path: Path) -> bool:
    with suppress(OSError):  # It is gone, in use, or of somebody else's.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_uid != os.getuid() or not _is_at(path, descriptor):
                return False
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        finally:
            os.close(descriptor)
        return True
    return False


def _is_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
