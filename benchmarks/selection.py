"""How fast is selection, beside what users do? Both sides of each ratio come from this run.

    python benchmarks/selection.py [TABLE.csv --label COLUMN]

Without a table, generated features of the size and redundancy of a radiomics table. CPU seconds of one
thread, best of several runs; the slow side once.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import argparse
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn
from scipy import stats
from sklearn.linear_model import LassoCV

from radiofuse.select import LassoSelector, ThreeStepSelector
from radiofuse.select.correlation import prune
from radiofuse.select.mann_whitney import mann_whitney

REPEATS = 5


def cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least CPU time of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def report(step: str, size: tuple[int, int], plain: float, ours: float) -> None:
    """Print one line: the step, the table's size, both times and their ratio."""
    shape = "{} x {}".format(*size)
    print(f"{step:<48}{shape:>14}{1e3 * plain:>12.1f} ms{1e3 * ours:>10.1f} ms{plain / ours:>9.3g} x")


def generate(n_samples: int, n_features: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features that mix 30 hidden causes, as radiomics features do, five of them tied to the label."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 2
    causes = rng.normal(size=(n_samples, 30))
    causes[:, :5] += 0.5 * y[:, None]
    families = causes @ rng.normal(size=(30, n_features // 8)) / 30**0.5
    X = families[:, rng.integers(0, families.shape[1], n_features)]
    return np.asfortranarray(X + rng.uniform(0, 0.8, n_features) * rng.normal(size=X.shape)), y


def loop_over_columns(frame: pd.DataFrame, y: np.ndarray) -> list[float]:
    """Test column after column, as most scripts do."""
    positive = y == 1
    return [
        stats.mannwhitneyu(frame[name][positive], frame[name][~positive], method="asymptotic").pvalue for name in frame
    ]


def triangle_idiom(frame: pd.DataFrame) -> list[str]:
    """Drop each column that correlates above .9 with any earlier one, the snippet most scripts copy."""
    r = frame.corr().abs()
    upper = r.where(np.triu(np.ones(r.shape, dtype=bool), k=1))
    return [name for name in upper.columns if (upper[name] > 0.9).any()]


def compare(X: np.ndarray, y: np.ndarray) -> None:
    """Time the three steps, each on what the one before left, and the chain."""
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])
    plain, ours = loop_over_columns(frame, y), mann_whitney(X, y)
    assert np.array_equal(plain, ours.pvalue)
    report(
        "Mann-Whitney: loop of scipy over the columns",
        X.shape,
        cpu_seconds(lambda: loop_over_columns(frame, y), 1),
        cpu_seconds(lambda: mann_whitney(X, y)),
    )
    report(
        "                 np.sort of the same values",
        X.shape,
        cpu_seconds(lambda: np.sort(X, axis=0)),
        cpu_seconds(lambda: mann_whitney(X, y)),
    )
    report(
        "pruning: pandas .corr() and its triangle",
        X.shape,
        cpu_seconds(lambda: triangle_idiom(frame), 1),
        cpu_seconds(lambda: prune(X, 0.9)),
    )
    filtered = X[:, np.flatnonzero(ours.pvalue < 0.05)]
    kept = filtered[:, prune(filtered, 0.9)[0] < 0]
    standardized = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LassoCV does not converge on the far end of its path
        lasso_cv = cpu_seconds(lambda: LassoCV(cv=10).fit(standardized, y), 1)
    report(
        "LASSO: LassoCV(cv=10)", kept.shape, lasso_cv, cpu_seconds(lambda: LassoSelector(random_state=0).fit(kept, y))
    )
    chain = cpu_seconds(lambda: ThreeStepSelector(random_state=0).fit(X, y))
    print(f"the whole chain, as it runs in one outer fold: {1e3 * chain:.0f} ms")


def main() -> None:
    """Compare on generated features and, if one is given, on a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", nargs="?", type=Path, help="CSV with feature columns and a label of 0 and 1")
    parser.add_argument("--label", default="Target")
    options = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}, pandas {pd.__version__}, scikit-learn {sklearn.__version__}"
    )
    print(f"{'what users do':<48}{'table':>14}{'plain':>15}{'ours':>13}{'ratio':>11}")
    compare(*generate(159, 2030))
    if options.table:
        table = pd.read_csv(options.table)
        numbers = table.select_dtypes("number").drop(columns=options.label)
        print(options.table.name)
        compare(np.asfortranarray(numbers.to_numpy(float)), table[options.label].to_numpy())


if __name__ == "__main__":
    main()
