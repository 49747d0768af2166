"""Six ways to fuse networks and the weighting block, beside every single sequence and clinical columns alone.

    python benchmarks/grading_fusions.py [--store feature_store] [--jobs 2]

Runs ``pipelines/kheirbakhsh_grading.toml`` and prints its scores by patients with intervals, the difference of every
answer from the best sequence, which inner folds chose, and from the mean of all four (paired, adjusted for all of
them by Holm), scores by slices where networks answer for themselves, and the weights of the weighting block. Needs
``RADIOFUSE_DATA`` and MONAI.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pandas as pd
from fusion_table import difference, interval

from radiofuse.bundle.read import read_table
from radiofuse.commands import terminal
from radiofuse.experiment.run import run_recipe

PIPELINE = Path(__file__).resolve().parent.parent / "pipelines" / "kheirbakhsh_grading.toml"
METRICS = ["auc", "accuracy", "mcc", "weighted_f1", "weighted_precision", "weighted_recall"]
RULES = [f"late_clinical_{rule}" for rule in ("mean", "logit_mean", "vote")]


def scores_of(bundle: Path) -> pd.DataFrame:
    """Return a row per answer: scores with intervals, and what it has more than the best sequence."""
    scores = read_table(bundle, "scores")
    wide = scores.pivot(index="model", columns="metric", values=["value", "low", "high"])
    names = [name for name in scores["model"].unique() if not name.startswith("late_clinical_") or name in RULES]
    told = pd.DataFrame({metric: [interval(wide.loc[name], metric) for name in names] for metric in METRICS}, names)
    against = read_table(bundle, "against_reference").set_index("a")
    told["minus best"] = [difference(against.loc[name]) if name in against.index else "" for name in names]
    told["p, Holm"] = against["adjusted_p_value"].reindex(names).map("{:.3f}".format).replace("nan", "")
    mean = read_table(bundle, "comparisons").set_index("b")  # a is the first model's answer, the mean
    turned = pd.DataFrame({"difference": -mean["difference"], "low": -mean["high"], "high": -mean["low"]})
    told["minus mean"] = [difference(turned.loc[name]) if name in turned.index else "" for name in names]
    told["p of it, Holm"] = mean["adjusted_p_value"].reindex(names).map("{:.3f}".format).replace("nan", "")
    return told


def slices_of(bundle: Path) -> pd.DataFrame:
    """Return the scores by slices of the networks that answer for themselves."""
    scores = read_table(bundle, "scores")
    members = ~scores["model"].str.startswith("late_clinical_")  # the same networks as those of late
    sliced = scores[scores["metric"].str.startswith("slice_") & members]
    return sliced.pivot_table(index="model", columns="metric", values="value", sort=False).round(2)


def weights_of(bundle: Path) -> pd.DataFrame:
    """Return mean and standard deviation of the weights of held-out patients."""
    weights = read_table(bundle, "modality_weights")
    cells = [f"{row.mean:.2f} ± {row.sd:.2f}" for row in weights[["mean", "sd"]].itertuples(name="Weights")]
    groups = weights["class"].fillna("").replace("", "both") + ", " + weights["calls"]
    shown = weights.assign(cell=cells, of=groups)[~weights["calls"].eq("wrong")]
    return shown.pivot_table(index=["model", "of"], columns="member", values="cell", aggfunc="first", sort=False)


def main() -> None:
    """Run the recipe and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/kheirbakhsh_grading"))
    parser.add_argument("--store", default="feature_store")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if "RADIOFUSE_DATA" not in os.environ:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds brats20_tcga_roi/.")
    places = {"out": options.out, "store": options.store, "n_jobs": options.jobs, "report": False}
    bundle = run_recipe(PIPELINE, progress=terminal.progress, **places) / "bundle"
    table = scores_of(bundle)
    for part in (METRICS[:3], METRICS[3:], ["minus best", "p, Holm", "minus mean", "p of it, Holm"]):
        print(table[part].to_string(), end="\n\n")
    print(f"{slices_of(bundle).to_string()}\n\n{weights_of(bundle).to_string()}")


if __name__ == "__main__":
    main()
