"""A chain over outcomes beside the late fusions it stands on: IDH, 1p/19q and WHO grade 2/3/4 of TCGA gliomas.

Run as ``python benchmarks/outcome_chain.py``: four tables of 361 features of 162 patients, 5 folds, repeated 3 times.
The chain goes from IDH to 1p/19q to grade. Prints the AUC and the log-loss of each, and the difference of the AUC with
its interval. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd
from several_outcomes import DATA, table_of_tables, timed_run, write_recipe

ORDER = ["idh", "codel_1p19q", "who_grade"]
MODELS = """
[[models]]
name = "chained"
kind = "chained"
order = ["idh", "codel_1p19q", "who_grade"]
combine = ["mean"]
[[models]]
combine = ["mean"]
"""


def main() -> None:
    """Run both models on the same folds and print both sides."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"fusion": "", "settings": "none", "table": str(table_of_tables(folder)), "models": MODELS}
        recipe = write_recipe(folder / "chain.toml", ORDER, evaluation="folds = 5\nrepeats = 3", **options)
        timed_run(recipe, folder / "out", folder / "store")
        scores, compared, weights = (
            pd.read_csv(folder / "out" / "bundle" / f"{table}.csv", dtype={"class": str})
            for table in ("scores", "comparisons", "fusion_weights")
        )
    for outcome in ORDER:
        print(f"\n{outcome}")
        rows = scores[(scores["outcome"] == outcome) & scores["metric"].isin(["auc", "log_loss", "brier"])]
        whole = rows[rows["class"].isna()] if rows["class"].nunique() > 1 else rows
        print(
            whole[whole["model"].isin(["mean", "chained"])]
            .pivot(index="model", columns="metric", values="value")
            .round(3)
        )
        pair = compared[(compared["outcome"] == outcome) & (compared["b"] == "mean") & (compared["metric"] == "auc")]
        for row in pair.itertuples():
            print(f"chained - mean: {row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})")
    links = weights[(weights["model"] == "chained") & (weights["fusion"] == "chain")]
    print(links[["outcome", "member", "class", "weight", "low", "high"]].round(2).to_string(index=False))


if __name__ == "__main__":
    main()
