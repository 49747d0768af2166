"""What a run says of its calibration: each answer as it is and recalibrated, sets of classes, and refits that disagree.

Run as ``python benchmarks/recalibrated.py BUNDLE``, on the bundle of a recipe with ``recalibrations``, ``conformal``
and ``spread_refits`` under [evaluation], such as ``pipelines/gmmas_multitask.toml``. Prints by outcome: log loss,
calibration error and AUC of every kept model as it is and by each way to recalibrate it; the difference in log loss of
the answering model with its interval; how often its sets of classes hold the true one; and its calibration error
within bins of the spread of its refits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from radiofuse.bundle.read import read_description, read_table
from radiofuse.report.kinds import SUBSET
from radiofuse.statistics.uncertainty import OF_REFITS


def print_measures(table: pd.DataFrame, metric: str, kinds: dict[str, dict[str, str]]) -> None:
    """Print a measure of every model but combinations of members, as it is and by each method."""
    rows = table[(table["metric"] == metric) & ~table["model"].map(lambda name: kinds[name]["kind"] == SUBSET)]
    wide = rows.pivot(index="model", columns="method", values="after").loc[rows["model"].unique()]
    wide.insert(0, "as it is", rows.groupby("model")["before"].first())
    print(f"\n{metric}\n{wide[['as it is', *rows['method'].unique()]].round(3).rename_axis(None).to_string()}")


def print_outcome(name: str, tables: dict[str, pd.DataFrame], primary: str, kinds: dict[str, dict[str, str]]) -> None:
    """Print what there is of one outcome."""
    own = {key: table[table["outcome"] == name] for key, table in tables.items()}
    print(f"\n== {name}")
    for metric in ("log_loss", "ece", "auc"):
        print_measures(own["recalibrations"], metric, kinds)
    rows = own["recalibrations"].query("model == @primary and metric == 'log_loss'")
    told = [f"{row.method} {row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})" for row in rows.itertuples()]
    print(f"\nlog loss of {primary}, recalibrated less as it is: {'; '.join(told)}")
    sets = own["prediction_sets"].query("model == @primary")[["class", "coverage", "low", "high", "single", "several"]]
    print(f"\nsets of classes of {primary}\n{sets.round(2).to_string(index=False)}")
    bins = own["calibration_by_uncertainty"].query("model == @primary and method == ''")
    bins = bins[bins["uncertainty"] == OF_REFITS]
    used = bins[bins["from_uncertainty"] < bins.loc[bins["n"] > 0, "to_uncertainty"].max()]
    if len(used):
        shown = ["from_uncertainty", "to_uncertainty", "n", "confidence", "accuracy", "ece"]
        print(
            f"\n{primary} by the spread of its refits\n{used[shown].round(2).to_string(index=False, na_rep='nobody')}"
        )


def main(bundle: str) -> None:
    """Print the tables of a bundle."""
    folder = Path(bundle)
    names = ("recalibrations", "prediction_sets", "calibration_by_uncertainty")
    tables = {name: read_table(folder, name) for name in names}
    protocol = read_description(folder)["protocol"]
    for outcome in tables["recalibrations"]["outcome"].unique():
        print_outcome(outcome, tables, protocol["primary"], protocol["words"]["models"])


if __name__ == "__main__":
    main(sys.argv[1])
