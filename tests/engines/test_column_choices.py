"""Columns that a caller names: to learn from, of a kind, to split by, as weights; and own tests."""

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from projects_api import engines
from projects_api.engines import Task, TrainingConfig, TrainingRefused, column_faults, table
from projects_api.engines.decision import best_threshold
from projects_api.engines.evaluation import score
from projects_api.engines.flaml.fitting import predict
from projects_api.engines.inputs import InputRefused, check_rows
from projects_api.engines.prediction import load
from projects_api.engines.training_data import prepare
from projects_api.model_file import load as load_file
from tests.engines.conftest import Recorder

ROWS = 240


def frame(seed: int = 1) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    x, day = chance.normal(size=(ROWS, 2)), chance.permutation(ROWS)
    group = chance.integers(0, 24, ROWS)
    return pd.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "code": chance.integers(1, 5, ROWS),
            "day": [str(date(2024, 1, 1) + timedelta(days=int(one))) for one in day],
            "who": [f"person {one}" for one in group],
            "weight": chance.integers(1, 9, ROWS) / 2,
            "y": np.where(x[:, 0] + chance.normal(size=ROWS) > 0, "yes", "no"),
            "number": x[:, 0] + x[:, 1],
        }
    )


@pytest.fixture
def read(tmp_path, recorder):
    """Read a frame as a training does."""

    def read(of: pd.DataFrame, target: str = "y", test: pd.DataFrame | None = None, **config):
        of.to_parquet(tmp_path / "table.parquet")
        kind = "regression" if target == "number" else "classification"
        task = Task(tmp_path / "table.parquet", target, kind, TrainingConfig.from_mapping(config))
        if test is not None:
            test.to_parquet(tmp_path / "test.parquet")
            task = replace(task, test_table=tmp_path / "test.parquet")
        return table.read(task, recorder)

    return read


def names(read_table) -> list[str]:
    return [column.name for column in read_table.columns]


class TestColumns:
    def test_those_that_are_taken(self, read):
        assert names(read(frame(), features=["b", "a"])) == ["b", "a"]

    def test_those_that_are_left_out(self, read):
        told = names(read(frame(), ignored_columns=["number", "who", "weight"]))
        assert told == ["a", "b", "code", "day"]

    def test_an_id_that_is_wanted_is_taken(self, read):
        of = frame().assign(id=range(ROWS))
        assert "id" not in names(read(of))
        assert "id" in names(read(of, features=["a", "id"]))
        assert "id" in names(read(of, column_kinds={"id": "number"}))

    def test_one_that_is_not_there(self, read):
        with pytest.raises(TrainingRefused, match="no column 'zz'"):
            read(frame(), ignored_columns=["zz"])


