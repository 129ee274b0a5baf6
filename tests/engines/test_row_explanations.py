"""Explanations of single rows: what the libraries say, and sums that are the models' own scores."""

import json

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from xgboost import DMatrix

from projects_api.engines import model_files, prediction
from projects_api.engines.calibration import Calibrated
from projects_api.engines.ensemble import Weighted
from projects_api.engines.inputs import check_rows
from projects_api.engines.preparation import sources

from .conftest import TRAININGS
from .tables import held_out
from .test_prediction import rows_of


def margins(model, values) -> np.ndarray | None:
    """Give the scores that a model makes its answers of, by row and label."""
    if isinstance(model, Calibrated):
        return margins(model.model, values)
    if isinstance(model, Weighted):
        parts = [margins(one, values) for one in model.models]
        if any(part is None for part in parts):
            return None
        return np.tensordot(model.weights, np.array(parts), axes=1)
    kind = type(model).__module__.partition(".")[0]
    if kind == "lightgbm":
        told = model.booster_.predict(values, raw_score=True)
    elif kind == "xgboost":
        told = model.get_booster().predict(DMatrix(values), output_margin=True)
    elif isinstance(model, Pipeline):
        last = model.steps[-1][1]
        has_scores = hasattr(last, "decision_function")
        told = model.decision_function(values) if has_scores else model.predict(values)
    else:
        return None
    return np.asarray(told, dtype=np.float64).reshape(len(values), -1)


@pytest.mark.parametrize("name", TRAININGS)
def test_explanations_add_up_to_what_tells_rows_apart(trained, name):
    training = trained(name)
    signature = json.loads(json.dumps(training.result.signature))
    tested = training.frame.iloc[held_out(training)[1][:40]]
    rows = check_rows(signature, rows_of(tested.drop(columns=training.task.target)))
    explained = 0
    for candidate in training.result.candidates:
        predictor = prediction.load(candidate.path, signature)
        preparation, model = (step for _, step in model_files.load(candidate.path).steps)
        frame = prediction.frame_of_rows(signature["inputs"], rows)
        scores = margins(model, preparation.transform(frame))
        if scores is None:
            with pytest.raises(prediction.NotExplained):
                predictor.predict(rows, explain=True)
            continue
        explained += 1
        told = predictor.predict(rows, explain=True)
        plain = predictor.predict(rows)
        assert [one["prediction"] for one in told] == [one["prediction"] for one in plain]
        assert all(set(one["explanation"]) == set(rows[0]) for one in told)
        sums = np.array([sum(one["explanation"].values()) for one in told])
        labels = signature["labels"]
        places = [0 if labels is None else labels.index(one["prediction"]) for one in told]
        for place in set(places):
            # Rows of one choice have one base: beyond it, sums are scores.
            of = np.array(places) == place
            if scores.shape[1] == 1:
                known = scores[of, 0] * (-1 if labels is not None and place == 0 else 1)
            else:
                known = scores[of, place]
            scale = max(1.0, np.abs(known).max())
            assert np.ptp(sums[of] - known) < 1e-3 * scale, candidate.model_type
    assert explained


@pytest.mark.parametrize("name", TRAININGS)
def test_each_input_has_what_the_library_says_of_its_columns(trained, name):
    training = trained(name)
    signature = json.loads(json.dumps(training.result.signature))
    tested = training.frame.iloc[held_out(training)[1][:20]]
    rows = check_rows(signature, rows_of(tested.drop(columns=training.task.target)))
    for candidate in training.result.candidates:
        preparation, model = (step for _, step in model_files.load(candidate.path).steps)
        if not type(model).__module__.startswith("lightgbm"):
            continue
        values = preparation.transform(prediction.frame_of_rows(signature["inputs"], rows))
        flat = model.booster_.predict(values, pred_contrib=True)
        by_label = np.asarray(flat).reshape(len(rows), -1, values.shape[1] + 1)[:, :, :-1]
        told = prediction.load(candidate.path, signature).predict(rows, explain=True)
        labels = signature["labels"]
        for row, one in enumerate(told):
            place = 0 if labels is None else labels.index(one["prediction"])
            is_single = by_label.shape[1] == 1
            known = by_label[row, 0 if is_single else place]
            known = -known if labels is not None and is_single and place == 0 else known
            for at, column in enumerate(signature["inputs"]):
                mine = sum(known[sources(preparation) == at])
                assert one["explanation"][column["name"]] == pytest.approx(mine, abs=1e-9)
