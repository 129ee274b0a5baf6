"""Executors: what is made is the same wherever it is worked on, and nothing outlives a training."""

import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.impute import SimpleImputer

from projects_api import engines
from projects_api.engines import Task, TrainingConfig
from projects_api.engines.flaml import executors
from projects_api.engines.flaml.executor import Budget, Call, Inline, Step
from projects_api.engines.flaml.executors import Executors
from projects_api.engines.flaml.fitting import Clock, OutOfTime, Stopped
from projects_api.engines.flaml.process_pool import ProcessLost, ProcessPool
from projects_api.engines.flaml.shared import Shared, mapped
from projects_api.engines.training_data import Fold, TrainingData
from tests.support.processes import wait_until

from . import calls, tables
from .conftest import Recorder

ROOT = Path(__file__).parents[2]
HOUR = 3600.0


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Let processes find `calls`."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def shared(folder) -> Shared:
    return Shared(training_data(), "binary", folder, "auc", {}, seed=1)


def training_data():
    """Make rows of which a fold has half, and what prepares them, with an array of its own."""
    values = np.arange(40.0).reshape(20, 2)
    half = np.arange(10)
    return TrainingData(
        preparation=SimpleImputer().fit(values), names=["a", "b"], made_of=np.arange(2),
        labels=["no", "yes"], values=values, target=half.repeat(2) % 2, weights=None,
        row_weights=None, held_out=values, held_out_target=np.zeros(20), held_out_weights=None,
        folds=[Fold(half, half + 10, values[:10], values[10:])], positive=1, threshold_metric="f1",
    )  # fmt: skip


def control(**said):
    said = {"is_over": False, "has_models": False, "is_to_stop": False, **said}
    answers = {
        name: value if callable(value) else lambda v=value: v for name, value in said.items()
    }
    return SimpleNamespace(**answers)


def trial(*steps, seconds=HOUR):
    """Make a trial of steps, each of some calls; it gives the results of all."""
    found, budget = [], Budget(seconds, Clock(1e9))
    for step in steps:
        found += yield Step([Call(function, tuple(given)) for function, *given in step], budget)
    return found


def one(*call):
    return trial([call])


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        with closing(ProcessPool(shared(tmp_path_factory.mktemp("pool")), 3)) as pool:
            yield pool


@pytest.fixture(params=["inline", "pool"])
def executor(request, tmp_path):
    return request.getfixturevalue("pool") if request.param == "pool" else Inline(shared(tmp_path))


class TestBoth:
    def test_steps_are_sent_the_results_in_their_order(self, executor):
        steps = [[(calls.echo, "a"), (calls.echo, "b")], [(calls.echo, "c")]]
        outcomes = executor.run([trial(*steps), trial(*steps[1:])], control())
        assert [outcome.result() for outcome in outcomes] == [["a", "b", "c"], ["c"]]

    def test_a_trial_of_no_calls_has_its_outcome(self, executor):
        outcomes = executor.run([trial(), one(calls.echo, 1), trial()], control())
        assert [outcome.result() for outcome in outcomes] == [[], [1], []]

    def test_the_first_call_that_failed_tells_why(self, executor, tmp_path):
        """In processes the second one fails before the first, which waits for it."""
        first, second = str(tmp_path / "first"), str(tmp_path / "second")
        if isinstance(executor, Inline):
            Path(second).touch()
        step = [(calls.fail_after, second, "1"), (calls.fail_at_once, second, "2")]
        (outcome,) = executor.run([trial(step, [(calls.make_file, first)])], control())
        with pytest.raises(ValueError, match=r"^1(\n|$)"):
            outcome.result()
        assert not Path(first).exists()

    def test_what_fails_fails_alone(self, executor):
        trials = [one(calls.fail, "no"), one(calls.echo, 2)]
        failed, made = executor.run(trials, control())
        assert isinstance(failed.exception(), ValueError)
        assert made.result() == [2]

    def test_no_trial_begins_when_the_training_is_over(self, executor):
        assert not list(executor.run([one(calls.echo, 1)], control(is_over=True)))

    def test_calls_share_the_seconds(self, executor):
        """At once each has its part; one by one those that follow have what one has left, too."""
        step = [(calls.told_seconds,)] * 3
        (outcome,) = executor.run([trial(step, seconds=6e6)], control())
        shares = [2e6, 3e6, 6e6] if isinstance(executor, Inline) else [2e6] * 3
        assert outcome.result() == pytest.approx(shares, rel=1e-3)


