"""Which rows are learnt from and tested on, compared with scikit-learn's and with plain rules."""

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

from projects_api.engines.interface import TrainingRefused
from projects_api.engines.splitting import Order, fold, hold_out

SEEDS = range(5)


def case(seed: int, label_count: int, rows: int = 300) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.integers(0, label_count, rows) if label_count else chance.normal(size=rows)


def groups_of(seed: int, count: int, rows: int = 300) -> Order:
    return Order("group", np.random.default_rng(seed + 100).integers(0, count, rows))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("label_count", [0, 2, 4])
class TestGroups:
    @pytest.mark.parametrize("count", [2, 3, 7, 60])
    def test_no_group_is_on_both_sides(self, seed, label_count, count):
        target, order = case(seed, label_count), groups_of(seed, count)
        splits = [hold_out(target, label_count, seed, order)]
        splits += fold(target, label_count, 5, seed, order)
        for learned, tested in splits:
            assert not set(order.of_row[learned]) & set(order.of_row[tested])
            assert sorted([*learned, *tested]) == [*range(len(target))]
        assert sorted(np.concatenate([tested for _, tested in splits[1:]])) == [*range(300)]
        assert len(splits) == 1 + min(5, count)

    def test_a_fifth_is_held_out(self, seed, label_count):
        _, tested = hold_out(case(seed, label_count), label_count, seed, groups_of(seed, 60))
        assert 0.15 < len(tested) / 300 < 0.25

    def test_one_part_instead_of_folds(self, seed, label_count):
        order = groups_of(seed, 60)
        [(learned, tested)] = fold(case(seed, label_count), label_count, 0, seed, order)
        assert not set(order.of_row[learned]) & set(order.of_row[tested])
        assert 0.15 < len(tested) / 300 < 0.25

    def test_the_same_seed_splits_alike(self, seed, label_count):
        target, order = case(seed, label_count), groups_of(seed, 30)
        one, other = (hold_out(target, label_count, seed, order) for _ in range(2))
        assert np.array_equal(one[1], other[1])


def test_a_single_group_is_refused():
    with pytest.raises(TrainingRefused, match="single group"):
        hold_out(case(1, 0), 0, 1, Order("group", np.zeros(300)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("label_count", [0, 3])
class TestTime:
    def test_the_latest_fifth_is_held_out(self, seed, label_count):
        moments = np.random.default_rng(seed).permutation(300).astype(float)
        learned, tested = hold_out(
            case(seed, label_count), label_count, seed, Order("time", moments)
        )
        assert sorted(moments[tested]) == [*range(240, 300)]
        assert sorted(moments[learned]) == [*range(240)]

    @pytest.mark.parametrize("count", [2, 5, 10])
    def test_folds_are_those_of_scikit_learn(self, seed, label_count, count):
        moments = np.random.default_rng(seed).permutation(300).astype(float)
        place_of = np.argsort(moments)
        found = list(
            fold(case(seed, label_count), label_count, count, seed, Order("time", moments))
        )
        wanted = list(TimeSeriesSplit(count).split(np.arange(300)))
        assert len(found) == len(wanted) == count
        for (fitted, validated), (before, after) in zip(found, wanted, strict=True):
            assert sorted(fitted) == sorted(place_of[before])
            assert sorted(validated) == sorted(place_of[after])

    @pytest.mark.parametrize("days", [3, 10, 40])
    def test_rows_of_one_moment_stay_together(self, seed, label_count, days):
        moments = np.random.default_rng(seed).integers(0, days, 300).astype(float)
        order, target = Order("time", moments), case(seed, label_count)
        learned, tested = hold_out(target, label_count, seed, order)
        assert moments[learned].max() < moments[tested].min()
        assert len(learned) + len(tested) == 300
        for count in (0, 5):
            for fitted, validated in fold(target, label_count, count, seed, order):
                assert moments[fitted].max() < moments[validated].min()

    def test_the_cut_is_the_nearest_to_a_fifth(self, seed, label_count):
        moments = np.random.default_rng(seed).integers(0, 12, 300).astype(float)
        _, tested = hold_out(case(seed, label_count), label_count, seed, Order("time", moments))
        possible = [(moments >= day).sum() for day in np.unique(moments)[1:]]
        assert abs(len(tested) - 60) == min(abs(one - 60) for one in possible)


def test_a_single_moment_is_refused():
    with pytest.raises(TrainingRefused, match="same moment"):
        hold_out(case(1, 0), 0, 1, Order("time", np.zeros(300)))
