"""Selectors on weak signals: how well what they keep predicts, and how often nothing passed.

Run ``python benchmarks/weak_signals.py [tables] [pairs]``. Tables of 120 patients, 35 % positive, and 500 standard
normal features, of which the first few are shifted in the positive class. Everything is fitted in 5 folds; the same
folds serve all. ``n_pairs`` of stability selection as given (50 is the default, and moves the answer little).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from radiofuse.select import LassoSelector, StabilitySelector, ThreeStepSelector

N_PATIENTS, N_FEATURES, POSITIVE = 120, 500, 0.35


@dataclass(frozen=True)
class World:
    """How many features are shifted, by how many standard deviations; what variance each shares with a tenth of all."""

    n_signals: int
    shift: float
    shared: float = 0.0


WORLDS = {
    "noise": World(0, 0),
    "5 of .3": World(5, 0.3),
    "20 of .3": World(20, 0.3),
    "50 of .2": World(50, 0.2),
    "50 of .3, correlated": World(50, 0.3, shared=0.5),
    "5 of .6": World(5, 0.6),
    "5 of 1": World(5, 1.0),
}


def draw(world: World, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a table of features and its labels."""
    rng = np.random.default_rng(seed)
    y = rng.permutation((np.arange(N_PATIENTS) < round(POSITIVE * N_PATIENTS)).astype(int))
    factors = rng.normal(size=(N_PATIENTS, 10))[:, np.arange(N_FEATURES) % 10]
    X = np.sqrt(1 - world.shared) * rng.normal(size=factors.shape) + np.sqrt(world.shared) * factors
    X[:, : world.n_signals] += world.shift * y[:, None]
    return X, y


def scored(X: np.ndarray, y: np.ndarray, select: Callable[[], Any] | None, seed: int) -> tuple[float, float, float]:
    """Return the pooled AUC, the features kept on average, and the share of folds in which nothing passed."""
    answer, kept, empty = np.empty(len(y)), [], []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y):
        scaler = StandardScaler().fit(X[train])
        Z, new, fallback = scaler.transform(X[train]), scaler.transform(X[test]), False
        if select is not None:
            selector = select().fit(Z, y[train])
            Z, new, fallback = selector.transform(Z), selector.transform(new), getattr(selector, "fallback_", False)
        # as many columns as there are want a ridge; of few it changes little
        answer[test] = (
            LogisticRegression(C=1 / max(1, Z.shape[1]), max_iter=1000).fit(Z, y[train]).decision_function(new)
        )
        kept.append(Z.shape[1])
        empty.append(fallback)
    return float(roc_auc_score(y, answer)), float(np.mean(kept)), float(np.mean(empty))


def main(n_tables: int = 40, n_pairs: int = 20) -> None:
    selectors: dict[str, Callable[[], Any] | None] = {
        "all features, ridge": None,
        "three steps": lambda: ThreeStepSelector(random_state=0),
        "LASSO": lambda: LassoSelector(random_state=0),
        "stability": lambda: StabilitySelector(n_pairs=n_pairs, random_state=0),
        "stability, 10 false": lambda: StabilitySelector(max_false=10, n_pairs=n_pairs, random_state=0),
    }
    print(f"{'signals':22s}{'selection':22s}   AUC  ± se   below .5  features  nothing passed")
    for name, world in WORLDS.items():
        for selection, select in selectors.items():
            found = np.array([scored(*draw(world, seed), select, seed) for seed in range(n_tables)])
            (area, kept, empty), spread = found.mean(axis=0), found[:, 0].std(ddof=1) / np.sqrt(n_tables)
            below = (found[:, 0] < 0.5).mean()
            said = f"{area:6.3f} {spread:5.3f}   {below:8.0%}  {kept:8.1f}  {empty:14.0%}"
            print(f"{name:22s}{selection:22s}{said}", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):
        main(*map(int, sys.argv[1:]))
