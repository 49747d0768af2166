"""VGG16 with attention and the four networks that were published beside it, each by a recipe of its own.

    python benchmarks/grading_networks.py [--store feature_store] [--jobs 2] [--only resnet50] [--epochs 12]

Each recipe is ``pipelines/vgg16_attention_grading.toml`` with another network, no classifiers of features, and the same
training, pictures, seed and folds; it is written to the output folder and can be run by itself. Widths leave a quarter
to four tenths of a million weights. Prints one table: scores out of fold with intervals, beside the published values,
which are of other patients and of full width, and the rule that calls every tumor high-grade. Needs ``RADIOFUSE_DATA``
and MONAI.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.read import read_table
from radiofuse.commands import terminal
from radiofuse.experiment.run import run_recipe

PIPELINE = Path(__file__).resolve().parent.parent / "pipelines" / "vgg16_attention_grading.toml"
NETWORKS = {  # width of each, and its published accuracy, precision, recall and F1, of 57 patients
    "vgg16_attention": (0.125, "0.860 0.854 0.976 0.911"),
    "resnet50": (0.125, "0.860 0.854 0.976 0.911"),
    "densenet201": (0.125, "0.772 0.837 0.857 0.847"),
    "efficientnet_b2": (0.17, "0.719 0.796 0.833 0.815"),
    "mobilenet_v2": (0.35, "0.702 0.766 0.857 0.809"),
}
ALWAYS = "0.737 0.737 1.000 0.848"  # what the rule has on the published patients
METRICS = ["auc", "accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1"]
PRINTED = ["accuracy", "precision", "recall", "f1"]


def recipe_of(network: str, epochs: int | None = None) -> dict[str, Any]:
    """Return the pipeline's recipe with another network and nothing beside it."""
    recipe = tomllib.loads(PIPELINE.read_text(encoding="utf-8"))
    width, _ = NETWORKS[network]
    options = {**recipe["deep"]["options"], "width": width}
    training = recipe["deep"]["training"] | ({"epochs": epochs} if epochs else {})
    deep = {**recipe["deep"], "encoder": network, "options": options, "training": training}
    models = [model for model in recipe["models"] if model.get("reads") == ["deep"]]
    own = {"title": f"Glioma grade by {network}", "radiomics": {"settings": "none"}, "models": models}
    return {name: part for name, part in {**recipe, "deep": deep, **own}.items() if name != "tables"}


def toml(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(part)}" for name, part in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


def scores_of(network: str, options: argparse.Namespace) -> pd.DataFrame:
    """Run one network's recipe, and return the scores of its answer and of the trivial rule, by model and metric."""
    path = options.out / f"{network}.toml"
    path.write_text(
        "\n".join(f"{name} = {toml(part)}" for name, part in recipe_of(network, options.epochs).items()),
        encoding="utf-8",
    )
    places = {"out": options.out / network, "store": options.store, "n_jobs": options.jobs, "report": False}
    run_recipe(path, progress=terminal.progress, **places)
    scores = read_table(options.out / network / "bundle", "scores")
    scores = scores[scores["model"].str.endswith("mean") | scores["model"].eq("trivial")]
    names = scores["model"].where(scores["model"].eq("trivial"), network)
    shown = [
        f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in scores[["value", "low", "high"]].to_numpy()
    ]
    return scores.assign(model=names, shown=shown).drop_duplicates(["model", "metric"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/grading_networks"))
    parser.add_argument("--store", default="feature_store")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", choices=NETWORKS, action="append", help="One network; may be given several times.")
    parser.add_argument("--epochs", type=int, help="Of training; left out, the pipeline's.")
    options = parser.parse_args()
    if "RADIOFUSE_DATA" not in os.environ:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds brats20_tcga_roi/.")
    options.out.mkdir(parents=True, exist_ok=True)
    networks = options.only or list(NETWORKS)
    scores = pd.concat([scores_of(network, options) for network in networks]).drop_duplicates(["model", "metric"])
    table = scores.pivot(index="model", columns="metric", values="shown").loc[[*networks, "trivial"]]
    published = pd.Series({name: text for name, (_, text) in NETWORKS.items()} | {"trivial": ALWAYS})
    print("Out of fold, with 95% intervals that hold the fitted models fixed")
    for part in (METRICS[:3], METRICS[3:]):
        print(table[part].rename_axis(None).rename_axis(None, axis=1).to_string(), end="\n\n")
    print(f"Published: {', '.join(PRINTED)}")
    print(published.loc[table.index].to_string())


if __name__ == "__main__":
    main()