class TestKinds:
    def test_numbers_as_categories(self, train, tmp_path):
        trained = train(
            frame(),
            "y",
            "classification",
            max_models=1,
            features=["code", "a"],
            column_kinds={"code": "category"},
        )
        signature = trained.result.signature
        code = signature["inputs"][0]
        assert (code["kind"], code["of"]) == ("category", "number")
        assert code["categories"] == ["1", "2", "3", "4"]
        rows = [{"code": 2, "a": 0.5}, {"code": 2.0, "a": 0.5}, {"code": "2", "a": 0.5}]
        answers = load(trained.result.candidates[0].path, signature).predict(
            check_rows(signature, rows)
        )
        assert answers[0] == answers[1] == answers[2]
        model = load_file(trained.result.candidates[0].path)
        for kind in ("int64", "float64", "object"):
            told = model.predict_proba(
                pd.DataFrame(
                    {
                        "code": pd.Series([2])
                        .astype(kind)
                        .map(str if kind == "object" else lambda one: one),
                        "a": [0.5],
                    }
                )
            )
            assert told.iloc[0].tolist() == pytest.approx(
                list(answers[0]["probabilities"].values()), abs=1e-12
            )

    def test_only_such_categories_take_numbers(self, train):
        trained = train(frame(), "y", "classification", max_models=1, features=["who"])
        with pytest.raises(InputRefused):
            check_rows(trained.result.signature, [{"who": 2}])

    def test_true_and_false_as_categories(self, read):
        of = frame().assign(flag=np.arange(ROWS) % 3 == 0)
        (column,) = read(of, features=["flag"], column_kinds={"flag": "category"}).columns
        assert set(column.cells) == {"true", "false"}
        field = {"name": "flag", "kind": "category", "of": "boolean"}
        assert check_rows({"inputs": [field]}, [{"flag": True}]) == [{"flag": "true"}]

    def test_texts_as_numbers(self, read):
        of = frame()
        texts = [f" {one:.3f} " if place % 7 else "" for place, one in enumerate(of.a)]
        (column,) = read(of.assign(a=texts), features=["a"], column_kinds={"a": "number"}).columns
        assert (column.kind, column.of) == ("number", "text")
        wanted = [np.nan if place % 7 == 0 else round(one, 3) for place, one in enumerate(of.a)]
        np.testing.assert_allclose(column.cells, wanted)

    def test_a_code_as_text_or_a_word_as_number_is_refused(self, read):
        for name, kind in (
            ("who", "number"),
            ("code", "text"),
            ("who", "datetime"),
            ("a", "datetime"),
        ):
            with pytest.raises(TrainingRefused, match=f"'{name}' is no {kind}"):
                read(frame(), column_kinds={name: kind})

    def test_short_texts_as_text_and_days_as_category(self, read):
        found = read(frame(), column_kinds={"who": "text", "day": "category"})
        kinds = {column.name: column.kind for column in found.columns}
        assert (kinds["who"], kinds["day"]) == ("text", "category")

    def test_days_as_datetime(self, read):
        found = read(frame(), features=["day"], column_kinds={"day": "datetime"})
        assert [column.kind for column in found.columns] == ["date"]


class TestSplits:
    def test_time_holds_out_the_latest_and_folds_go_forward(self, read):
        of = frame()
        found = read(of, split="time", split_column="day")
        days = of.day.to_numpy()
        assert max(days[found.training]) < min(days[found.held_out])
        assert len(found.held_out) == ROWS / 5
        prepared = prepare(found, TrainingConfig(nfolds=4))
        assert len(prepared.folds) == 4
        learned = days[found.training]
        for fold in prepared.folds:
            assert max(learned[fold.fitted]) < min(learned[fold.validated])
        assert "day" in names(found)

    @pytest.mark.parametrize("target", ["y", "number"])
    def test_group_has_none_on_both_sides(self, read, target):
        of = frame()
        found = read(of, target, split="group", split_column="who")
        who = of.who.to_numpy()
        assert not set(who[found.training]) & set(who[found.held_out])
        assert "who" not in names(found)
        learned = who[found.training]
        folds = prepare(found, TrainingConfig(nfolds=4)).folds
        assert len(folds) == 4
        for fold in folds:
            assert not set(learned[fold.fitted]) & set(learned[fold.validated])

    def test_rows_without_a_place_are_left_out(self, read, recorder):
        of = frame()
        of.loc[:9, "who"] = None
        found = read(of, split="group", split_column="who")
        assert len(found.training) + len(found.held_out) == ROWS - 10
        assert "left out 10 rows in which who is missing" in recorder.lines

    def test_labels_that_come_later_are_left_out(self, read, recorder):
        of = frame()
        latest = of.day >= sorted(of.day)[-10]
        of.loc[latest, "y"] = "new"
        found = read(of, split="time", split_column="day")
        assert found.labels == ["no", "yes"]
        assert len(found.held_out) == ROWS / 5 - 10
        wanted = of.y.to_numpy()[found.held_out].tolist()
        assert [found.labels[code] for code in found.target[found.held_out]] == wanted
        assert any("left out 10 rows to test on" in line for line in recorder.lines)

    def test_words_have_no_order(self, read):
        with pytest.raises(TrainingRefused, match="no moments and no numbers"):
            read(frame(), split="time", split_column="who")

    def test_a_whole_training(self, train):
        for split, column in (("time", "day"), ("group", "who")):
            trained = train(frame(), "y", "classification", split=split, split_column=column)
            assert all("cv_auc" in one.metrics for one in trained.result.candidates)


