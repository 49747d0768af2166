"""How fast is selection, beside what users do? Both sides of each ratio come from this run.

    python benchmarks/selection.py [PART ...] [--table TABLE.csv --label COLUMN] [--repeats 10]

Parts: mann_whitney, folds, pruning, lasso, logistic, chain, memory, command; all of them by default. Without a
table, generated features of the size and redundancy of a radiomics table. One thread; CPU and wall seconds, best of
several runs, the slow side once. skglm and R's glmnet take part where they are installed; glmnet on the same folds and
penalties.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy
import sklearn
from scipy import stats
from sklearn.linear_model import LassoCV, LogisticRegressionCV
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.preprocessing import StandardScaler

from radiofuse.select import LassoSelector, ThreeStepSelector, fit_in_folds
from radiofuse.select.lasso import stratified_folds
from radiofuse.select.mann_whitney import mann_whitney
from radiofuse.select.pruning import prune
from radiofuse.select.sorted_columns import SortedColumns

R_SCRIPT = """
suppressMessages(library(glmnet))
args <- commandArgs(TRUE)
d <- as.matrix(read.csv(args[1])); x <- d[, -(1:2)]; fold <- d[, 2] + 1; y <- d[, 1]
lambda <- as.numeric(strsplit(args[3], ",")[[1]])
best <- Inf
for (i in 1:3) {
  t <- system.time(f <- cv.glmnet(x, y, family = args[2], foldid = fold, lambda = lambda))
  best <- min(best, t[["user.self"]] + t[["sys.self"]])
}
least <- lambda == f$lambda.min
cat(best, which(least) - 1, f$nzero[least], as.character(packageVersion("glmnet")))
"""


class Took(NamedTuple):
    """Least CPU and wall seconds of several runs."""

    cpu: float
    wall: float


def clock(work: Callable[[], object], repeats: int = 5) -> Took:
    """Time some work; the least of several runs."""
    times = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return Took(*np.min(times, axis=0))


def report(step: str, size: tuple[int, int], plain: Took, ours: Took) -> None:
    """Print one line: the step, the table's size, both times and the ratios."""
    shape = "{} x {}".format(*size)
    print(
        f"{step:<52}{shape:>13}{1e3 * plain.cpu:>12.1f} ms{1e3 * ours.cpu:>10.2f} ms"
        f"{plain.cpu / ours.cpu:>9.3g} x{plain.wall / ours.wall:>9.3g} x",
        flush=True,
    )


