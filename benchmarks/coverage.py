"""Do intervals of a cross-validated AUC hold the true AUC of the model that is shipped? Simulated cohorts tell.

Run as ``python benchmarks/coverage.py [cohorts per world] [processes]``. In each world a cohort is drawn again and
again, a modality's chain (three steps, logistic regression) is evaluated in 5 x 5 folds of patients, and fitted once
more to all of them: its true AUC is that on 5,000 other patients. Printed for each interval: how often it holds the
true AUC, how wide it is, and how far the estimate lies from the truth on average.

Intervals, none of which fits a model again but the last:

- patients: percentiles over resampled patients of the pooled AUC, models held fixed (what `score_predictions` gives);
- influence: the mean of the folds' AUCs, standard error by its influence curve (LeDell, Petersen and van der Laan 2015,
  Electron J Stat 9:1583-1607);
- folds: Student's t over the folds' AUCs, variance times 1/J + n_test/n_train (Nadeau and Bengio 2003, Mach Learn
  52:239-281);
- both: as "influence", with the variance between training sets, n_test/n_train times that of the folds, added;
- both, size: as "both", moved to the full number of patients by the difference to two-fold cross-validation, on a
  learning curve of 1/n.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import norm, t

from radiofuse import modality_classifier
from radiofuse.patients import patient_splits
from radiofuse.statistics.metrics import auc

N_TEST, BLOCK, CORRELATION, N_SIGNAL, RESAMPLES = 5000, 10, 0.6, 5, 500
EFFECTS = {"weak": 0.4, "strong": 0.8}


class World(NamedTuple):
    """How cohorts are drawn: features in blocks that correlate, the first of some blocks with signal."""

    signal: str
    n: int
    p: int

    def draw(self, n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
        """Return features and labels of n patients, half of them of each class."""
        y = rng.permutation(np.arange(n) % 2)
        common = np.repeat(rng.normal(size=(n, self.p // BLOCK)), BLOCK, axis=1)
        X = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * rng.normal(size=(n, self.p))
        X[:, : N_SIGNAL * BLOCK : BLOCK] += EFFECTS[self.signal] * (y[:, None] - 0.5)
        return pd.DataFrame(X).add_prefix("t1__f"), y


class Folds(NamedTuple):
    """Out-of-fold answers by repeat and sample, and the fold of each."""

    y: np.ndarray
    answers: np.ndarray  # (repeats, samples)
    fold: np.ndarray  # (repeats, samples)

    def by_fold(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield labels and answers of each fold."""
        for answers, fold in zip(self.answers, self.fold, strict=True):
            yield from ((self.y[fold == one], answers[fold == one]) for one in np.unique(fold))

    @property
    def aucs(self) -> np.ndarray:
        """The AUC in each fold."""
        return np.array([auc(y, answers) for y, answers in self.by_fold()])


def cross_validate(X: pd.DataFrame, y: np.ndarray, *, folds: int, repeats: int, seed: int) -> Folds:
    """Return the answers of a chain that is fitted in every fold."""
    answers, place = np.full((repeats, len(y)), np.nan), np.zeros((repeats, len(y)), dtype=int)
    for split in patient_splits(y, n_splits=folds, n_repeats=repeats, random_state=seed):
        chain = modality_classifier("logistic", random_state=0).fit(X.iloc[split.train], y[split.train])
        answers[split.repeat, split.test] = chain.predict_proba(X.iloc[split.test])[:, 1]
        place[split.repeat, split.test] = split.fold
    return Folds(y, answers, place)


def influence_variance(folds: Folds) -> float:
    """Return the variance of the mean AUC of the folds by its influence curve, averaged over the repeats."""
    total, repeats = 0.0, len(folds.answers)
    for y, answers in folds.by_fold():
        positive, negative = answers[y == 1], answers[y == 0]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        area = wins.mean()
        of_positive = (wins.mean(axis=1) - area) * len(y) / len(positive)
        of_negative = (wins.mean(axis=0) - area) * len(y) / len(negative)
        total += float(np.sum(of_positive**2) + np.sum(of_negative**2))
    return total / repeats / len(folds.y) ** 2


def resampled_patients(folds: Folds, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return the pooled AUC, averaged over the repeats, and its percentiles over resampled patients."""
    n = len(folds.y)
    counts = np.column_stack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).T])
    draws = np.mean([auc(folds.y, answers, counts) for answers in folds.answers], axis=0)
    return float(draws[0]), *map(float, np.nanpercentile(draws[1:], [2.5, 97.5]))


def intervals(X: pd.DataFrame, y: np.ndarray, seed: int) -> dict[str, tuple[float, float, float]]:
    """Return estimate, low and high by each method."""
    folds = cross_validate(X, y, folds=5, repeats=5, seed=seed)
    half = cross_validate(X, y, folds=2, repeats=5, seed=seed)
    aucs, mean = folds.aucs, float(folds.aucs.mean())
    between = float(aucs.var(ddof=1))
    size = mean + (mean - float(half.aucs.mean())) / 3  # on a + b/n, from .5 n and .8 n to n
    test = influence_variance(folds)
    errors = {
        "influence": (mean, np.sqrt(test), norm.ppf(0.975)),
        "folds": (mean, np.sqrt(between * (1 / len(aucs) + 0.25)), t.ppf(0.975, len(aucs) - 1)),
        "both": (mean, np.sqrt(test + 0.25 * between), norm.ppf(0.975)),
        "both, size": (size, np.sqrt(test + 0.25 * between), norm.ppf(0.975)),
    }
    symmetric = {name: (at, at - z * se, at + z * se) for name, (at, se, z) in errors.items()}
    return {"patients": resampled_patients(folds, np.random.default_rng(seed)), **symmetric}


def one_cohort(world: World, seed: int) -> list[dict[str, object]]:
    """Return for one drawn cohort whether each interval holds the true AUC of the model that is shipped."""
    rng = np.random.default_rng([seed, world.n, world.p, len(world.signal)])
    X, y = world.draw(world.n, rng)
    others, labels = world.draw(N_TEST, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty selections and ends of paths, of which simulations are full
        shipped = modality_classifier("logistic", random_state=0).fit(X, y)
        true = float(auc(labels, shipped.predict_proba(others)[:, 1]))
        found = intervals(X, y, seed)
    return [
        {**world._asdict(), "interval": name, "held": low <= true <= high, "width": high - low, "bias": at - true}
        for name, (at, low, high) in found.items()
    ]


def main(n_cohorts: int = 100, n_jobs: int = 1) -> None:
    """Print a table of all worlds and intervals."""
    worlds = [World(*parts) for parts in product(EFFECTS, (60, 100, 300), (200, 2000))]
    tasks = [delayed(one_cohort)(world, seed) for world in worlds for seed in range(n_cohorts)]
    rows = pd.DataFrame([row for rows in Parallel(n_jobs)(tasks) for row in rows])
    table = rows.groupby(["signal", "p", "n", "interval"], sort=False)[["held", "width", "bias"]].mean()
    print(f"{n_cohorts} cohorts per world: share of intervals that hold the true AUC, width, estimate minus truth")
    print(table.round(3).to_string())
    print(rows.groupby("interval", sort=False)[["held", "width", "bias"]].mean().round(3).to_string())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
