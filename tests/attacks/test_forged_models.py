"""Forged models: numbers that native code would take for indices are refused before it does."""

import json
import warnings

import lightgbm
import numpy as np
import pytest
import xgboost
from flaml.automl.task.factory import task_factory
from lightgbm import LGBMClassifier
from sklearn.pipeline import Pipeline

from projects_api.engines import model_files
from projects_api.engines.ensemble import EnsembleOfLabels
from projects_api.engines.flaml.fitting import fit
from projects_api.engines.model_files import ModelRefused

from .conftest import ESTIMATORS


@pytest.fixture
def refused(tmp_path):
    """Save a forged pipeline, and tell why it is not loaded."""

    def load(pipeline) -> str:
        path = tmp_path / "forged.skops"
        model_files.save(pipeline, path)
        with pytest.raises(ModelRefused) as refusal:
            model_files.load(path)
        return str(refusal.value)

    return load


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_real_models_answer_as_before(fitted, table, tmp_path, kind):
    pipeline = fitted(kind)
    model_files.save(pipeline, tmp_path / "real.skops")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = model_files.load(tmp_path / "real.skops").predict(table)
        np.testing.assert_array_equal(again, pipeline.predict(table))


def set_node(name, place, value):
    def forge(state):
        state["nodes"][name][place] = value

    return forge


def set_state(name, change):
    def forge(state):
        state[name] = change(state[name])

    return forge


@pytest.mark.parametrize("kind", ["forest", "extra trees"])
@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (set_node("feature", 0, -400_000), "a feature that there is not"),
        (set_node("feature", 0, 1 << 40), "a feature that there is not"),
        (set_node("left_child", 0, 0), "a child that is no node"),
        (set_node("left_child", 1, 1), "two parents"),
        (set_node("right_child", 0, 1), "two parents"),
        (set_node("right_child", 0, 1 << 40), "a child that is no node"),
        (set_node("left_child", 0, -7), "a child that is no node"),
        (set_node("left_child", 0, -1), "a leaf with a child"),
        (set_node("threshold", 0, np.nan), "a threshold that is no number"),
        (set_state("values", lambda values: values * np.nan), "a value that is no number"),
        (set_state("max_depth", lambda depth: depth + 1), "another depth"),
    ],
)
def test_trees(fitted, refused, kind, forge, reason):
    pipeline = fitted(kind)
    tree = pipeline[-1].estimators_[0].tree_
    state = tree.__getstate__()
    forge(state)
    tree.__setstate__(state)
    assert reason in refused(pipeline)


def test_a_tree_that_says_to_have_more_nodes_than_it_has(fitted):
    tree = fitted("forest")[-1].estimators_[0]
    state = tree.tree_.__getstate__()
    tree.tree_.__setstate__({**state, "node_count": state["node_count"] + 1000})
    with pytest.raises(ValueError, match="not as many nodes"):
        model_files.checks.check(tree)


@pytest.mark.parametrize("name", ["n_features_in_", "n_classes_", "n_outputs_"])
def test_forests_whose_trees_are_for_other_rows(fitted, refused, name):
    pipeline = fitted("forest")
    setattr(pipeline[-1], name, getattr(pipeline[-1], name) + 5)
    assert "forged" in refused(pipeline)


def forge_text(monkeypatch, pipeline, change):
    text = pipeline[-1].booster_.model_to_string()
    forged = change(text)
    assert forged != text
    usual = lightgbm.Booster.__getstate__
    monkeypatch.setattr(
        lightgbm.Booster, "__getstate__", lambda one: {**usual(one), "_handle": forged}
    )


def first(name, value):
    """Change the first number of the first line of a name."""

    def change(text):
        head, _, rest = text.partition(f"\n{name}=")
        line, end, more = rest.partition("\n")
        numbers = line.split(" ")
        return f"{head}\n{name}={' '.join([value, *numbers[1:]])}{end}{more}"

    return change


