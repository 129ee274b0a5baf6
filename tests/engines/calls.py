"""Calls as trials are made of, which processes of a pool find by their names."""

import os
import time
from pathlib import Path


class Unsendable(Exception):
    """An error that cannot be made anew of what it says."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def echo(_shared, value, _seconds):
    return value


def told_seconds(_shared, seconds):
    return seconds


def pid(_shared, _seconds):
    return os.getpid()


def environment(_shared, name, _seconds):
    return os.environ.get(name)


def make_file(_shared, path, _seconds):
    Path(path).touch()


def wait_for_file(_shared, path, _seconds):
    while not Path(path).exists():
        time.sleep(0.01)


def die_once(_shared, path, _seconds):
    if not Path(path).exists():
        Path(path).touch()
        os._exit(9)
    return "done"


def die(_shared, _seconds):
    os._exit(9)


def run_out_of_memory(_shared, _seconds):
    raise MemoryError


def fail(_shared, text, _seconds):
    raise ValueError(text)


def fail_after(_shared, path, text, _seconds):
    wait_for_file(_shared, path, _seconds)
    raise ValueError(text)


def fail_at_once(_shared, path, text, _seconds):
    Path(path).touch()
    raise ValueError(text)


def fail_unsendably(_shared, _seconds):
    raise Unsendable("this", "that")
