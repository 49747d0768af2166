"""Distances to training patients: as reckoned by hand, limits that new patients keep to, no self as neighbor."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from radiofuse.statistics.nearest_patients import NEAREST, NearestPatients, telling_columns, upper_limits


def drawn(n: int, seed: int = 0, n_columns: int = 6) -> pd.DataFrame:
    """Columns that hang together, some with long tails."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, n_columns)) @ np.random.default_rng(99).normal(size=(n_columns, n_columns))
    mixed[:, 0] = np.exp(mixed[:, 0])
    return pd.DataFrame(mixed).add_prefix("t1__f")


def by_hand(X: pd.DataFrame, row: pd.Series, left_out: int | None = None) -> float:
    """The mean distance to the nearest rows, in plain loops."""
    apart, middle = [], X.median()
    scale = (X.quantile(0.75) - X.quantile(0.25)) / 1.349

    def brought(values) -> list[float]:
        return [math.asinh((one - center) / width) for one, center, width in zip(values, middle, scale, strict=True)]

    for place, other in enumerate(X.to_numpy()):
        pairs = zip(brought(row), brought(other), strict=True)
        squares = [(a - b) ** 2 for a, b in pairs if not (math.isnan(a) or math.isnan(b))]
        if place != left_out and squares:
            apart.append(math.sqrt(sum(squares) / len(squares)))
    return float(np.mean(sorted(apart)[:NEAREST]))


def test_distance_and_limits_are_those_reckoned_by_hand():
    X, row = drawn(30).mask(np.random.default_rng(1).random((30, 6)) < 0.1), drawn(1, seed=5).iloc[0]
    place = NearestPatients(X, range(30)).place(row)
    assert place.distance == pytest.approx(by_hand(X, row))
    own = sorted(by_hand(X, X.iloc[at], left_out=at) for at in range(30))
    assert place.limits == pytest.approx((own[math.ceil(31 * 0.95) - 1], own[-1]))
    assert place.shares.sum() == pytest.approx(1) and list(place.shares) == sorted(place.shares, reverse=True)


def test_of_new_patients_like_those_of_training_five_and_one_in_a_hundred_lie_beyond():
    beyond = np.zeros(2)
    for seed in range(20):
        training = NearestPatients(drawn(100, seed), range(100))
        places = [training.place(row) for _, row in drawn(40, 1000 + seed).iterrows()]
        beyond += np.mean([[place.distance > limit for limit in place.limits] for place in places], axis=0) / 20
    assert 0.02 < beyond[0] < 0.08 and beyond[1] < 0.03  # 800 new patients: two standard errors of 0.05 are 0.016


def test_a_patient_far_off_in_one_column_is_outside_and_the_column_says_so():
    row = drawn(1, seed=5).iloc[0]
    place = NearestPatients(drawn(60), range(60)).place(row.where(row.index != "t1__f3", 80.0))
    assert place.verdict == "outside" and place.shares.index[0] == "t1__f3" and place.shares.iloc[0] > 0.5


def test_no_patient_is_compared_with_himself_and_scans_of_one_are_left_out_together():
    X = drawn(40)
    twice, patients = pd.concat([X, X + 1e-6], ignore_index=True), [*range(40), *range(40)]
    alone, doubled = NearestPatients(X, range(40)), NearestPatients(twice, patients)
    row = X.iloc[7]
    assert doubled.n_patients == 40
    assert doubled.place(row, 7).limits == pytest.approx(alone.place(row, 7).limits, rel=0.05)
    assert doubled.place(row, 7).distance == pytest.approx(by_hand(X, row, left_out=7), rel=0.05)
    assert 7 not in doubled.place(row, 7).nearest and doubled.place(row).nearest[0] == 7


def test_limits_are_those_of_the_columns_that_a_patient_has():
    X, row = drawn(60), drawn(1, seed=5).iloc[0]
    few = ["t1__f0", "t1__f1"]
    place = NearestPatients(X, range(60)).place(row.where(row.index.isin(few)))
    alone = NearestPatients(X[few], range(60)).place(row[few])
    assert (place.distance, *place.limits) == pytest.approx((alone.distance, *alone.limits))
    assert NearestPatients(X, range(60)).place(row * np.nan) is None


def test_too_few_patients_are_refused():
    with pytest.raises(ValueError, match="19 training patients can be compared, 20 are needed"):
        NearestPatients(drawn(38), [*range(19)] * 2)


@pytest.mark.parametrize(("n", "ranks"), [(19, (19, 19)), (98, (95, 98)), (99, (95, 99)), (399, (380, 396))])
def test_limits_are_ranks(n: int, ranks: tuple[int, int]):
    assert upper_limits(np.random.default_rng(0).permutation(np.arange(1, n + 1))) == ranks


def test_of_many_columns_those_stay_in_which_the_others_are_linear():
    X = drawn(80, n_columns=8)
    many = pd.concat(
        [X, X.add_suffix("again") * 3 + 1, X.add_suffix("noisy") + 1e-3, X.assign(same=1.0)[["same"]]], axis=1
    )
    kept = telling_columns(many, most=12)
    assert len(kept) <= 8 and len({name[:6] for name in kept}) == len(kept)
    assert telling_columns(many) == list(many)  # few enough: all of them


def test_what_is_the_same_for_all_training_patients_must_be_so_for_a_new_one():
    X, row = drawn(60).assign(spacing=1.0), drawn(1, seed=5).iloc[0]
    training = NearestPatients(X, range(60), same_to=0.02)
    assert training.place(row).verdict == training.place(pd.concat([row, pd.Series({"spacing": 1.01})])).verdict
    other = training.place(pd.concat([row, pd.Series({"spacing": 3.0})]))
    assert (
        other.verdict == "outside" and other.telling[0] == "spacing" and other.distance == training.place(row).distance
    )
    assert NearestPatients(X, range(60)).place(pd.concat([row, pd.Series({"spacing": 3.0})])).unlike == []