@pytest.mark.parametrize(
    "change",
    [
        first("split_feature", "-400000"),
        first("split_feature", "99999"),
        first("split_feature", "1 1"),
        first("left_child", "0"),
        first("left_child", "99999"),
        first("left_child", "-99999"),
        first("right_child", "2000000000"),
        first("num_leaves", "99999"),
        first("num_leaves", "2"),
        first("num_leaves", "-1"),
        first("num_cat", "1"),
        first("is_linear", "1"),
        first("decision_type", "1"),
        first("tree_sizes", "99999"),
        first("tree_sizes", "1"),
        first("tree_sizes", "-5"),
        first("max_feature_idx", "99999"),
        first("num_class", "99"),
        first("num_tree_per_iteration", "99"),
        first("objective", "multiclass num_class:99"),
        lambda text: text.replace("\nnum_cat=0", "\nnum_cat=0\ncat_boundaries=0 9", 1),
        lambda text: text.replace("\nnum_class=3", "\nnum_class=3\nnum_class=9", 1),
        lambda text: text.replace("end of trees", "", 1),
    ],
)
def test_texts_of_lightgbm(fitted, refused, monkeypatch, change):
    pipeline = fitted("lightgbm")
    forge_text(monkeypatch, pipeline, change)

    def never(*_):
        pytest.fail("the library was given the text")

    monkeypatch.setattr(lightgbm.Booster, "__setstate__", never)
    assert "the model file is damaged" in refused(pipeline)


def test_settings_of_lightgbm_that_turn_checks_off(fitted, refused):
    pipeline = fitted("lightgbm")
    pipeline[-1]._other_params["predict_disable_shape_check"] = True
    assert "settings that are not ours" in refused(pipeline)


class _Told:
    """What a booster of XGBoost tells of itself, forged."""

    def __init__(self, booster, forge):
        self._told = json.loads(booster.save_raw("json"))
        self._width = booster.num_features()
        forge(self._told["learner"])

    def save_raw(self, _format):
        return json.dumps(self._told)

    def num_features(self):
        return self._width


def in_tree(name, place, value):
    def forge(learner):
        learner["gradient_booster"]["model"]["trees"][0][name][place] = value

    return forge


def in_model(name, value):
    def forge(learner):
        learner["gradient_booster"]["model"][name] = value

    return forge


@pytest.mark.parametrize(
    "forge",
    [
        in_tree("split_indices", 0, -400_000),
        in_tree("split_indices", 0, 1 << 30),
        in_tree("left_children", 0, 0),
        in_tree("left_children", 0, 99_999),
        in_tree("right_children", 0, 1),
        in_tree("split_type", 0, 1),
        in_tree("categories", slice(0, 0), [1]),
        in_tree("base_weights", slice(0, 1), []),
        in_model("tree_info", [9] * 9),
        in_model("iteration_indptr", [0, 99]),
        in_model("cats", {"enc": [1]}),
        lambda learner: learner["learner_model_param"].update(num_feature="99"),
        lambda learner: learner["learner_model_param"].update(num_class="99"),
        lambda learner: learner["learner_model_param"].update(num_target="9"),
        lambda learner: learner["gradient_booster"].update(name="dart"),
    ],
)
def test_boosters_of_xgboost(fitted, forge):
    booster = fitted("xgboost")[-1].get_booster()
    model_files.checks.xgboost_model.check(_Told(booster, lambda _: None))
    with pytest.raises((ValueError, KeyError)):
        model_files.checks.xgboost_model.check(_Told(booster, forge))


def test_a_file_with_a_forged_booster_of_xgboost(fitted, refused):
    pipeline = fitted("xgboost")
    raw = json.loads(pipeline[-1].get_booster().save_raw("json"))
    raw["learner"]["gradient_booster"]["model"]["trees"][0]["split_indices"][0] = 1 << 20
    pipeline[-1]._Booster = xgboost.Booster(model_file=bytearray(json.dumps(raw).encode()))
    assert "a feature that there is not" in refused(pipeline)


@pytest.mark.parametrize("value", [[99_999], [-1], [1]])
def test_one_hot_encoders_that_make_room_for_others(fitted, refused, value):
    pipeline = fitted("forest")
    pipeline[0].named_transformers_["few"]._n_features_outs = value
    assert "makes room" in refused(pipeline)


