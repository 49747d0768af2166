"""How much sooner folds end on one and on two workers of a Dask cluster, and what the cluster costs per task.

    python benchmarks/cluster_speed.py [--rounds 3]

Twenty-five folds of a three-step selection and a logistic regression, 400 patients of noise and 4,000 features: in this
process, on a cluster of one worker and on one of two, in turn, by the wall clock. A task that multiplies two numbers
shows what sending it and fetching its answer takes. Scheduler and workers are processes of this machine, so that
nothing but them may run on it.
"""

from __future__ import annotations

import argparse
import operator
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.evaluate import run_folds
from radiofuse.patients.splits import patient_splits
from radiofuse.select import ThreeStepSelector
from radiofuse.work.cluster import on_cluster, run_on_cluster

N_PATIENTS, N_FEATURES, N_TASKS = 400, 4000, 1000


def main() -> None:
    from distributed import LocalCluster

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    seconds: dict[int, list[float]] = {0: [], 1: [], 2: []}
    per_task = []
    for _ in range(rounds):
        seconds[0].append(timed(fold))
        for n_workers in (1, 2):
            with (
                LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address=":0") as cluster,
                on_cluster(cluster.scheduler_address, n_jobs=1) as n_jobs,
            ):
                fold(n_jobs, repeats=1)  # imports, and the table travels
                seconds[n_workers].append(timed(partial(fold, n_jobs)))
                if n_workers == 1:
                    per_task.append(timed(multiply) / N_TASKS)
    print(f"25 folds in this process: {np.median(seconds[0]):.1f} s")
    for n_workers in (1, 2):
        ratios = sorted(here / there for here, there in zip(seconds[0], seconds[n_workers], strict=True))
        words = f"{np.median(ratios):.2f} times as fast [{ratios[0]:.2f} to {ratios[-1]:.2f}]"
        print(f"on {n_workers} worker{'s' * (n_workers > 1)}: {words}")
    print(f"a task that does nothing: {1000 * np.median(per_task):.1f} ms")


def fold(n_jobs: int = 1, repeats: int = 5) -> None:
    """Cross-validate, without a look at the answers."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        rng.normal(size=(N_PATIENTS, N_FEATURES)), [f"s{n:03d}" for n in range(N_PATIENTS)]
    ).add_prefix("f")
    y = np.arange(N_PATIENTS) % 2
    splits = patient_splits(y, table.index, n_splits=5, n_repeats=repeats, random_state=0)
    model = make_pipeline(StandardScaler(), ThreeStepSelector(), LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise has little to select
        run_folds({"model": model}, table, y, splits=splits, n_jobs=n_jobs)


def multiply() -> None:
    """Give the cluster in use tasks that take no time."""
    assert sum(product for _, product in run_on_cluster(operator.mul, 2, range(N_TASKS))) == N_TASKS * (N_TASKS - 1)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of a call by the wall clock."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


if __name__ == "__main__":
    main()
