"""The comparison of models with defaults: what it measures, says and keeps."""

import numpy as np
import pandas as pd
import pytest

from tools.quality import methods, page
from tools.quality.__main__ import chosen, told
from tools.quality.methods import AUTOML, DEFAULTS, OURS, Split, split
from tools.quality.tables import TABLES, Table


def people() -> pd.DataFrame:
    chance = np.random.default_rng(3)
    frame = pd.DataFrame({"age": chance.normal(size=200), "town": chance.choice(["x", "y"], 200)})
    frame["seen"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(200), "D")
    return frame.assign(left=np.where(np.arange(200) % 4, "no", "yes"))


PEOPLE = Table("people", "left", people)


def test_there_are_twelve_tables_of_which_each_is_there_once():
    assert len({one.name for one in TABLES}) == 12


def test_all_methods_get_the_same_rows_and_labels_are_spread_alike():
    one, again, other = split(PEOPLE, 1), split(PEOPLE, 1), split(PEOPLE, 2)
    pd.testing.assert_frame_equal(one.tested, again.tested)
    assert not one.tested.index.equals(other.tested.index)
    assert not {*one.training.index} & {*one.tested.index}
    assert (one.tested.left == "yes").sum() == 10


@pytest.mark.parametrize("method", DEFAULTS)
def test_defaults_answer_for_texts_and_dates(method):
    of = split(PEOPLE, 1)
    answers = methods.answer(method, of, 1)
    assert answers.shape == (40, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


def test_a_measure_is_that_of_the_task():
    frame = pd.DataFrame({"y": ["a", "b", "b", "a"]})
    two = Split("y", frame, frame, ["a", "b"], 0)
    said = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.5, 0.5]])
    assert two.measure(said) == 0.75  # of four pairs, one is in the wrong order
    three = Split("y", frame, frame.assign(y=["a", "b", "c", "a"]), ["a", "b", "c"], 0)
    sure = np.array([[0.5, 0.25, 0.25]] * 4)
    assert three.measure(sure) == pytest.approx((2 * np.log(2) + 2 * np.log(4)) / 4)
    numbers = pd.DataFrame({"y": [1.0, 3.0]})
    assert Split("y", numbers, numbers, None, 0).measure(np.array([1.0, 1.0])) == 2**0.5


def measured(ours, default):
    return {
        ("people", OURS): ours,
        **{("people", name): default for name in DEFAULTS},
        ("people", AUTOML): default,
    }


@pytest.mark.parametrize(
    ("ours", "default", "metric", "wanted"),
    [
        ([0.9, 0.8, 0.9], [0.7, 0.6, 0.8], "auc", "better"),
        ([0.7, 0.6, 0.8], [0.9, 0.8, 0.9], "auc", "worse"),
        ([0.7, 0.9, 0.8], [0.8, 0.8, 0.81], "auc", "within one standard error"),
        ([2.0, 2.0, 3.0], [1.0, 1.0, 1.0], "rmse", "worse"),
        ([2.0], [1.0], "rmse", "worse, by one seed"),
        ([1.0], [1.0], "rmse", "equal"),
    ],
)
def test_what_is_said_of_ours(ours, default, metric, wanted):
    assert page.verdict(measured(ours, default), "people", metric) == wanted


def test_it_is_written_between_its_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "TABLES", (PEOPLE,))
    (tmp_path / "quality.md").write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    values = measured([0.875, 0.625], [0.5, 0.75])
    page.write(values, {"people": "auc"}, "A sample.", tmp_path)
    text = (tmp_path / "quality.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| people | AUC | 0.75 ± 0.12 | 0.625 ± 0.12 |" in text
    assert (tmp_path / "quality.svg").read_text().count("<svg") == 1


def test_a_sample_is_called_one():
    assert "A sample" in told(6, 1, 15)
    assert "A sample" not in told(12, 10, 60)
    assert [one.name for one in chosen("1, films")] == ["breast cancer", "films"]
    assert chosen("") == list(TABLES)
    with pytest.raises(SystemExit, match="there are breast cancer"):
        chosen("nothing")
