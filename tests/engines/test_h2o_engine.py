"""The engine `h2o`, really run, where it can run."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, availability, prediction

from . import tables

pytestmark = pytest.mark.skipif(
    availability.why_unavailable("h2o") is not None,
    reason=availability.why_unavailable("h2o") or "",
)


@pytest.mark.parametrize(
    ("make", "target", "problem_type"),
    [
        (tables.titanic, "survived", "classification"),
        (tables.wine, "target", "classification"),
        (tables.diabetes, "target", "regression"),
    ],
)
def test_a_leaderboard_of_h2o(tmp_path, recorder, make, target, problem_type):
    frame = make()
    frame.to_parquet(tmp_path / "table.parquet")
    config = TrainingConfig(max_models=3, nfolds=2, exclude_algos=("StackedEnsemble",))
    task = Task(tmp_path / "table.parquet", target, problem_type, config)
    result = engines.train("h2o", task, tmp_path, recorder)
    assert len(result.candidates) == 3
    assert {candidate.engine for candidate in result.candidates} == {"h2o"}
    assert {candidate.model_type for candidate in result.candidates} <= {
        "GBM", "XGBoost", "GLM", "DRF", "XRT",
    }  # fmt: skip
    validated = [one.metrics[f"cv_{result.sort_metric}"] for one in result.candidates]
    assert validated == sorted(validated, reverse=problem_type == "classification")
    best = result.candidates[0]
    if problem_type == "regression":
        assert best.metrics["r2"] > 0.2
    else:
        assert best.metrics["auc"] > 0.7
        assert np.sum(best.evaluation["confusion"]["matrix"]) == best.evaluation["rows"]
    assert best.explanation["permutation_importance"][0]["importance"] > 0
    with pytest.raises(prediction.ModelRefused, match="no model of this kind"):
        prediction.load(best.path, result.signature)
    percents = [percent for percent, *_ in recorder.reports]
    assert percents == sorted(percents)
    assert any(5 < percent < 80 for percent in percents)


def test_what_a_config_says_holds_for_h2o(tmp_path, recorder):
    """Stacked models count, names go in any case, and nothing stays behind in shared folders."""
    shared = set(Path(tempfile.gettempdir()).glob("libxgboost*"))
    tables.wine().to_parquet(tmp_path / "table.parquet")
    config = TrainingConfig(
        max_models=3,
        nfolds=2,
        exclude_algos=("gbm", "XRT"),
        stopping_metric="LogLoss",
        max_runtime_secs_per_model=0.5,
    )
    task = Task(tmp_path / "table.parquet", "target", "classification", config)
    result = engines.train("h2o", task, tmp_path, recorder)
    assert 1 <= len(result.candidates) <= 3
    assert not {one.model_type for one in result.candidates} & {"GBM", "XRT"}
    assert set(Path(tempfile.gettempdir()).glob("libxgboost*")) <= shared
    assert not list(tmp_path.glob("*.so"))
