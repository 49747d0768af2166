"""How long a recipe's folds take, beside a plain script of the same chain. Both sides come from this run.

    python benchmarks/folds.py [--splits 25] [--plain-splits 1]

98 patients, 4 modalities of 873 generated features each, 5 x 5 folds of whole patients. In every training fold each
modality is imputed, scaled, selected and classified once on all of its rows and once in each of 5 inner folds, whose
held-out probabilities the fusion learns from. The plain side does so as most scripts do: pandas, scipy's Mann-Whitney
test in a loop, a double loop over the correlation matrix, LassoCV, logistic regression, stacking. It takes so long that
by default it runs one of the 25 splits, and its time is multiplied by their number. Its classifier is the cheaper one:
ours trains a Bayesian regularized network. One thread; CPU seconds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.linear_model import LassoCV, LogisticRegression
from sklearn.model_selection import StratifiedKFold

from radiofuse import LateFusion, modality_classifier
from radiofuse.evaluate import run_folds
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.patients import Split, patient_splits

N_PATIENTS, N_POSITIVE, N_FEATURES = 98, 37, 873
MODALITIES = ("t1", "t1ce", "t2", "flair")
COMBINERS = ["mean", "vote", "regression", "nonnegative", "linear_regression"]


def generate(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features that mix a few hidden causes, as radiomics features do, some of them tied to the label."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(N_PATIENTS) < N_POSITIVE).astype(int)
    blocks = []
    for name in MODALITIES:
        causes = rng.normal(size=(N_PATIENTS, 30))
        causes[:, :5] += 0.4 * y[:, None]
        families = causes @ rng.normal(size=(30, N_FEATURES // 8)) / 30**0.5
        X = families[:, rng.integers(0, families.shape[1], N_FEATURES)]
        X = X + rng.uniform(0, 0.8, N_FEATURES) * rng.normal(size=X.shape)
        blocks.append(pd.DataFrame(X).add_prefix(f"{name}__f"))
    return pd.concat(blocks, axis=1), y


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


# ---------------------------------------------------------------- what users do


def naive_chain(train: pd.DataFrame, y: np.ndarray, test: pd.DataFrame) -> np.ndarray:
    """Return probabilities of the test rows by a chain learned in the training rows."""
    medians = train.median().fillna(0)
    train, test = train.fillna(medians), test.fillna(medians)
    positive = y == 1
    pvalues = {name: stats.mannwhitneyu(train[name][positive], train[name][~positive]).pvalue for name in train}
    names = [name for name, pvalue in pvalues.items() if pvalue < 0.05] or [min(pvalues, key=pvalues.get)]
    names = uncorrelated(train[names])
    mean, spread = train[names].mean(), train[names].std(ddof=0).replace(0, 1)
    Z, Z_test = (train[names] - mean) / spread, (test[names] - mean) / spread
    coef = LassoCV(cv=10).fit(Z, y).coef_
    chosen = Z.columns[coef != 0] if (coef != 0).any() else Z.columns[:1]
    return LogisticRegression(max_iter=1000).fit(Z[chosen], y).predict_proba(Z_test[chosen])[:, 1]


def uncorrelated(frame: pd.DataFrame) -> list[str]:
    """Compare every pair of columns of the correlation matrix, drop the later one."""
    r = frame.corr().abs()
    dropped = set()
    for i in range(len(r.columns)):
        for j in range(i):
            if r.iloc[i, j] > 0.9 and r.columns[j] not in dropped:
                dropped.add(r.columns[i])
    return [name for name in r.columns if name not in dropped]


def naive_split(X: pd.DataFrame, y: np.ndarray, split: Split) -> np.ndarray:
    """Return fused probabilities of one split's test rows."""
    train, test = X.iloc[split.train], X.iloc[split.test]
    y_train = y[split.train]
    held_out, answers = np.empty((len(train), len(MODALITIES))), []
    for place, name in enumerate(MODALITIES):
        own = [column for column in X if column.startswith(f"{name}__")]
        for inner, other in StratifiedKFold(5, shuffle=True, random_state=0).split(train, y_train):
            held_out[other, place] = naive_chain(train[own].iloc[inner], y_train[inner], train[own].iloc[other])
        answers.append(naive_chain(train[own], y_train, test[own]))
    return LogisticRegression().fit(held_out, y_train).predict_proba(np.column_stack(answers))[:, 1]


# ---------------------------------------------------------------- what radiofuse does


def our_splits(X: pd.DataFrame, y: np.ndarray, splits: Sequence[Split]) -> list:
    """Return what a recipe's runner returns, its findings included."""
    members = [(name, modality_classifier("brnn", random_state=0)) for name in MODALITIES]
    fusion = LateFusion(members, combine=COMBINERS, cv=5, random_state=0)
    return run_folds({"fusion": fusion}, X, y, splits=splits, n_jobs=1, inspect=inspect_fold)


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=25, help="of 25, for our side")
    parser.add_argument("--plain-splits", type=int, default=1, help="of 25, for the plain side")
    options = parser.parse_args()
    X, y = generate()
    splits = patient_splits(y, n_splits=5, n_repeats=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LassoCV does not converge on the far end of its path
        our_splits(X, y, splits[:1])  # imports and caches
        ours = cpu_seconds(lambda: our_splits(X, y, splits[: options.splits])) * len(splits) / options.splits
        chosen = splits[: options.plain_splits]
        plain = cpu_seconds(lambda: [naive_split(X, y, split) for split in chosen]) * len(splits) / len(chosen)
    print(
        f"{N_PATIENTS} patients x {len(MODALITIES)} modalities x {N_FEATURES} features, {len(splits)} splits, one core"
    )
    print(f"plain script ({options.plain_splits} of {len(splits)} splits, extrapolated): {plain:8.1f} CPU s")
    print(f"radiofuse    ({options.splits} of {len(splits)} splits):                 {ours:8.1f} CPU s")
    print(f"ratio: {plain / ours:.0f}")


if __name__ == "__main__":
    main()