class TestPool:
    def test_outcomes_come_in_the_order_of_the_trials(self, pool, tmp_path):
        """The first ends last: it waits for what the third makes."""
        made = str(tmp_path / "made")
        trials = [one(calls.wait_for_file, made), one(calls.echo, 2), one(calls.make_file, made)]
        assert [each.result() for each in pool.run(trials, control())] == [[None], [2], [None]]

    def test_a_call_whose_process_ended_is_begun_once_more(self, pool, tmp_path):
        before = set(pool.pids)
        step = [(calls.die_once, str(tmp_path / "died")), (calls.echo, 2)]
        (outcome,) = pool.run([trial(step)], control())
        assert outcome.result() == ["done", 2]
        assert len(before - set(pool.pids)) == 1
        assert len(pool.pids) == 3

    @pytest.mark.parametrize("ends", [calls.die, calls.run_out_of_memory])
    def test_what_ends_two_processes_is_left_out(self, pool, ends):
        lost, made = pool.run([one(ends), one(calls.echo, 2)], control())
        with pytest.raises(ProcessLost, match="more memory"):
            lost.result()
        assert made.result() == [2]

    def test_an_error_says_where_it_came_from(self, pool):
        failed, odd = pool.run([one(calls.fail, "no"), one(calls.fail_unsendably)], control())
        assert "in fail\n" in failed.exception().__notes__[0]
        assert "this and that" in str(odd.exception())

    def test_a_training_that_is_to_stop_keeps_what_is_ready(self, pool, tmp_path):
        """The second trial would wait for ever; the third is ready and comes."""
        before, never = set(pool.pids), str(tmp_path / "never")
        trials = [one(calls.echo, 1), one(calls.wait_for_file, never), one(calls.echo, 3)]
        run = pool.run(trials, control(is_to_stop=lambda: done[0]))
        done = [False]
        assert next(run).result() == [1]
        third, done[0] = trials[2], True
        second, last = run
        assert isinstance(second.exception(), Stopped)
        assert third.gi_frame is None
        assert last.done()
        assert not any(lives(pid) for pid in before - set(pool.pids))

    def test_processes_are_of_the_job_and_have_their_threads(self, pool):
        """Who ends the job's session, and adds up its memory, finds them."""
        asked = [(calls.pid,), (calls.environment, "OMP_NUM_THREADS")]
        (outcome,) = pool.run([trial(asked)], control())
        pid, threads = outcome.result()
        assert (os.getsid(pid), os.getpgid(pid)) == (os.getsid(0), os.getpgid(0))
        assert threads == "1"


def test_a_call_that_nothing_ends_is_ended(tmp_path):
    with closing(ProcessPool(shared(tmp_path), 1, grace_seconds=0.1)) as pool:
        trials = [
            trial([(calls.wait_for_file, str(tmp_path / "never"))], seconds=0.1),
            trial([(calls.echo, 2)], seconds=600),
        ]
        late, made = pool.run(trials, control())
        assert isinstance(late.exception(), OutOfTime)
        assert made.result() == [2]


def test_rows_stay_in_the_file_and_what_prepares_them_does_not(tmp_path):
    """A model holds what prepares rows, and is refused where that has arrays of a file."""
    given = shared(tmp_path)
    given.write(tmp_path / "shared")
    found = mapped(tmp_path / "shared", tmp_path).data
    for had, has in ((given.data, found), (given.data.folds[0], found.folds[0])):
        for name in (one.name for one in fields(had)):
            if isinstance(array := getattr(had, name), np.ndarray):
                np.testing.assert_array_equal(getattr(has, name), array)
                assert type(getattr(has, name)) is np.ndarray
                assert isinstance(getattr(has, name).base, np.memmap)
    means = found.preparation.statistics_
    np.testing.assert_array_equal(means, given.data.preparation.statistics_)
    assert not isinstance(means, np.memmap)
    assert means.base is None


