"""Executors: where the calls that trials are made of are worked on.

A trial is a generator that yields a step, which is some calls that may run at once, and is sent
their results. Calls name plain functions with plain arguments, so that an executor may also send
them to other machines, where those have the shared rows and send the model's file back.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from projects_api.engines.flaml.fitting import Clock, interruptible
from projects_api.engines.flaml.shared import Shared


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a module, called with what is shared, the arguments, and its seconds."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def run(self, shared: Shared, seconds: float) -> Any:
        """Work on it in this process."""
        return self.function(shared, *self.arguments, seconds)


class Budget:
    """The seconds of one trial: of its calls together, however many of them run at once."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        """Take the seconds; `clock` is that of the training, beyond which there are none."""
        self._seconds = seconds
        self._promised = 0.0
        self._clock = clock

    def promise(self, calls: int) -> float:
        """Give one of so many calls its part of what is left; below 0 when that is nothing."""
        promised = min(self._seconds - self._promised, self._clock.left()) / calls
        self._promised += promised
        return promised

    def settle(self, promised: float, taken: float) -> None:
        """Take back what was promised to a call that has ended, less what it has taken."""
        self._promised -= promised
        self._seconds -= taken


@dataclass(frozen=True, slots=True)
class Step:
    """Calls that may run at once; so many more follow, which want their part of the budget."""

    calls: list[Call]
    budget: Budget
    more: int = 0


Trial = Generator[Step, list[Any], Any]


@dataclass(slots=True, eq=False)
class Running:
    """A trial on its way; `outcome` is what it returned or raised."""

    trial: Trial
    outcome: Future[Any] = field(default_factory=Future)
    _step: Step | None = None
    _next: int = 0
    _results: dict[int, Any] = field(default_factory=dict)
    _errors: dict[int, Exception] = field(default_factory=dict)

    def begin(self) -> None:
        """Go to the first step."""
        self._resume(lambda: next(self.trial))

    def next_call(self) -> "Assigned | None":
        """Give the next call of the step; None while there is none."""
        step = self._step
        if step is None or self._errors or self._next == len(step.calls):
            return None
        number, self._next = self._next, self._next + 1
        seconds = step.budget.promise(len(step.calls) - number + step.more)
        return Assigned(self, number, step.calls[number], seconds)

    def take(self, number: int, result: Any, error: Exception | None) -> None:
        """Take what became of a call; of several that failed the first one tells why."""
        if error:
            self._errors[number] = error
        else:
            self._results[number] = result
        if len(self._results) + len(self._errors) < self._next:
            return
        if self._errors:
            self.give_up(self._errors[min(self._errors)])
        elif self._step and self._next == len(self._step.calls):
            results = [self._results[place] for place in range(self._next)]
            self._resume(lambda: self.trial.send(results))

    def give_up(self, error: Exception) -> None:
        """Have the trial hear of an error."""
        self._resume(lambda: self.trial.throw(error))

    def settle(self, promised: float, taken: float) -> None:
        """Say how long a call has taken."""
        if self._step:
            self._step.budget.settle(promised, taken)

    def _resume(self, go_on: Callable[[], Step]) -> None:
        self._step, self._next, self._results, self._errors = None, 0, {}, {}
        try:
            self._step = go_on()
        except StopIteration as end:
            self.outcome.set_result(end.value)
        except Exception as error:  # noqa: BLE001 - raised where the outcome is asked for
            self.outcome.set_exception(error)


@dataclass(slots=True, eq=False)
class Assigned:
    """A call of a trial, and the seconds that it may take."""

    running: Running
    number: int
    call: Call
    seconds: float
    attempts: int = 0

    def end(self, taken: float, result: Any = None, error: Exception | None = None) -> None:
        """Have the trial take what became of it."""
        self.running.settle(self.seconds, taken)
        self.running.take(self.number, result, error)


class Control(Protocol):
    """Whoever knows when a training is over."""

    def is_over(self) -> bool:
        """Return whether no other trial is to begin."""

    def has_models(self) -> bool:
        """Return whether it may end early."""

    def is_to_stop(self) -> bool:
        """Return whether it is to end early, where it has models."""


class Executor(Protocol):
    """Works on trials."""

    def run(self, trials: Iterable[Trial], control: Control) -> Iterator[Future[Any]]:
        """Give the outcome of each trial in their order, whichever ends first.

        Those that have not begun when the training is over have none. A training that is to stop
        gives up those that run: their outcome is `Stopped`.
        """

    def close(self) -> None:
        """End all that works."""


class Inline:
    """One call at a time, in this process; a trial begins when the one before has ended."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def run(self, trials: Iterable[Trial], control: Control) -> Iterator[Future[Any]]:
        """Do as an `Executor` does."""
        for trial in trials:
            if control.is_over():
                return
            running = Running(trial)
            running.begin()
            while assigned := running.next_call():
                self._work(assigned, control)
            yield running.outcome

    def _work(self, assigned: Assigned, control: Control) -> None:
        clock = Clock(0)
        context: AbstractContextManager[None] = nullcontext()
        if control.has_models():
            context = interruptible(control.is_to_stop)
        try:
            with context:
                result = assigned.call.run(self._shared, assigned.seconds)
        except Exception as error:  # noqa: BLE001 - raised where the outcome is asked for
            assigned.end(clock.spent(), error=error)
        else:
            assigned.end(clock.spent(), result)

    def close(self) -> None:
        """There is nothing to end."""
