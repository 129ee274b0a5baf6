"""Moments and ids that are the same in every run, for recordings and exact expectations."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import datetime, timedelta
from itertools import count
from typing import Self
from uuid import UUID

from projects_api.models.base import origin

STEP = timedelta(seconds=1)


class RepeatableOrigin:
    """A clock that stands still until it is moved on, and ids that follow from it and a count."""

    def __init__(self, moment: datetime, first: int = 0) -> None:
        """Begin at an aware moment, and count ids from `first`, which has at most 62 bits."""
        self._before = origin.moment, origin.identifier
        self._moment = moment
        self._numbers = count(first)

    def start_at(self, moment: datetime, first: int = 0) -> None:
        """Begin anew at an aware moment, and count ids from `first`."""
        self._moment = moment
        self._numbers = count(first)

    def position(self) -> tuple[datetime, int]:
        """Tell where the clock stands, and the number of the next id."""
        return self._moment, next(copy(self._numbers))

    def advance(self) -> None:
        """Move the clock on by a second."""
        self._moment += STEP

    def moment(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self._moment

    def identifier(self) -> str:
        """Make the next id: a UUID of version 7 whose random bits are the count."""
        milliseconds = int(self._moment.timestamp() * 1000)
        return str(UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | next(self._numbers)))

    def take_over(self) -> None:
        """Give the whole process these moments and ids."""
        origin.moment, origin.identifier = self.moment, self.identifier
        origin.is_repeatable = True

    def give_back(self) -> None:
        """Give the process the moments and ids that it had before."""
        origin.moment, origin.identifier = self._before
        origin.is_repeatable = False

    @contextmanager
    def in_charge(self) -> Iterator[Self]:
        """Take over while a block runs."""
        self.take_over()
        try:
            yield self
        finally:
            self.give_back()
