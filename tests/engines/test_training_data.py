"""What models learn from and are validated on: folds that tell no answers and have every label."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import TargetEncoder

from projects_api.engines import Task, TrainingConfig, table
from projects_api.engines.training_data import prepare


@pytest.fixture
def prepared(tmp_path, recorder):
    def run(frame: pd.DataFrame, problem_type: str = "classification", **config):
        frame.to_parquet(tmp_path / "table.parquet")
        task = Task(
            tmp_path / "table.parquet", "y", problem_type, TrainingConfig.from_mapping(config)
        )
        read = table.read(task, recorder)
        return read, prepare(read, task.config)

    return run


def places(rows: int, count: int, random: np.random.Generator) -> list[str]:
    return [f"place {number}" for number in random.integers(0, count, rows)]


@pytest.mark.parametrize("problem_type", ["classification", "regression"])
def test_categories_tell_the_cross_validation_no_answers(prepared, problem_type):
    random = np.random.default_rng(1)
    y = random.random(200) < 0.5 if problem_type == "classification" else random.normal(size=200)
    read, data = prepared(pd.DataFrame({"place": places(200, 60, random), "y": y}), problem_type)
    cells = read.columns[0].cells[read.training].reshape(-1, 1)
    assert len(data.folds) == 5
    for fold in data.folds:
        assert not set(fold.fitted) & set(fold.validated)
        encoder = TargetEncoder(random_state=42)
        fitted = encoder.fit_transform(cells[fold.fitted], data.target[fold.fitted])
        assert np.allclose(fold.fitted_values, fitted)
        assert np.allclose(fold.validated_values, encoder.transform(cells[fold.validated]))
    validated = np.concatenate([fold.validated for fold in data.folds])
    assert np.array_equal(np.sort(validated), np.arange(len(data.target)))
