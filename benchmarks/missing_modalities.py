"""Patients who lack modalities: weights renormalized, learned anew, or taught by the rule that sees all of them.

    python benchmarks/missing_modalities.py [--repeats 5] [--outcome idh] [--absent 0.3]

162 gliomas of TCGA, four tables of 361 features, an outcome of two classes; five folds of whole patients, five inner
ones, members of three-step selection and logistic regression, fitted once for all ways. Test patients are answered as
if they had each of the 15 sets of modalities; training patients have all, or with ``--absent`` lack each modality with
that probability (every one keeps one). A loss is that against the answer from all modalities, on the same patients, the
mean over the 14 other sets: smaller is better. Differences of ways, above 0 where the way loses less than the one it is
held against, have 95 % intervals of 2,000 bootstrap samples of patients, the repeats averaged. Needs
``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from several_outcomes import DATA, MODALITIES, table_of_tables

from radiofuse import LateFusion, modality_classifier
from radiofuse.patients import patient_splits
from radiofuse.work.shared_calls import sharing_calls

WAYS = ["renormalize", "refit", "distill"]
COMBINE = ["mean", "regression", "ridge_mean", "linear_regression", "nonnegative"]
NAMES = list(MODALITIES)
SETS = [places for size in range(len(NAMES), 0, -1) for places in combinations(NAMES, size)]
OUTCOMES = ("idh", "codel_1p19q")


def cohort(outcome: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the features and labels of the patients whose outcome is known."""
    with tempfile.TemporaryDirectory() as folder:
        rows = pd.read_csv(table_of_tables(Path(folder))).set_index("sample_id").sort_index()
    features = [name for name in rows if name.split("__")[0] in NAMES]
    rows = rows[rows[outcome].notna() & rows[features].notna().any(axis=1)]
    return rows[features], rows[outcome].astype(int).to_numpy()


def without(X: pd.DataFrame, rows: np.ndarray, modality: str) -> None:
    """Take a modality from some rows, in place."""
    X.loc[X.index[rows], [name for name in X if name.startswith(f"{modality}__")]] = np.nan


def thinned(X: pd.DataFrame, absent: float, seed: int) -> pd.DataFrame:
    """Return training rows that lack each modality with a probability; every row keeps one of them."""
    rng, X = np.random.default_rng(seed), X.copy()
    lacks = rng.random((len(X), len(NAMES))) < absent
    lacks[np.arange(len(X)), rng.integers(len(NAMES), size=len(X))] = False
    for place, name in enumerate(NAMES):
        without(X, lacks[:, place], name)
    return X


def fitted(X: pd.DataFrame, y: np.ndarray) -> list[LateFusion]:
    """Return a fusion for each way, their members fitted once."""
    members = [(name, modality_classifier("logistic", random_state=0)) for name in NAMES]
    options = {"combine": COMBINE, "calibrate": True, "random_state": 0}
    with sharing_calls():
        return [LateFusion(members, missing=way, **options).fit(X, y) for way in WAYS]


def answers(X: pd.DataFrame, y: np.ndarray, repeats: int, absent: float) -> np.ndarray:
    """Return every answer for every patient, (n_samples, n_ways, n_combiners, n_sets, n_repeats)."""
    told = np.full((len(y), len(WAYS), len(COMBINE), len(SETS), repeats), np.nan)
    for number, split in enumerate(patient_splits(y, X.index, n_splits=5, n_repeats=repeats, random_state=0)):
        train, test = split.train, split.test
        fusions = fitted(thinned(X.iloc[train], absent, number) if absent else X.iloc[train], y[train])
        for at, there in enumerate(SETS):
            rows = X.iloc[test].copy()
            for name in set(NAMES) - set(there):
                without(rows, np.ones(len(rows), dtype=bool), name)
            each = [fusion.predict_proba_each(rows)[COMBINE].to_numpy() for fusion in fusions]
            told[test, :, :, at, split.repeat] = np.stack(each, axis=1)
        print(f"fold {number + 1} of {5 * repeats}", file=sys.stderr)
    return told


def scores(y: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Return AUC and log-loss, the repeats averaged: (2, n_ways, n_combiners, n_sets)."""
    ranks, n_positive = rankdata(told, axis=0), y.sum()
    pairs = n_positive * (len(y) - n_positive)
    aucs = (ranks[y == 1].sum(axis=0) - n_positive * (n_positive + 1) / 2) / pairs
    own = np.where(y.reshape(-1, 1, 1, 1, 1) == 1, told, 1 - told)
    return np.stack([aucs, -np.log(np.clip(own, 1e-6, None)).mean(axis=0)]).mean(axis=-1)


def lost(found: np.ndarray) -> np.ndarray:
    """Return what is lost without modalities, in AUC and log-loss, the mean of the sets: (2, n_ways, n_combiners)."""
    of_rest = found[..., 1:].mean(axis=-1) - found[..., 0]
    return of_rest * np.array([-1, 1]).reshape(2, 1, 1)


def resampled(y: np.ndarray, told: np.ndarray, n: int) -> np.ndarray:
    """Return the losses on patients drawn anew, n of them on a first axis."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(y), size=len(y)) for _ in range(n))
    return np.stack([lost(scores(y[rows], told[rows])) for rows in drawn])


def print_ways(y: np.ndarray, told: np.ndarray, n: int) -> None:
    """Print the scores with all modalities, the mean losses, and the differences of the ways."""
    found, drawn = scores(y, told), resampled(y, told, n)
    value, rows = lost(found), []
    for c, combiner in enumerate(COMBINE):
        print(f"{combiner}: AUC {found[0, 0, c, 0]:.3f}, log-loss {found[1, 0, c, 0]:.3f} with all modalities")
        for way, other in ((0, None), (1, 0), (2, 0), (2, 1)):
            row = {"combiner": combiner, "missing": WAYS[way], "AUC lost": f"{value[0, way, c]:.3f}"}
            row |= {"log-loss more": f"{value[1, way, c]:.3f}"}
            if other is not None:
                gains, own = drawn[:, :, other, c] - drawn[:, :, way, c], value[:, other, c] - value[:, way, c]
                row |= {"against": WAYS[other], "AUC": words(own[0], gains[:, 0])}
                row |= {"log-loss": words(own[1], gains[:, 1])}
            rows.append(row)
    print(f"\n{pd.DataFrame(rows).fillna('').to_string(index=False)}")


def words(value: float, drawn: np.ndarray) -> str:
    """Return a difference with its interval."""
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def print_sets(y: np.ndarray, told: np.ndarray, combiner: str) -> None:
    """Print AUC and log-loss of one combiner from each set of modalities, by way."""
    found = scores(y, told)[:, :, COMBINE.index(combiner)]
    named = [(m, w, f"{metric}, {way}") for m, metric in enumerate(("AUC", "loss")) for w, way in enumerate(WAYS)]
    columns = {name: found[m, w] for m, w, name in named}
    table = pd.DataFrame(columns, index=["+".join(there) for there in SETS])
    print(f"\n{combiner}, by what is there\n{table.map('{:.3f}'.format).to_string()}")


def main() -> None:
    """Fit, answer and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--outcome", choices=OUTCOMES, default="idh")
    parser.add_argument("--absent", type=float, default=0.0)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    X, y = cohort(options.outcome)
    print(f"{options.outcome}: {len(y)} patients, {y.sum()} positive; absent in training: {options.absent}")
    told = answers(X, y, options.repeats, options.absent)
    print_ways(y, told, options.resamples)
    print_sets(y, told, "ridge_mean")


if __name__ == "__main__":
    main()
