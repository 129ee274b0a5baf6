"""A training that is to stop: what it keeps, and that it waits for no fit."""

import os
import signal
import threading

import numpy as np
import pandas as pd
import pytest

from projects_api import engines
from projects_api.engines import STOP_SIGNAL, Task, TrainingConfig
from projects_api.engines.flaml import trial
from projects_api.engines.flaml.fitting import Stopped, interruptible
from tests.engines.conftest import Recorder


def frame(rows: int = 200) -> pd.DataFrame:
    chance = np.random.default_rng(3)
    x = chance.normal(size=(rows, 3))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x @ [1, 2, 3]})


@pytest.mark.parametrize("stop_at", [1, 3])
def test_it_keeps_what_is_ready(train, stop_at):
    trained = train(frame(), "y", "regression", max_models=10, stop_at=stop_at)
    assert len(trained.result.candidates) == stop_at
    assert [one.rank for one in trained.result.candidates] == [*range(1, stop_at + 1)]
    assert all(one.path.exists() for one in trained.result.candidates)
    assert trained.progress.counts == [*range(1, stop_at + 1)]
    told = f"stopped early, as was asked for: {stop_at} of 10 models"
    assert trained.progress.lines[-1] == told


def test_what_is_kept_is_what_a_whole_training_has(train):
    """To stop changes nothing of the models before."""
    stopped = train(frame(), "y", "regression", max_models=10, stop_at=2)
    whole = train(frame(), "y", "regression", max_models=10)
    metrics = {one.name: one.metrics for one in whole.result.candidates}
    assert {one.name: one.metrics for one in stopped.result.candidates}.items() <= metrics.items()


class TestInterruptible:
    def test_a_signal_ends_the_block(self):
        """Whatever the block does: here it would wait for ever."""
        never = threading.Event()
        killer = threading.Timer(0.1, os.kill, (os.getpid(), STOP_SIGNAL))
        # Asked when the block is listened for, and never earlier.
        with pytest.raises(Stopped), interruptible(lambda: killer.start() is not None):
            never.wait(60)
        killer.join()

    def test_what_was_said_before_ends_it_at_its_beginning(self):
        entered = False
        with pytest.raises(Stopped), interruptible(lambda: True):
            entered = True
        assert not entered

    def test_another_thread_ends_at_its_beginning(self):
        found: list[BaseException] = []

        def run() -> None:
            try:
                with interruptible(lambda: True):
                    pass
            except Stopped as stopped:
                found.append(stopped)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert len(found) == 1

    def test_nothing_is_left_of_it(self):
        before = signal.getsignal(STOP_SIGNAL)
        with interruptible(lambda: False):
            assert signal.getsignal(STOP_SIGNAL) != before
        assert signal.getsignal(STOP_SIGNAL) == before


def test_a_fit_that_runs_is_left_out(tmp_path, monkeypatch):
    """The second model takes for ever; the signal comes while it does."""
    frame().to_parquet(tmp_path / "table.parquet")
    recorder = Recorder()
    fit = trial.fit

    def slow(learner, **options):
        if not recorder.counts:
            return fit(learner, **options)
        recorder.stop_at = 1
        os.kill(os.getpid(), STOP_SIGNAL)
        threading.Event().wait(60)
        raise AssertionError("nothing ended the fit")

    monkeypatch.setattr(trial, "fit", slow)
    config = TrainingConfig(max_models=10, nfolds=2)
    task = Task(tmp_path / "table.parquet", "y", "regression", config)
    result = engines.train("flaml", task, tmp_path, recorder)
    assert len(result.candidates) == 1
    assert "left out a XGBoost: the training was to stop" in recorder.lines