def generate(n_samples: int, n_features: int, seed: int = 0, noise: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """Return features that mix 30 hidden causes, as radiomics features do, five of them tied to the label."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 2
    causes = rng.normal(size=(n_samples, 30))
    causes[:, :5] += 0.5 * y[:, None]
    families = causes @ rng.normal(size=(30, n_features // 8)) / 30**0.5
    X = families[:, rng.integers(0, families.shape[1], n_features)]
    return np.asfortranarray(X + rng.uniform(0, noise, n_features) * rng.normal(size=X.shape)), y


# ---------------------------------------------------------------- what users do


def loop_over_frame(frame: pd.DataFrame, y: np.ndarray) -> list[float]:
    """Test column after column of a DataFrame, as most scripts do."""
    positive = y == 1
    return [
        stats.mannwhitneyu(frame[name][positive], frame[name][~positive], method="asymptotic").pvalue for name in frame
    ]


def double_loop(frame: pd.DataFrame) -> list[str]:
    """Compare every pair of columns of the correlation matrix, drop the later one."""
    r = frame.corr().abs()
    dropped = set()
    for i in range(len(r.columns)):
        for j in range(i):
            if r.iloc[i, j] > 0.9 and r.columns[j] not in dropped:
                dropped.add(r.columns[i])
    return [name for name in r.columns if name not in dropped]


def triangle_idiom(frame: pd.DataFrame) -> list[str]:
    """Drop each column that correlates above .9 with any earlier one, the snippet most scripts copy."""
    r = frame.corr().abs()
    upper = r.where(np.triu(np.ones(r.shape, dtype=bool), k=1))
    return [name for name in upper.columns if (upper[name] > 0.9).any()]


def naive_chain(frame: pd.DataFrame, y: np.ndarray) -> list[str]:
    """Select in one training fold as most scripts do."""
    pvalues = np.array(loop_over_frame(frame, y))
    frame = frame.loc[:, pvalues < 0.05]
    frame = frame[double_loop(frame)]
    Z = StandardScaler().fit_transform(frame)
    return frame.columns[LassoCV(cv=10).fit(Z, y).coef_ != 0].tolist()


# ---------------------------------------------------------------- the parts


def part_mann_whitney(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """One test of every column."""
    frame = as_frame(X)
    assert np.array_equal(loop_over_frame(frame, y), mann_whitney(X, y).pvalue)
    positive = y == 1
    ours = clock(lambda: mann_whitney(X, y), repeats)
    report(
        "Mann-Whitney: scipy in a loop over DataFrame columns",
        X.shape,
        clock(lambda: loop_over_frame(frame, y), 1),
        ours,
    )
    vectorized = clock(lambda: stats.mannwhitneyu(X[positive], X[~positive], method="asymptotic"), 2)
    report("    scipy on the whole table", X.shape, vectorized, ours)
    report("    np.sort of the same values", X.shape, clock(lambda: np.sort(X, axis=0), repeats), ours)
    if X.shape[1] < 5000:
        X, y = generate(1000, 20000)
        part_mann_whitney(X, y, max(2, repeats // 3))


def part_folds(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """The test in 50 training folds, columns sorted once."""
    trains = outer_folds(y)
    frame = as_frame(X)

    def ours() -> None:
        columns = SortedColumns(X)
        for train in trains:
            columns.mann_whitney(train, y[train])

    def each() -> None:
        for train in trains:
            mann_whitney(X[train], y[train])

    loop = clock(lambda: loop_over_frame(frame.iloc[trains[0]], y[trains[0]]), 1)
    took = clock(ours, repeats)
    report("50 folds of it: the loop (one fold, times 50)", X.shape, Took(50 * loop.cpu, 50 * loop.wall), took)
    report("    without sorting once", X.shape, clock(each, 2), took)


def part_pruning(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """Greedy pruning of a whole table."""
    frame = as_frame(X)
    ours = clock(lambda: prune(X, 0.9), repeats)
    assert double_loop(frame) == list(frame.columns[prune(X, 0.9)[0] < 0])
    report("pruning: pandas .corr() and a double loop", X.shape, clock(lambda: double_loop(frame), 1), ours)
    report("    pandas .corr() and its triangle", X.shape, clock(lambda: triangle_idiom(frame), 1), ours)
    report("    np.corrcoef alone", X.shape, clock(lambda: np.corrcoef(X, rowvar=False), repeats), ours)


def part_lasso(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """Ten-fold LASSO of what the first two steps leave."""
    kept = survivors(X, y)
    ours = clock(lambda: LassoSelector(random_state=0).fit(kept, y), repeats)
    Z = StandardScaler().fit_transform(kept)
    report("LASSO: LassoCV(cv=10)", kept.shape, clock(lambda: quietly(LassoCV(cv=10).fit, Z, y), 1), ours)
    report_skglm(kept, y, ours)
    report_glmnet("gaussian", kept, y, LassoSelector(random_state=0), repeats)
    wide, labels = generate(1000, 20000, noise=3.0)
    wide = survivors(wide, labels)
    for n_features in (1400, wide.shape[1]):
        report_glmnet("gaussian", wide[:, :n_features], labels, LassoSelector(random_state=0), 1)


def part_logistic(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """The same with the binomial likelihood."""
    kept = survivors(X, y)
    selector = LassoSelector(family="binomial", random_state=0)
    ours = clock(lambda: selector.fit(kept, y), repeats)
    Z = StandardScaler().fit_transform(kept)
    n_rows = len(y) * 0.9
    inverse = 1 / (selector.alphas_[0] * np.geomspace(1, 1e-3, 100) * n_rows)
    options = {"Cs": inverse, "cv": 10, "solver": "liblinear", "l1_ratios": (1,), "use_legacy_attributes": False}
    plain = clock(lambda: quietly(LogisticRegressionCV(**options).fit, Z, y), 1)
    report("logistic LASSO: LogisticRegressionCV, liblinear", kept.shape, plain, ours)
    report_glmnet("binomial", kept, y, selector, repeats)


def part_chain(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """The whole chain in 50 outer training folds."""
    trains, frame = outer_folds(y), as_frame(X)
    one = clock(lambda: quietly(naive_chain, frame.iloc[trains[0]], y[trains[0]]), 1)
    naive = Took(50 * one.cpu, 50 * one.wall)
    for family in ("gaussian", "binomial"):
        chain = ThreeStepSelector(family=family)
        ours = clock(lambda chain=chain: list(quietly(fit_in_folds, chain, X, y, trains, states=range(50))), 1)
        report(f"the chain in 50 folds ({family}): naive, one fold times 50", X.shape, naive, ours)
        print(f"    {ours.cpu:.2f} CPU s for the 50 selections")


def part_memory(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """Peak memory of pruning 20,000 features, in a process of its own."""
    code = (
        "import sys, time, numpy; from radiofuse.select.pruning import prune\n"
        "X = numpy.load(sys.argv[1]); start = time.process_time(); kept = (prune(X, 0.9)[0] < 0).mean()\n"
        "took = time.process_time() - start; status = open('/proc/self/status').read()\n"
        "print(kept, took, status.split('VmHWM:')[1].split()[0])"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        for n_samples, noise in ((1000, 3.0), (300, 0.5)):
            np.save(path, generate(n_samples, 20000, noise=noise)[0])
            done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
            share, took, peak_kb = map(float, done.stdout.split())
            print(
                f"pruning {n_samples} x 20000: {share:.0%} kept, {took:.2f} CPU s, "
                f"peak of the whole process {peak_kb / 2**20:.2f} GB"
            )


def part_command(X: np.ndarray, y: np.ndarray, repeats: int) -> None:
    """One pass of the command from CSV, whole process; and the same bytes for one and two processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        as_frame(X).assign(label=y).to_csv(path, index=False)
        command = [sys.executable, "-m", "radiofuse.select", str(path), "--label", "label"]
        took = min(process_seconds([*command, "--no-nested"]) for _ in range(repeats))
        floor = min(process_seconds([sys.executable, "-c", "import pandas, sklearn.base"]) for _ in range(repeats))
        print(f"one pass from CSV, whole process: {took:.2f} s; importing pandas and sklearn.base alone: {floor:.2f} s")
        nested = {jobs: process_seconds([*command, "--jobs", jobs, "--out", f"{folder}/{jobs}"]) for jobs in ("1", "2")}
        names = sorted(file.name for file in Path(folder, "1").iterdir())
        same = sum(Path(folder, "1", name).read_bytes() == Path(folder, "2", name).read_bytes() for name in names)
        print(
            f"nested, 10 x 5 folds, all files and the page: {nested['1']:.1f} s; with two processes {nested['2']:.1f} s"
        )
        print(f"same bytes with one and two processes: {same} of {len(names)} files")


# ---------------------------------------------------------------- shared


def as_frame(X: np.ndarray) -> pd.DataFrame:
    """Name the columns."""
    return pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])])


