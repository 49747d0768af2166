"""Distances by mean and covariance: as reckoned by hand, limits that new patients keep to, no row that is kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import LedoitWolf

from radiofuse.statistics.nearest_patients import upper_limits
from radiofuse.statistics.shrunk_distance import N_FOLDS, spread_of


def drawn(n: int, seed: int = 0, n_columns: int = 6) -> pd.DataFrame:
    """Columns that hang together, of two modalities, one with a long tail."""
    mixed = np.random.default_rng(seed).normal(size=(n, n_columns))
    mixed = mixed @ np.random.default_rng(99).normal(size=(n_columns, n_columns))
    mixed[:, 0] = np.exp(mixed[:, 0])
    return pd.DataFrame(mixed, columns=[f"t{at % 2 + 1}__f{at}" for at in range(n_columns)])


def by_hand(X: pd.DataFrame, row: pd.Series) -> float:
    """The distance of Mahalanobis with scikit-learn's covariance and a plain inverse."""
    Z = np.arcsinh((X - X.mean()) / X.std(ddof=0))
    z = np.arcsinh((row - X.mean()) / X.std(ddof=0)) - Z.mean()
    return float(np.sqrt(z @ np.linalg.inv(LedoitWolf().fit(Z).covariance_) @ z / len(z)))


def test_the_distance_is_that_of_mahalanobis_with_the_covariance_of_ledoit_and_wolf():
    X, new = drawn(50), drawn(5, seed=1)
    spread = spread_of(X, range(50))
    for _, row in new.iterrows():
        assert spread.place(row).distance == pytest.approx(by_hand(X, row))


def test_limits_are_of_patients_who_had_no_part_in_mean_and_covariance():
    X = drawn(50)
    own = [by_hand(X[np.arange(50) % N_FOLDS != at % N_FOLDS], X.iloc[at]) for at in range(50)]
    assert spread_of(X, range(50)).limits["t1", "t2"] == pytest.approx(upper_limits(np.array(own)))
    in_sample = upper_limits(np.array([by_hand(X, X.iloc[at]) for at in range(50)]))
    assert spread_of(X, range(50)).limits["t1", "t2"] > in_sample


@pytest.mark.parametrize("absent", [None, "t1"])
def test_of_new_patients_who_are_alike_about_5_in_100_lie_beyond(absent):
    beyond = []
    for seed in range(8):
        spread, new = spread_of(drawn(100, seed), range(100)), drawn(100, 100 + seed)
        new.loc[:, [name for name in new if absent and name.startswith(absent)]] = np.nan
        beyond += [spread.place(row).verdict != "inside" for _, row in new.iterrows()]
    assert 0.03 < np.mean(beyond) < 0.08


def test_samples_of_a_patient_are_left_out_together():
    X = pd.concat([drawn(30), drawn(30) + 1e-6], ignore_index=True)
    together, alone = spread_of(X, [*range(30), *range(30)]), spread_of(drawn(30), range(30))
    assert together.n_patients == 30
    fold = np.array([*range(30), *range(30)]) % N_FOLDS
    held = [by_hand(X[fold != fold[at]], X.iloc[at]) for at in range(60)]
    worst = np.maximum(held[:30], held[30:])  # of a patient's samples the furthest
    assert together.limits["t1", "t2"] == pytest.approx(upper_limits(worst))
    assert together.limits["t1", "t2"] != alone.limits["t1", "t2"]


def test_modalities_that_few_have_and_columns_that_are_the_same_for_all_take_no_part():
    X = drawn(40).assign(t1__f0=3.0)
    X.loc[15:, [name for name in X if name.startswith("t2")]] = np.nan
    spread = spread_of(X, range(40))
    assert spread.columns == ["t1__f2", "t1__f4"] and set(spread.limits) == {("t1",)}
    assert spread.place(X.iloc[0]) is not None and spread.place(X.iloc[0] * np.nan) is None
    assert spread_of(drawn(19), range(19)) is None
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 7)), columns=[f"m{at}__f" for at in range(7)])
    assert set(spread_of(many, range(30)).limits) == {tuple(f"m{at}" for at in range(7))}


def test_the_columns_that_say_so_come_first():
    X, row = drawn(50), drawn(1, seed=3).iloc[0].copy()
    row["t2__f3"] = 1e4
    assert spread_of(X, range(50)).place(row).telling[0] == "t2__f3"
