"""Bootstrap intervals of AUC: all resamples at once against roc_auc_score in a loop, same resamples.

Run ``python benchmarks/intervals.py``. Prints CPU seconds of both sides from one run, their ratio and the largest
difference of a resampled AUC, then what a whole table of scores costs.
"""

from __future__ import annotations

import os
import platform
import time

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.metrics import roc_auc_score

from radiofuse.statistics import METRICS, auc, score_predictions
from radiofuse.statistics.intervals import multiplicities

N_RESAMPLES = 2000
N_MODELS, N_REPEATS, N_PATIENTS = 10, 5, 100


def main() -> None:
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"scipy {scipy.__version__}, pandas {pd.__version__}, scikit-learn {sklearn.__version__}\n")
    print(f"{'patients':>8} {'loop_s':>8} {'ours_s':>8} {'ratio':>6} {'max_difference':>14}")
    for n_patients in (100, 159, 500):
        compare_with_loop(n_patients)
    seconds, scores = timed(lambda: score_predictions(predictions(), n_resamples=N_RESAMPLES))
    print(
        f"\nscore_predictions: {scores['model'].nunique()} models x {N_REPEATS} repeats x {N_PATIENTS} patients x "
        f"{len(METRICS)} metrics x {N_RESAMPLES} resamples in {seconds:.2f} s"
    )
    for n_patients in (100, 300, 500):
        table = of_three_classes(n_patients)
        seconds, scores = timed(lambda table=table: score_predictions(table, n_resamples=N_RESAMPLES))
        print(
            f"of three classes: 1 model x 1 repeat x {n_patients} patients x {len(scores)} metrics x {N_RESAMPLES} "
            f"resamples in {seconds:.2f} s"
        )


def compare_with_loop(n_patients: int) -> None:
    label, probability = cohort(n_patients, seed=n_patients)
    seconds, found = timed(lambda: auc(label, probability, multiplicities(n_patients, N_RESAMPLES, seed=0)))
    drawn = [np.repeat(np.arange(n_patients), c.astype(int)) for c in multiplicities(n_patients, N_RESAMPLES, 0).T]
    loop_seconds, expected = timed(lambda: [roc_auc_score(label[rows], probability[rows]) for rows in drawn])
    difference = np.abs(found - expected).max()
    print(f"{n_patients:8d} {loop_seconds:8.3f} {seconds:8.4f} {loop_seconds / seconds:5.0f}x {difference:14.1e}")


def cohort(n_patients: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = (np.arange(n_patients) < 0.4 * n_patients).astype(int)
    return label, 1 / (1 + np.exp(0.5 - label - rng.normal(size=n_patients)))


def predictions() -> pd.DataFrame:
    tables = []
    for seed in range(N_MODELS * N_REPEATS):
        label, probability = cohort(N_PATIENTS, seed)
        ids = [f"p{patient:03d}" for patient in range(N_PATIENTS)]
        place = {"repeat": seed % N_REPEATS, "fold": 0, "model": f"m{seed // N_REPEATS}"}
        columns = {"sample_id": ids, "patient_id": ids, **place, "label": label, "probability": probability}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


def of_three_classes(n_patients: int) -> pd.DataFrame:
    rng = np.random.default_rng(n_patients)
    own = np.arange(n_patients) % 3
    strength = np.exp(rng.normal(size=(n_patients, 3)) + np.eye(3)[own])
    ids = np.repeat([f"p{patient:03d}" for patient in range(n_patients)], 3)
    place = {"outcome": "grade", "repeat": 0, "fold": 0, "model": "m0", "class": np.tile(["2", "3", "4"], n_patients)}
    probability = (strength / strength.sum(axis=1, keepdims=True)).ravel()
    label = np.eye(3, dtype=int)[own].ravel()
    return pd.DataFrame({"sample_id": ids, "patient_id": ids, **place, "label": label, "probability": probability})


def timed(work):
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


if __name__ == "__main__":
    main()
