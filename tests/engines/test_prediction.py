"""Stored models: they answer as they were measured, and files that are not ours are refused."""

import json
import os
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FunctionTransformer, Pipeline

from projects_api.engines import prediction
from projects_api.engines.decision import Decision
from projects_api.engines.evaluation import score
from projects_api.engines.inputs import check_rows

from .conftest import TRAININGS
from .tables import held_out


def rows_of(frame: pd.DataFrame) -> list[dict]:
    """Write a frame as a caller would: JSON values, dates as text."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    return json.loads(json.dumps(rows, default=lambda value: value.isoformat()))


@pytest.mark.parametrize("name", TRAININGS)
def test_every_stored_model_answers_as_it_was_measured(trained, name):
    training = trained(name)
    signature = json.loads(json.dumps(training.result.signature))
    tested = training.frame.iloc[held_out(training)[1]]
    rows = check_rows(signature, rows_of(tested.drop(columns=training.task.target)))
    truth = tested[training.task.target].to_numpy()
    labels = signature["labels"]
    for candidate in training.result.candidates:
        threshold = candidate.metrics.get("threshold")
        answers = prediction.load(candidate.path, signature).predict(rows, threshold)
        decision = Decision(1, threshold or 0.5)
        if labels is None:
            predicted = np.array([answer["prediction"] for answer in answers])
            assert all(answer["probabilities"] is None for answer in answers)
        else:
            predicted = np.array([list(answer["probabilities"].values()) for answer in answers])
            truth_codes = np.searchsorted(labels, truth)
            chosen = [labels[place] for place in decision.choose(predicted)]
            if len(labels) == 2:
                decision = replace(decision, positive=labels.index(signature["positive_label"]))
                reached = predicted[:, decision.positive] >= threshold
                chosen = [labels[decision.positive ^ (not one)] for one in reached]
            assert [answer["prediction"] for answer in answers] == chosen
        right = truth if labels is None else truth_codes
        scores = score(right, predicted, len(labels or ()), decision=decision)
        told = {n: v for n, v in candidate.metrics.items() if n in scores}
        assert scores == pytest.approx(told, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "kind", "names"),
    [
        ("breast cancer", int, {"0", "1"}),
        ("wine", str, {"barolo", "barbera", "grignolino"}),
        ("titanic", bool, {"false", "true"}),
        ("diabetes", float, None),
    ],
)
def test_answers_have_the_type_of_the_target(trained, name, kind, names):
    training = trained(name)
    predictor = prediction.load(training.result.candidates[0].path, training.result.signature)
    [answer] = predictor.predict(check_rows(training.result.signature, rows_of(
        training.frame.drop(columns=training.task.target).head(1)
    )))  # fmt: skip
    assert type(answer["prediction"]) is kind
    json.dumps(answer)
    if names is None:
        assert answer["probabilities"] is None
    else:
        assert set(answer["probabilities"]) == names
        assert sum(answer["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["titanic", "titanic fares"])
def test_missing_fields_and_unknown_categories_are_answered(trained, name):
    training = trained(name)
    signature = training.result.signature
    asked = [
        {"sex": "neither", "home": "Atlantis", "cabin deck": "Z"},
        {"age": None},
        {"age": 1e300, "boarded": "9999-12-31", "name": ""},
        {"name": "\0 Łódź 🚢", "boarded": "0001-01-01", "class": -5},
    ]
    for candidate in training.result.candidates:
        predictor = prediction.load(candidate.path, signature)
        answers = predictor.predict(check_rows(signature, asked))
        assert len(answers) == 4
        json.dumps(answers, allow_nan=False)
        assert predictor.predict([]) == []


def test_a_model_is_loaded_for_its_own_signature_only(trained):
    path = trained("titanic").result.candidates[0].path
    with pytest.raises(prediction.ModelRefused, match="takes 9 inputs, not 30"):
        prediction.load(path, trained("breast cancer").result.signature)
    with pytest.raises(prediction.ModelRefused, match="labels"):
        prediction.load(path, {**trained("titanic").result.signature, "labels": None})


def test_labels_that_are_written_alike_are_refused(trained):
    path = trained("titanic").result.candidates[0].path
    signature = trained("titanic").result.signature
    with pytest.raises(prediction.ModelRefused, match="written alike"):
        prediction.load(path, {**signature, "labels": ["1", 1]})


@pytest.mark.parametrize(
    "table", [[[np.nan, 1]], [[np.inf, 0]], [[-0.9, 1.9]], [[0, 0]], [[0.5, 0.5], [2, -1]]]
)
def test_what_is_no_probability_is_no_answer(table):
    with pytest.raises(prediction.ModelRefused, match="no probabilities"):
        answer(["a", "b"], predict_proba=table)


@pytest.mark.parametrize("number", [np.nan, -np.inf])
def test_what_is_no_number_is_no_answer(number):
    with pytest.raises(prediction.ModelRefused, match="not always a number"):
        answer(None, predict=[1, number])


def test_probabilities_of_single_precision_are_answers():
    [told] = answer(["a", "b"], predict_proba=np.float32([[0.1, 0.9000001]]))
    assert told["prediction"] == "b"


def answer(labels, **says):
    """Answer with a model that was made to say this."""
    steps = [
        ("prepare", SimpleNamespace(n_features_in_=1)),
        ("model", SimpleNamespace(classes_=labels or [])),
    ]
    methods = {name: lambda _frame, told=told: np.asarray(told) for name, told in says.items()}
    pipeline = SimpleNamespace(steps=steps, **methods)
    inputs = [{"name": "n", "kind": "number"}]
    predictor = prediction.Predictor(pipeline, {"inputs": inputs, "labels": labels})
    return predictor.predict([{"n": 1.0}])


@pytest.fixture
def refused(tmp_path, trained):
    """Try to load a file, and expect that it is refused."""

    def load(content: object) -> str:
        path = tmp_path / "model"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            skops.io.dump(content, path)
        with pytest.raises(prediction.ModelRefused) as refusal:
            prediction.load(path, trained("titanic").result.signature)
        return str(refusal.value)

    return load


def test_what_is_no_model_file_is_refused(refused, trained):
    good = trained("titanic").result.candidates[0].path.read_bytes()
    for content in (b"", b"hello", b"\x80\x04\x95.", good[: len(good) // 2], good[100:]):
        assert "the model file is" in refused(content)


def test_classes_that_skops_trusts_but_no_model_of_ours_is_made_of_are_refused(refused):
    harmless = FunctionTransformer(np.log1p)
    assert "FunctionTransformer" in refused(Pipeline([("prepare", harmless)]))
    reader = TfidfVectorizer(input="filename")
    assert "TfidfVectorizer" in refused(Pipeline([("prepare", reader)]))
    assert "holds no pipeline" in refused({"a": 1})


class _Bomb:
    """What pickle would run on loading."""

    def __reduce__(self):
        return os.mkdir, ("harmed",)


@pytest.mark.parametrize("make", [_Bomb, lambda: os.mkdir, lambda: "".join])
def test_functions_and_reductions_are_refused_and_not_run(refused, make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "the model file" in refused(Pipeline([("prepare", make())]))
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("__class__", "system"),
        ("__module__", "os"),
        ("__loader__", "FunctionNode"),
        ("__loader__", "ReduceNode"),
        ("__loader__", "MethodNode"),
        ("__loader__", None),
    ],
)
def test_a_manipulated_schema_is_refused(refused, trained, tmp_path, key, value):
    original = trained("titanic").result.candidates[0].path
    changed = tmp_path / "changed"
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(changed, "w") as target:
        for member in source.namelist():
            content = source.read(member)
            if member == "schema.json":
                schema = json.loads(content)
                first = schema["content"]["content"]["steps"]["content"][0]
                first["content"][1][key] = value
                content = json.dumps(schema).encode()
            target.writestr(member, content)
    assert "the model file" in refused(changed.read_bytes())


def test_a_missing_member_and_a_bomb_are_refused(refused, trained, tmp_path, monkeypatch):
    original = trained("titanic").result.candidates[0].path
    changed = tmp_path / "changed"
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(changed, "w") as target:
        target.writestr("schema.json", source.read("schema.json"))
    assert "damaged" in refused(changed.read_bytes())
    monkeypatch.setattr(prediction.model_files, "_MAX_BYTES", 1000)
    assert "too large" in refused(original.read_bytes())
