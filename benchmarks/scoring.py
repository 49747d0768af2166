"""CPU seconds of what a run computes from its predictions alone: scores with intervals, comparisons, thresholds.

    python benchmarks/scoring.py out/idh_tcga/bundle [--resamples 2000 10000]

These are computed where the command runs, with a cluster or without. Beside them stands what the folds of the same
bundle took, from its `run_times.csv`, so that one sees what spreading them would save.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from radiofuse.bundle.read import read_table
from radiofuse.statistics import (
    calibration_table,
    compare_with_others,
    decision_table,
    operating_points_table,
    score_predictions,
)


def seconds_of_scores(bundle: Path, n_resamples: int) -> float:
    """Return the CPU seconds of all tables with intervals."""
    predictions = read_table(bundle, "predictions")
    resampling = {"n_resamples": n_resamples, "random_state": 0}
    before = time.process_time()
    score_predictions(predictions, **resampling)
    compare_with_others(predictions, predictions["model"].iloc[0], **resampling)
    operating_points_table(predictions, **resampling)
    calibration_table(predictions, random_state=0)
    decision_table(predictions, random_state=0)
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--resamples", type=int, nargs="+", default=[2000, 10_000])
    asked = parser.parse_args()
    times = read_table(asked.bundle, "run_times")
    folds = times.loc[times["stage"] == "folds", "seconds"].sum()
    print(f"Models in folds: {folds:.0f} s, as the bundle tells.")
    for n_resamples in asked.resamples:
        print(f"Scores with {n_resamples:,} resamples: {seconds_of_scores(asked.bundle, n_resamples):.1f} CPU s")


if __name__ == "__main__":
    main()