class TestWeights:
    @pytest.mark.parametrize("labels", [2, 3])
    def test_metrics_are_those_of_scikit_learn(self, labels):
        chance = np.random.default_rng(4)
        target = chance.integers(0, labels, 200)
        told = chance.dirichlet(np.ones(labels), 200)
        weights = chance.uniform(0.1, 5, 200)
        found = score(target, told, labels, weights=weights)
        chosen = (told[:, 1] >= 0.5).astype(int) if labels == 2 else told.argmax(axis=1)
        of = {"sample_weight": weights}
        assert found["logloss"] == pytest.approx(metrics.log_loss(target, told, **of))
        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(target, chosen, **of))
        balanced = metrics.balanced_accuracy_score(target, chosen, **of)
        assert found["mean_per_class_error"] == pytest.approx(1 - balanced)
        average = "binary" if labels == 2 else "macro"
        for name in ("f1", "precision", "recall"):
            measure = getattr(metrics, f"{name}_score")
            assert found[name] == pytest.approx(measure(target, chosen, average=average, **of))
        if labels == 2:
            auc = metrics.roc_auc_score(target, told[:, 1], **of)
            precision = metrics.average_precision_score(target, told[:, 1], **of)
        else:
            auc = metrics.roc_auc_score(target, told, multi_class="ovr", **of)
            each = [
                metrics.average_precision_score(target == one, told[:, one], **of)
                for one in range(labels)
            ]
            precision = np.mean(each)
        assert found["auc"] == pytest.approx(auc)
        assert found["aucpr"] == pytest.approx(precision)
        plain = score(target, told, labels)
        assert all(abs(found[name] - plain[name]) > 1e-6 for name in found)

    def test_metrics_of_numbers_are_those_of_scikit_learn(self):
        chance = np.random.default_rng(4)
        target, told = chance.uniform(0, 9, (2, 200))
        weights = chance.uniform(0.1, 5, 200)
        found = score(target, told, 0, weights=weights)
        of = {"sample_weight": weights}
        wanted = {
            "rmse": metrics.root_mean_squared_error(target, told, **of),
            "mse": metrics.mean_squared_error(target, told, **of),
            "mae": metrics.mean_absolute_error(target, told, **of),
            "r2": metrics.r2_score(target, told, **of),
            "rmsle": metrics.root_mean_squared_log_error(target, told, **of),
        }
        assert found == pytest.approx(wanted)

    @pytest.mark.parametrize("metric", ["f1", "accuracy", "mean_per_class_error"])
    def test_whole_weights_are_repeated_rows(self, metric):
        """The threshold of weighted rows is that of a table in which each is there so often."""
        chance = np.random.default_rng(2)
        right, told = chance.random(150) < 0.3, chance.random(150).round(2)
        times = chance.integers(1, 6, 150)
        repeated = best_threshold(np.repeat(right, times), np.repeat(told, times), metric)
        assert best_threshold(right, told, metric, times.astype(float)) == pytest.approx(repeated)

    @pytest.mark.parametrize("target", ["y", "number"])
    def test_what_a_training_tells_is_weighted(self, train, target):
        """Compared by asking each model about the held-out rows."""
        kind = "regression" if target == "number" else "classification"
        others = [name for name in ("y", "number", "who") if name != target]
        trained = train(
            frame(), target, kind, weight_column="weight", ignored_columns=others, max_models=5
        )
        read_table = table.read(trained.task, Recorder())
        assert "weight" not in names(read_table)
        rows = trained.frame.iloc[read_table.held_out]
        for one in trained.result.candidates:
            model = load_file(one.path)
            if kind == "regression":
                wanted = metrics.mean_absolute_error(
                    rows.number, model.predict(rows), sample_weight=rows.weight
                )
                assert one.metrics["mae"] == pytest.approx(wanted)
            else:
                told = model.predict_proba(rows)["yes"]
                right = (rows.y == "yes").to_numpy()
                wanted = metrics.roc_auc_score(right, told, sample_weight=rows.weight)
                assert one.metrics["auc"] == pytest.approx(
                    wanted
                    if trained.result.signature["positive_label"] == "yes"
                    else metrics.roc_auc_score(~right, 1 - told, sample_weight=rows.weight)
                )

    def test_fits_are_weighted(self, read):
        """Rows that weigh a hundred times as much decide what is learnt where labels disagree."""
        from flaml.automl.task.factory import task_factory  # noqa: PLC0415

        from projects_api.engines.flaml.fitting import fit  # noqa: PLC0415
        from projects_api.engines.flaml.search import LEARNERS  # noqa: PLC0415

        of = frame()
        heavy = np.arange(ROWS) % 4 == 0
        of["a"], of["y"] = 1.0 * (np.arange(ROWS) % 2), np.where(heavy, "yes", "no")
        of["weight"] = np.where(heavy, 100.0, 1.0)
        prepared = prepare(
            read(of, features=["a"], weight_column="weight"), TrainingConfig(nfolds=2)
        )
        assert prepared.weights is not None
        for name in LEARNERS["classification"].values():
            model = fit(
                name,
                task=task_factory("binary"),
                config={},
                values=prepared.values,
                target=prepared.target,
                weights=prepared.weights,
                seed=1,
                seconds=60,
            )
            told = predict(model, prepared.held_out, 2)[:, 1]
            even = prepared.held_out[:, 0] == prepared.held_out[:, 0].min()
            assert told[even].mean() > 0.8, name  # half of those rows are heavy

    def test_rows_without_weight_are_left_out(self, read, recorder):
        of = frame()
        of.loc[:4, "weight"], of.loc[5:9, "weight"] = None, 0
        found = read(of, weight_column="weight")
        assert len(found.target) == ROWS - 10
        assert found.weights.tolist() == of.weight[10:].tolist()
        assert "left out 10 rows in which weight is missing or 0" in recorder.lines

    def test_rows_with_an_infinite_weight_are_told_as_such(self, read, recorder):
        of = frame().astype({"weight": float})
        of.loc[:1, "weight"], of.loc[2:4, "weight"] = None, math.inf
        assert read(of, weight_column="weight").weights.tolist() == of.weight[5:].tolist()
        assert "left out 2 rows in which weight is missing or 0" in recorder.lines
        assert "left out 3 rows in which weight is infinite" in recorder.lines

    @pytest.mark.parametrize(
        ("change", "why"), [({"weight": -1.0}, "below 0"), ({"weight": "x"}, "no numbers")]
    )
    def test_what_weighs_nothing_sensible(self, read, change, why):
        with pytest.raises(TrainingRefused, match=why):
            read(frame().assign(**change), weight_column="weight")


