"""What models learn from and are validated on: folds that tell no answers and have every label."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import TargetEncoder

from projects_api.engines import Task, TrainingConfig, TrainingRefused, table
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


def test_every_fold_validates_the_rare_label(prepared, recorder):
    y = np.arange(400) < 5
    frame = pd.DataFrame({"x": np.random.default_rng(2).normal(size=400), "y": y})
    _, data = prepared(frame)
    assert int(data.target.sum()) == 4
    assert [int(data.target[fold.validated].sum()) for fold in data.folds] == [1] * 4
    assert any("fewer than 5 rows to learn from have the values true" in x for x in recorder.lines)


def rare(counts: dict[str, int], categories: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(3)
    y = [label for label, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame({"x": random.normal(size=len(y)), "y": y})
    if categories:
        frame["cat"] = [f"c{number % categories}" for number in range(len(y))]
    return frame.sample(frac=1, random_state=4).reset_index(drop=True)


TWOS = {f"rare {number}": 2 for number in range(26)}
SMALL = {
    "five of each": rare({"a": 5, "b": 5}),
    "six and five": rare({"a": 6, "b": 5}),
    "five among many": rare({"a": 5, "b": 395}),
    "many labels": rare({"a": 5, "b": 5, **TWOS}, 40),
    "many labels with one row each": rare({"a": 20, "b": 5, **dict.fromkeys("cdefgh", 1)}, 35),
    "a common one beside": rare({"a": 5, "b": 5, "c": 60}, 40),
    "labels of three": rare(dict.fromkeys("abcdefgh", 3) | {"i": 5, "j": 6}, 33),
}


@pytest.mark.parametrize("folds", [0, 3, 20])
@pytest.mark.parametrize("frame", SMALL.values(), ids=SMALL)
def test_small_tables_are_prepared_and_folded(prepared, frame, folds):
    """Every label is fitted in every fold, and two or more can be told apart in each."""
    _, data = prepared(frame, nfolds=folds)
    assert data.folds
    for fold in data.folds:
        assert set(data.target[fold.fitted]) == set(data.target)
        assert len(set(data.target[fold.validated])) > 1
        assert np.isfinite(fold.fitted_values).all()


@pytest.mark.parametrize("name", ["five of each", "many labels", "five among many"])
def test_small_tables_give_models_with_a_cross_validated_metric(train, name):
    best = train(
        SMALL[name], "y", "classification", max_models=3, nfolds=5, exclude_algos=["DRF", "XRT"]
    ).result.candidates  # fmt: skip
    assert len(best) == 3
    assert all("cv_auc" in one.metrics for one in best)


def test_every_table_of_the_least_size_trains_or_is_refused(prepared):
    """Ten to forty rows, with all that is rare: there is a reason or there are folds."""
    reasons = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        rows = int(random.integers(10, 40))
        labels = random.choice(list("abcdefghij"), rows, p=random.dirichlet(np.full(10, 0.4)))
        frame = pd.DataFrame({"x": random.normal(size=rows), "cat": places(rows, 35, random)})
        try:
            _, data = prepared(frame.assign(y=labels), nfolds=int(random.integers(0, 9)))
        except TrainingRefused as refusal:
            reasons.append(refusal.reason)
        else:
            assert data.folds
    assert 0 < len(reasons) < 60
    assert all("the target 'y'" in reason for reason in reasons)


COUNT = np.arange(300)
NUMBERINGS = {
    "id": COUNT + 1,
    "order_no": 5000 + 2 * COUNT,
    "Row": COUNT[::-1] * 10,
    "customerID": np.random.default_rng(5).permutation(COUNT) * 7,
    "key": np.cumsum(np.random.default_rng(6).integers(1, 9, 300)),
    "Unnamed: 0": COUNT,
    "index": np.where(COUNT == 7, np.nan, COUNT.astype(float)),
}
FEATURES = {
    "year": 1700 + COUNT,
    "paid": COUNT,
    "rises": np.cumsum(np.random.default_rng(6).integers(1, 9, 300)),
    "number": np.random.default_rng(7).integers(0, 1000, 300),
    "row": np.random.default_rng(8).normal(size=300).cumsum(),
}


@pytest.mark.parametrize("missing", [(), (3, 200), (0, 1, 2, 299)])
def test_what_numbers_the_rows_is_left_out_whatever_rows_are_used(prepared, recorder, missing):
    y = np.sort(np.random.default_rng(9).choice(list("abc"), 300)).astype(object)
    y[list(missing)] = None
    read, _ = prepared(pd.DataFrame({**NUMBERINGS, **FEATURES, "y": y}))
    assert [column.name for column in read.columns] == list(FEATURES)
    left_out = [line for line in recorder.lines if line.endswith("it numbers the rows")]
    assert len(left_out) == len(NUMBERINGS)


def test_a_row_number_makes_no_model_of_noise_look_good(train):
    random = np.random.default_rng(10)
    y = np.repeat(["a", "b"], 150).astype(object)
    y[[20, 170]] = None
    frame = pd.DataFrame({"id": COUNT + 1, "x": random.normal(size=300), "y": y})
    best = train(frame, "y", "classification", max_models=1, exclude_algos=["DRF"]).result
    assert best.candidates[0].metrics["auc"] < 0.75