def quietly(work: Callable, *args, **kwargs):
    """Run without warnings: LassoCV does not converge on the far end of its path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return work(*args, **kwargs)


def survivors(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the columns that pass the first two steps."""
    filtered = X[:, np.flatnonzero(mann_whitney(X, y).pvalue < 0.05)]
    return np.asfortranarray(filtered[:, prune(filtered, 0.9)[0] < 0])


def outer_folds(y: np.ndarray) -> list[np.ndarray]:
    """Return the training rows of ten times five folds."""
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=0)
    return [train for train, _ in folds.split(y[:, None], y)]


def process_seconds(command: list[str]) -> float:
    """Return the wall seconds of a whole process."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def report_skglm(X: np.ndarray, y: np.ndarray, ours: Took) -> None:
    """Compare with skglm's path in ten folds and on all rows, at its default tolerance, where it is installed."""
    try:
        from skglm import Lasso
    except ImportError:
        print("    skglm is not installed: left out")
        return
    Z, target = np.asfortranarray(StandardScaler().fit_transform(X)), y - y.mean()
    folds = stratified_folds(y, None, 10, np.random.RandomState(0))
    alphas = np.abs(Z.T @ target).max() / len(y) * np.geomspace(1, 1e-3, 100)

    def paths() -> None:
        for fold in range(-1, 10):
            Lasso(fit_intercept=False).path(np.asfortranarray(Z[folds != fold]), target[folds != fold], alphas)

    quietly(paths)  # compiles
    report("    skglm's path, ten folds and all rows", X.shape, clock(lambda: quietly(paths), 2), ours)