class TestOwnTest:
    def test_its_rows_are_held_out(self, read):
        found = read(frame(1), test=frame(2).iloc[:50])
        assert found.training.tolist() == [*range(ROWS)]
        assert found.held_out.tolist() == [*range(ROWS, ROWS + 50)]
        (a,) = (column for column in found.columns if column.name == "a")
        np.testing.assert_array_equal(a.cells[found.held_out], frame(2).a[:50])

    def test_metrics_are_of_its_rows(self, tmp_path):
        learned, test = frame(1), frame(2)
        learned.to_parquet(tmp_path / "one.parquet")
        test[["y", "a", "b"]].to_parquet(tmp_path / "two.parquet")
        task = Task(
            tmp_path / "one.parquet",
            "y",
            "classification",
            TrainingConfig(max_models=3, nfolds=2, features=("a", "b"), positive_label="yes"),
            test_table=tmp_path / "two.parquet",
        )
        result = engines.train("flaml", task, tmp_path, Recorder())
        for one in result.candidates:
            told = load_file(one.path).predict_proba(test)["yes"]
            assert one.metrics["auc"] == pytest.approx(metrics.roc_auc_score(test.y == "yes", told))
            assert one.evaluation["rows"] == ROWS

    def test_other_types_of_numbers_are_the_same(self, read):
        found = read(frame(1), test=frame(2).astype({"code": "float32", "a": "float32"}))
        assert len(found.held_out) == ROWS

    def test_a_label_that_training_lacks_is_left_out(self, read):
        test = frame(2)
        test.loc[:9, "y"] = "maybe"
        found = read(frame(1), test=test)
        assert (found.labels, len(found.held_out)) == (["no", "yes"], ROWS - 10)

    @pytest.mark.parametrize(
        ("test", "why"),
        [
            (frame(2).drop(columns="y"), "the table to test on has no column 'y'"),
            (frame(2).assign(a="x"), "the column 'a' holds values of the type double"),
            (frame(2).assign(y=None), "the table to test on"),
        ],
    )
    def test_what_cannot_be_tested_on(self, read, test, why):
        with pytest.raises(TrainingRefused, match=why):
            read(frame(1), test=test)