def test_a_closed_pool_leaves_nothing(tmp_path):
    pool = ProcessPool(shared(tmp_path), 2)
    pids = pool.pids
    assert all(map(lives, pids))
    pool.close()
    assert not any(map(lives, pids))
    assert not list(tmp_path.iterdir())


def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    program = f"""
import pathlib, time
from projects_api.engines.flaml.process_pool import ProcessPool
from tests.engines.test_executors import shared
pool = ProcessPool(shared(pathlib.Path({str(tmp_path)!r})), 2)
print(*pool.pids, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(map(lives, pids)), "the end of the processes")


def test_seconds_that_are_promised_are_promised_once():
    budget = Budget(60.0, Clock(HOUR))
    first, second = budget.promise(6), budget.promise(5)
    assert (first, second) == (10, 10)
    budget.settle(first, 2.0)
    assert budget.promise(4) == 12  # 60 less 2 that were taken and 10 that are promised


def test_no_budget_goes_beyond_the_training():
    assert Budget(60.0, SimpleNamespace(left=lambda: 12.0)).promise(4) == 3
    assert Budget(60.0, SimpleNamespace(left=lambda: -1.0)).promise(1) == -1


def rows(count, folds=()):
    values = np.zeros((count, 10))
    fold = SimpleNamespace(fitted_values=values, validated_values=values[:0])
    return SimpleNamespace(values=values, held_out=values[:0], folds=[fold for _ in folds])


class TestChoice:
    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch):
        """Eight processors, and pools that start nothing."""
        started = []

        class Pool(ProcessPool):
            def __init__(self, _shared, size, threads):
                started.append((size, threads))
                self._processes, self._remotes = [None] * size, []
                self.close = lambda: started.append("closed")

            def extend(self, _remote, count, needed, most):
                started.append((count, needed, most))

        monkeypatch.setattr(executors, "_processors", lambda: 8)
        monkeypatch.setattr(executors, "_with_threads", lambda shared: shared)
        monkeypatch.setattr(executors, "ProcessPool", Pool)
        return started

    def choose(self, data, *work, learners=5, memory=None, left=120.0, places=0):
        given = Shared(data, "binary", Path(), "auc", {}, seed=1)
        remote = SimpleNamespace(places=places) if places else None
        with Executors(given, learners, memory, remote) as found:
            return [(type(found.choose(one, left)).__name__, found.processors) for one in work]

    def test_a_large_table_has_all_processors_from_its_first_round(self, machine):
        assert self.choose(rows(10_000, "ab"), 0, 0) == [("Pool", 8), ("Pool", 8)]
        assert machine == [(8, 1), "closed"]

    def test_a_small_one_when_much_is_left(self, machine):
        seconds = (0, 19.9, 20.0)
        found = [("Inline", 1), ("Inline", 1), ("Pool", 8)]
        assert self.choose(rows(9_999, "ab"), *seconds) == found
        assert machine == [(8, 1), "closed"]

    def test_what_was_begun_is_kept(self):
        assert self.choose(rows(100, "ab"), 20.0, 5.0) == [("Pool", 8), ("Pool", 8)]

    def test_a_training_that_has_little_time_starts_none(self, machine):
        assert self.choose(rows(20_000, "ab"), 30.0, left=119.9) == [("Inline", 1)]
        assert not machine

    def test_there_are_no_more_processes_than_calls(self, machine):
        self.choose(rows(20_000), 0, learners=2)
        assert machine == [(2, 4), "closed"]

    def test_memory_bounds_them(self, machine):
        """800,000 bytes to fit on, and as many in each of two folds: 2.4 MB and a process's own."""
        own = (350 << 20) + 3 * 800_000
        each = own + 2 * 800_000
        data = rows(10_000, "ab")
        self.choose(data, 30.0, memory=own + 3 * each)
        self.choose(data, 30.0, memory=own + 3 * each - 1)
        assert machine == [(3, 2), "closed", (2, 4), "closed"]

    @pytest.mark.parametrize(("places", "asked"), [(1, 1), (2, 2), (20, 2)])
    def test_other_machines_have_no_more_than_calls_are_left(self, machine, places, asked):
        """Five learners and two folds are ten calls, of which eight are worked on here."""
        self.choose(rows(10_000, "ab"), 0, places=places)
        each = (350 << 20) + 5 * 800_000
        assert machine == [(8, 1), (asked, each, None), "closed"]

    def test_what_speaks_with_other_machines_has_its_part_of_the_memory(self, machine):
        own = (350 << 20) + 3 * 800_000
        each = own + 2 * 800_000
        enough = 2 * own + 3 * each
        for memory in (enough, enough - 1):
            self.choose(rows(10_000, "ab"), 30.0, memory=memory, places=20)
        three = [(3, 2), (7, each, enough), "closed"]
        assert machine == [*three, (2, 4), (8, each, enough - 1), "closed"]

    def test_without_memory_for_it_nothing_is_asked_of_other_machines(self, machine):
        own = (350 << 20) + 3 * 800_000
        enough = 2 * own + own + 2 * 800_000
        for memory in (enough, enough - 1):
            self.choose(rows(10_000, "ab"), 30.0, memory=memory, places=20)
        assert machine == [(1, 8), (9, own + 2 * 800_000, enough), "closed"]

    def test_one_process_is_none(self):
        assert self.choose(rows(20_000, "ab"), 30.0, memory=1 << 29) == [("Inline", 1)]