def report_glmnet(family: str, X: np.ndarray, y: np.ndarray, selector: LassoSelector, repeats: int) -> None:
    """Compare with R's cv.glmnet on the same folds and penalties, where it is there."""
    ours = clock(lambda: selector.fit(X, y), max(repeats, 2))
    if shutil.which("Rscript") is None:
        print("    R is not installed: glmnet is left out")
        return
    folds = stratified_folds(y, None, 10, np.random.RandomState(0))
    lambdas = selector.alphas_[0] * np.geomspace(1, 1e-3, 100)
    with tempfile.TemporaryDirectory() as folder:
        table, script = Path(folder) / "x.csv", Path(folder) / "cv.R"
        script.write_text(R_SCRIPT)
        pd.concat([pd.DataFrame({"y": y, "fold": folds}), as_frame(X)], axis=1).to_csv(table, index=False)
        command = ["Rscript", script, table, family, ",".join(map(repr, lambdas.tolist()))]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"    glmnet is left out: {done.stderr.strip().splitlines()[-1]}")
        return
    cpu, place, nonzero, version = done.stdout.split()
    report(f"    R glmnet {version}, {family}, same folds", X.shape, Took(float(cpu), float(cpu)), ours)
    chosen = int(np.argmin(selector.cv_mean_))
    print(
        f"    lambda.min at {chosen} with {int((selector.coef_ != 0).sum())} features; in R at {place} with {nonzero}"
    )


PARTS = {name.removeprefix("part_"): part for name, part in list(globals().items()) if name.startswith("part_")}


def main() -> None:
    """Compare on generated features or on a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--table", type=Path, help="CSV with feature columns and a label of two values")
    parser.add_argument("--label", default="Target")
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    print(
        f"{processor()}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}, pandas {pd.__version__}, scikit-learn {sklearn.__version__}"
    )
    X, y = generate(159, 2030)
    if options.table:
        compression = "gzip" if options.table.suffix == ".gz" else None
        table = pd.read_csv(options.table, compression=compression)
        y = (table[options.label] == table[options.label].max()).to_numpy().astype(int)
        X = np.asfortranarray(
            table.select_dtypes("number").drop(columns=options.label, errors="ignore").to_numpy(float)
        )
    print(f"{'what users do':<52}{'table':>13}{'plain CPU':>15}{'ours CPU':>13}{'CPU':>11}{'wall':>11}")
    for name in options.parts or PARTS:
        PARTS[name](X, y, options.repeats)


def processor() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