class TestFaults:
    """What is said before anything is trained."""

    NAMES = ("a", "b", "y", "w", "g")

    @pytest.mark.parametrize(
        ("config", "pointer", "why"),
        [
            ({"features": ["a", "zz"]}, "/features/1", "no column 'zz'"),
            ({"ignored_columns": ["zz"]}, "/ignored_columns/0", "no column 'zz'"),
            ({"column_kinds": {"z/z": "number"}}, "/column_kinds/z~1z", "no column 'z/z'"),
            ({"split": "time", "split_column": "zz"}, "/split_column", "no column 'zz'"),
            ({"weight_column": "zz"}, "/weight_column", "no column 'zz'"),
            ({"features": ["y"]}, "/features/0", "is the target"),
            ({"ignored_columns": ["y"]}, "/ignored_columns/0", "is the target"),
            ({"weight_column": "y"}, "/weight_column", "is the target"),
            ({"features": ["w"], "weight_column": "w"}, "/features/0", "is the weight"),
            (
                {"features": ["g"], "split": "group", "split_column": "g"},
                "/features/0",
                "is the group",
            ),
            ({"features": ["a"], "ignored_columns": ["a"]}, "/features/0", "ignored_columns"),
            ({"split": "time"}, "/split", "needs a split_column"),
            ({"split_column": "g"}, "/split_column", "is for the split"),
            ({"ignored_columns": ["a", "b", "w", "g"]}, "/ignored_columns", "no column to learn"),
            (
                {"weight_column": "g", "split": "time", "split_column": "g"},
                "/weight_column",
                "is the split_column, too",
            ),
        ],
    )
    def test_each_is_named(self, config, pointer, why):
        ((found, message),) = column_faults(["flaml"], "y", config, self.NAMES)
        assert found == pointer
        assert why in message

    def test_h2o_keeps_to_none(self):
        config = {"split": "time", "split_column": "g", "weight_column": "w"}
        found = dict(column_faults(["flaml", "h2o"], "y", config, self.NAMES))
        assert found.keys() == {"/split", "/weight_column"}

    def test_what_fits(self):
        config = {
            "features": ["a", "b"],
            "column_kinds": {"a": "category"},
            "split": "group",
            "split_column": "g",
            "weight_column": "w",
        }
        assert column_faults(["flaml"], "y", config, self.NAMES) == []
        assert column_faults(["flaml"], "y", {"features": ["zz"]}, None) == []
