"""Cohorts of simulated worlds, and what is fitted for each of them: the expensive half of ``coverage.py``."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse import modality_classifier
from radiofuse.patients import patient_splits
from radiofuse.patients.routing import fit_with_groups
from radiofuse.statistics.metrics import auc

BLOCK, CORRELATION, N_SIGNAL = 10, 0.6, 5
EFFECTS = {"weak": 0.4, "strong": 0.8}
K, REPEATS, RESAMPLES = 5, 5, 40


class World(NamedTuple):
    """How cohorts are drawn: features in blocks that correlate, the first of some blocks with signal."""

    signal: str
    n: int
    p: int

    def draw(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return features and labels of a cohort, half of it of each class."""
        rng = np.random.default_rng([seed, self.n, self.p, len(self.signal)])
        y = rng.permutation(np.arange(self.n) % 2)
        common = np.repeat(rng.normal(size=(self.n, self.p // BLOCK)), BLOCK, axis=1)
        X = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * rng.normal(size=(self.n, self.p))
        X[:, : N_SIGNAL * BLOCK : BLOCK] += EFFECTS[self.signal] * (y[:, None] - 0.5)
        return X, y

    def true_auc(self, chain: Any) -> float:
        """Return the AUC on infinitely many other patients of a chain that answers by a weighted sum."""
        weights = np.zeros(self.p)
        kept = chain["select"].get_support()
        weights[kept] = chain["classify"].coef_[0] / chain["scale"].scaler_.scale_[kept]
        blocks = weights.reshape(-1, BLOCK)
        distance = EFFECTS[self.signal] * blocks[:N_SIGNAL, 0].sum()
        spread = (1 - CORRELATION) * np.sum(blocks**2) + CORRELATION * np.sum(blocks.sum(axis=1) ** 2)
        return float(ndtr(distance / np.sqrt(2 * spread))) if spread > 0 else 0.5


WORLDS = [World(*parts) for parts in product(EFFECTS, (60, 100, 300), (200, 2000))]
TWO_WORLDS = [World("weak", 100, 200), World("strong", 100, 200)]


def fit(X: np.ndarray, y: np.ndarray, patients: np.ndarray, classifier: str = "logistic") -> Any:
    """Return the chain fitted to rows, of which those of a patient stay together in its inner folds."""
    return fit_with_groups(modality_classifier(classifier, random_state=0), X, y, patients)


def folds_part(world: World, seed: int) -> dict[str, Any]:
    """Return the true AUC, and the answers of 5 x 5 folds: as ranks in their repeat, which is all that AUCs ask."""
    X, y = world.draw(seed)
    n, truths = len(y), []
    answers, place = np.empty((REPEATS, n)), np.empty((REPEATS, n), dtype=int)
    for split in patient_splits(y, n_splits=K, n_repeats=REPEATS, random_state=seed):
        chain = fit(X[split.train], y[split.train], split.train)
        answers[split.repeat, split.test] = chain.decision_function(X[split.test])
        place[split.repeat, split.test] = split.fold
        truths.append(world.true_auc(chain))
    half = [
        float(auc(y[split.test], fit(X[split.train], y[split.train], split.train).decision_function(X[split.test])))
        for split in patient_splits(y, n_splits=2, n_repeats=REPEATS, random_state=seed)
    ]
    true = {"true": world.true_auc(fit(X, y, np.arange(n))), "true_in_folds": float(np.mean(truths))}
    return {**true, "y": y.tolist(), "ranks": ranks_of(answers), "fold": place.tolist(), "half": half}


def ranks_of(answers: np.ndarray) -> list[list[int]]:
    """Return the place of each answer among those of its repeat."""
    return [np.unique(row, return_inverse=True)[1].tolist() for row in answers]


def brnn_part(world: World, seed: int) -> dict[str, Any]:
    """Return the same of a Bayesian regularized network, its true AUC that on 5,000 other patients."""
    X, y = world.draw(seed)
    others, labels = world._replace(n=5000).draw(seed)
    answers, place = np.empty((REPEATS, len(y))), np.empty((REPEATS, len(y)), dtype=int)
    for split in patient_splits(y, n_splits=K, n_repeats=REPEATS, random_state=seed):
        chain = fit(X[split.train], y[split.train], split.train, "brnn")
        answers[split.repeat, split.test] = chain.predict_proba(X[split.test])[:, 1]
        place[split.repeat, split.test] = split.fold
    true = auc(labels, fit(X, y, np.arange(len(y)), "brnn").predict_proba(others)[:, 1])
    return {"true": float(true), "y": y.tolist(), "ranks": ranks_of(answers), "fold": place.tolist()}


def nested_part(world: World, seed: int) -> dict[str, Any]:
    """Return for each repeat the AUC on fold j of the chain that saw neither fold i nor j, shape (K, K)."""
    X, y = world.draw(seed)
    splits, inner = patient_splits(y, n_splits=K, n_repeats=REPEATS, random_state=seed), []
    for repeat in range(REPEATS):
        tests = [split.test for split in splits if split.repeat == repeat]
        areas = np.full((K, K), 0.0)
        for i, j in combinations(range(K), 2):
            train = np.setdiff1d(np.arange(len(y)), np.concatenate([tests[i], tests[j]]))
            chain = fit(X[train], y[train], train)
            for out, test in ((i, j), (j, i)):
                areas[out, test] = auc(y[tests[test]], chain.decision_function(X[tests[test]]))
        inner.append(areas.round(6).tolist())
    return {"inner": inner}


def refits_part(world: World, seed: int) -> dict[str, Any]:
    """Return the cross-validated AUC, mean of the folds and pooled, twice in each resample of the patients."""
    X, y = world.draw(seed)
    rng, by_fold, pooled = np.random.default_rng(seed), [], []
    for resample in range(RESAMPLES):
        rows = np.sort(np.concatenate([rng.choice(np.flatnonzero(y == label), world.n // 2) for label in (0, 1)]))
        estimates = [cross_validated(X[rows], y[rows], rows, 2 * resample + again) for again in (0, 1)]
        by_fold.append([round(each[0], 6) for each in estimates])
        pooled.append([round(each[1], 6) for each in estimates])
    return {"by_fold": by_fold, "pooled": pooled}


def cross_validated(X: np.ndarray, y: np.ndarray, patients: np.ndarray, seed: int) -> tuple[float, float]:
    """Return the mean AUC of five folds and the AUC of their pool."""
    answers, areas = np.empty(len(y)), []
    for split in patient_splits(y, patients, n_splits=K, random_state=seed):
        chain = fit(X[split.train], y[split.train], patients[split.train])
        answers[split.test] = chain.predict_proba(X[split.test])[:, 1]
        areas.append(float(auc(y[split.test], answers[split.test])))
    return float(np.mean(areas)), float(auc(y, answers))


def pooling_part(world: World, seed: int) -> dict[str, Any]:
    """Return of other models the mean AUC of five folds, that of their pool, and that on 2,000 other patients."""
    X, y = world.draw(seed)
    others, labels = world._replace(n=2000).draw(seed)
    models = {
        "forest": RandomForestClassifier(100, random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.01)),
    }
    found = {}
    for name, model in models.items():
        answers, areas = np.empty(len(y)), []
        for split in patient_splits(y, n_splits=K, random_state=seed):
            answers[split.test] = clone(model).fit(X[split.train], y[split.train]).predict_proba(X[split.test])[:, 1]
            areas.append(float(auc(y[split.test], answers[split.test])))
        true = float(auc(labels, model.fit(X, y).predict_proba(others)[:, 1]))
        found[name] = {"pooled": float(auc(y, answers)), "folds": float(np.mean(areas)), "true": true}
    return found


PARTS = {
    "folds": (folds_part, WORLDS),
    "nested": (nested_part, WORLDS),
    "refits": (refits_part, TWO_WORLDS),
    "pooling": (pooling_part, TWO_WORLDS),
    "brnn": (brnn_part, TWO_WORLDS),
}


def tasks(cohorts: dict[str, int]) -> Iterator[tuple[str, World, int]]:
    """Yield what is to be fitted, cohort by cohort through all worlds, so that a run that stops is even."""
    for seed in range(max(cohorts.values())):
        for part, (_, worlds) in PARTS.items():
            if seed < cohorts[part]:
                yield from ((part, world, seed) for world in worlds)


def fit_cohorts(file: Path, cohorts: dict[str, int], minutes: float) -> None:
    """Append a line to the file for each task that it lacks, until all are there or the time is over."""
    done = {(line["part"], World(*line["world"]), line["seed"]) for line in read(file)}
    end = time.monotonic() + 60 * minutes
    mend_end(file)
    with file.open("a") as lines, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty selections and ends of paths, of which simulations are full
        for part, world, seed in tasks(cohorts):
            if time.monotonic() > end:
                return
            if (part, world, seed) not in done:
                line = {"part": part, "world": world, "seed": seed, **PARTS[part][0](world, seed)}
                print(json.dumps(line, separators=(",", ":")), file=lines, flush=True)


def mend_end(file: Path) -> None:
    """End a last line that was left half written."""
    if file.exists() and file.read_text()[-1:] not in ("", "\n"):
        with file.open("a") as lines:
            print(file=lines)


def read(file: Path) -> list[dict[str, Any]]:
    """Return the lines of a file that are whole; the last may be half written."""
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]