class Killer(Recorder):
    """Kills a process that works when the first model is ready."""

    pools = ()

    def count(self, candidates):
        super().count(candidates)
        if candidates == 1 and self.pools:
            busy = [one.pid for one in self.pools[0]._processes if one.assigned]
            os.kill(busy[-1], signal.SIGKILL)


TABLES = {
    "titanic": (tables.titanic, "survived", "classification", {"max_models": 7}),
    "wine": (tables.wine, "target", "classification", {"max_models": 6, "nfolds": 3}),
    "diabetes": (tables.diabetes, "target", "regression", {"max_models": 7, "nfolds": 0}),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_same_seed_gives_the_same_leaderboard_anywhere(name, tmp_path, monkeypatch):
    """In this process, in two and in three of which one is killed."""
    make, target, problem_type, config = TABLES[name]
    make().to_parquet(tmp_path / "table.parquet")
    task = Task(
        tmp_path / "table.parquet",
        target,
        problem_type,
        TrainingConfig(max_runtime_secs=36_000, **{"nfolds": 2, **config}),
    )
    pools, started = [], Counter()

    class Watched(ProcessPool):
        def __init__(self, *given):
            pools.insert(0, self)
            super().__init__(*given)

        def _start(self):
            started[len(pools)] += 1
            super()._start()

    monkeypatch.setattr(executors, "ProcessPool", Watched)

    def board(processors, large_cells):
        monkeypatch.setattr(executors, "_processors", lambda: processors)
        monkeypatch.setattr(executors, "LARGE_CELLS", large_cells)
        folder = tmp_path / f"{processors}-{large_cells}"
        folder.mkdir()
        killer = Killer()
        killer.pools = pools
        result = engines.train("flaml", task, folder, killer)
        assert {path.name for path in folder.iterdir()} == {c.path.name for c in result.candidates}
        told = [
            (c.name, c.metrics, c.parameters, c.explanation, c.evaluation)
            for c in result.candidates
        ]
        return told, killer.lines, killer.counts

    alone = board(1, 0)
    assert not pools
    assert len(alone[0]) == config["max_models"]
    assert board(2, 0) == alone
    assert board(3, 0) == alone
    assert started == {1: 3, 2: 4}  # one more than there were processors
    assert not any(lives(pid) for pool in pools for pid in pool.pids)
