"""What Tumor-CutMix does to discrimination and calibration of a multi-task network, from the bundle of a run.

Run as ``python benchmarks/cutmix_calibration.py BUNDLE [--models weighed,cutmix]`` on the bundle of a recipe with the
same network without and with Tumor-CutMix, such as ``pipelines/gmmas_network.toml``. Prints by outcome for each model
the AUC, log loss, calibration error in ten bins (ece) and calibration slope of its out-of-fold predictions, for
outcomes of two classes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from radiofuse.bundle.read import read_table
from radiofuse.errors import RequestError

SCORES = ("auc", "log_loss")
CALIBRATION = ("ece", "slope")


def table_of(scores: pd.DataFrame, calibration: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return a row for each outcome and model: AUC, log loss, calibration error, slope.

    Parameters
    ----------
    scores, calibration : DataFrame
        Of a bundle; the calibration has several rows of a model, a bin each.
    models : sequence of str
        None of them: all, in the order of the scores.

    Raises
    ------
    RequestError
        If a model has no scores.
    """
    known = list(dict.fromkeys(scores["model"]))
    if strange := [name for name in models if name not in known]:
        raise RequestError(f"The bundle has no scores of {strange[0]!r}; its models are {', '.join(known)}.")
    wide = scores[scores["metric"].isin(SCORES)].pivot_table(
        index=["outcome", "model"], columns="metric", values="value", sort=False
    )
    of_bins = calibration.groupby(["outcome", "model"], sort=False)[list(CALIBRATION)].first()
    table = wide.join(of_bins)[[*SCORES, *CALIBRATION]]
    chosen = list(models) or [name for name in known if name in of_bins.index.get_level_values("model")]
    return table.reindex([(outcome, name) for outcome in dict.fromkeys(scores["outcome"]) for name in chosen])


def main() -> None:
    """Print the tables of a bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--models", default="")
    asked = parser.parse_args()
    models = [name.strip() for name in asked.models.split(",") if name.strip()]
    table = table_of(read_table(asked.bundle, "scores"), read_table(asked.bundle, "calibration"), models)
    print(table.round(2).to_string())


if __name__ == "__main__":
    main()
