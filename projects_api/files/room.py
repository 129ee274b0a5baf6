"""Disks without room: a fault that goes by, whoever tells of it."""

import errno
import os

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def lacks_room(error: BaseException) -> bool:
    """Tell of a fault whether a disk had no room, which it may have later.

    Libraries that are not written in Python tell the system's words, and no number.
    """
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return True
    return any(os.strerror(number) in str(error) for number in NO_ROOM)