def test_target_encoders_that_lack_numbers(fitted, refused):
    pipeline = fitted("forest")
    encoder = pipeline[0].named_transformers_["many"]
    encoder.encodings_ = [numbers[:1] for numbers in encoder.encodings_]
    assert "not one number" in refused(pipeline)


@pytest.mark.parametrize("place", [99_999, -99_999, 1])
def test_words_whose_column_there_is_not(fitted, refused, place):
    pipeline = fitted("forest")
    pipeline[0].named_transformers_["text"].vocabulary_["blue"] = place
    assert "one column each" in refused(pipeline)


def test_words_without_a_weight(fitted, refused):
    pipeline = fitted("forest")
    words = pipeline[0].named_transformers_["text"]
    words._tfidf.idf_ = words._tfidf.idf_[:1]
    assert "one weight each" in refused(pipeline)


def ensemble_of(fitted, *kinds) -> Pipeline:
    pipelines = [fitted(kind) for kind in kinds]
    weights = np.full(len(kinds), 1 / len(kinds))
    model = EnsembleOfLabels([one[-1] for one in pipelines], weights)
    return Pipeline([("prepare", pipelines[0][0]), ("model", model)])


def test_a_real_ensemble_answers_as_before(fitted, table, tmp_path):
    pipeline = ensemble_of(fitted, "forest", "lightgbm", "xgboost")
    model_files.save(pipeline, tmp_path / "real.skops")
    again = model_files.load(tmp_path / "real.skops").predict_proba(table)
    np.testing.assert_array_equal(again, pipeline.predict_proba(table))


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([0.5], "not one weight for each"),
        ([[0.5, 0.5]], "not one weight for each"),
        ([0.5, np.nan], "no share"),
        ([0.5, np.inf], "no share"),
        ([2.0, -1.0], "no share"),
        ([0.5, 0.4], "no share"),
    ],
)
def test_ensembles_whose_weights_are_none(fitted, refused, weights, reason):
    pipeline = ensemble_of(fitted, "forest", "lightgbm")
    pipeline[-1].weights = np.array(weights)
    assert reason in refused(pipeline)


def test_ensembles_whose_models_tell_other_labels(fitted, refused, table):
    pipeline = ensemble_of(fitted, "forest", "lightgbm")
    values = pipeline[0].transform(table)
    pipeline[-1].models[1] = LGBMClassifier(n_estimators=3, n_jobs=1, verbose=-1).fit(
        values, (table["amount"] > 0).astype(int)
    )
    assert "other labels" in refused(pipeline)


def test_ensembles_without_models(fitted, refused):
    pipeline = ensemble_of(fitted, "forest")
    pipeline[-1].models, pipeline[-1].weights = [], np.array([])
    assert "no models" in refused(pipeline)


def test_a_forged_model_within_an_ensemble(fitted, refused):
    pipeline = ensemble_of(fitted, "lightgbm", "forest")
    tree = pipeline[-1].models[1].estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"]["feature"][0] = 1 << 40
    tree.__setstate__(state)
    assert "a feature that there is not" in refused(pipeline)


def test_a_booster_that_time_cut_short_is_loaded_again(fitted, table, tmp_path):
    """What is known of it then stands in another place of the model."""
    pipeline = fitted("lightgbm")
    target = (table["amount"] > 0).to_numpy().astype(int)
    model = fit(
        "lgbm",
        task=task_factory("binary"),
        config={"n_estimators": 1_000_000, "num_leaves": 31},
        values=pipeline[0].transform(table),
        target=target,
        weights=None,
        seed=1,
        seconds=3,
    )
    assert model.booster_.current_iteration() < 1_000_000
    assert "n_estimators" in model._other_params
    cut = Pipeline([("prepare", pipeline[0]), ("model", model)])
    model_files.save(cut, tmp_path / "cut.skops")
    again = model_files.load(tmp_path / "cut.skops").predict_proba(table)
    np.testing.assert_array_equal(again, cut.predict_proba(table))


@pytest.mark.parametrize("name", ["n_estimators", "max_bin", "n_jobs"])
def test_boosters_with_a_setting_that_holds_another(fitted, refused, name):
    pipeline = fitted("lightgbm")
    pipeline[-1]._other_params[name] = "1 predict_disable_shape_check=true"
    assert "no number" in refused(pipeline)
