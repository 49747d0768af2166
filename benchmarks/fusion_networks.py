"""Networks of several sequences trained end to end: how fast each fusion is, and how well it grades real gliomas.

    python benchmarks/fusion_networks.py [--store feature_store] [--folds 5] [--epochs 10] [--speed-only]

First the pictures per processor second of each fusion in training and in answering, generated pictures of four
sequences, one thread, and its ratio to the plain way: an encoder for each sequence, one by one. Then a recipe on
``brats20_tcga_roi``: grade, patients out of fold, the same folds for each fusion, the mean of the single networks, each
of them alone, the clinical columns, and, where a network reads radiomic features, a late fusion of those alone.
MobileNetV2 of a quarter of its width, so that a processor is enough: the numbers compare ways to join, and say nothing
of networks of full width. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from radiofuse.bundle.read import read_table
from radiofuse.commands import terminal
from radiofuse.deep import Training, embed, make_encoder, train_encoder
from radiofuse.deep.fusion.choices import FUSIONS, RADIOMICS_ATTENTION
from radiofuse.experiment.run import run_recipe

ENCODER, OPTIONS, SIZE, SEQUENCES = "mobilenet_v2", {"width": 0.25}, 64, ("t1", "t1ce", "t2", "flair")
RADIOMIC = 100  # columns of each sequence, generated too, for the fusion that reads some
NET = "radiofuse.deep.fusion.image_net:FusionNet"
PIXELS = 'encoder = "pixels", head = [1024, 512, 256, 128]'
MODELS = {  # options of each network, and whether it reads clinical columns
    **{name: (f'fusion = "{name}"', False) for name in FUSIONS},
    "weighting_dropout": ('fusion = "weighting", modality_dropout = true', False),
    "concatenation_clinical": ('fusion = "concatenation"', True),
    "weighting_clinical": ('fusion = "weighting"', True),
    "pixels_clinical": (f"{PIXELS}, clinical_width = 0", True),
}


def seconds(task: Callable[[], object]) -> float:
    """Return the processor seconds of a task, the least of three: others at work on the machine do not count."""
    taken = []
    for _ in range(3):
        start = process_time()
        task()
        taken.append(process_time() - start)
    return min(taken)


def speeds(n: int) -> pd.DataFrame:
    """Return pictures per second in training and answering of each fusion, and of single networks one by one."""
    rng, counts, labels = np.random.default_rng(0), np.ones(n, int), np.arange(n) % 2
    pictures = rng.normal(size=(n, len(SEQUENCES), SIZE, SIZE)).astype(np.float32)
    training = {"training": Training(epochs=1), "seed": 0, "device": "cpu", "groups": np.arange(n)}
    singles = [np.ascontiguousarray(pictures[:, [place]]) for place in range(len(SEQUENCES))]
    beside = np.ones((n, len(SEQUENCES)), np.float32)

    def train_singles() -> None:
        for own in singles:
            train_encoder(make_encoder(ENCODER, 0, options=OPTIONS), own, counts, labels, **training)

    encoder = make_encoder(ENCODER, 0, options=OPTIONS)
    lines = {"one by one": (seconds(train_singles), seconds(lambda: [embed(encoder, x, counts) for x in singles]))}
    for fusion in FUSIONS:
        options = {"fusion": fusion, "modalities": len(SEQUENCES), "encoder": ENCODER, "encoder_options": OPTIONS}
        told = np.empty((n, 0), np.float32)
        if fusion == RADIOMICS_ATTENTION:
            told = np.ones((n, len(SEQUENCES) * (1 + RADIOMIC)), np.float32)
            options["radiomics"] = RADIOMIC
        net, read = make_encoder(NET, 0, options=options), np.hstack([beside, told])
        lines[fusion] = (
            seconds(lambda net=net, read=read: train_encoder(net, pictures, counts, labels, beside=read, **training)),
            seconds(lambda net=net, read=read: embed(net, pictures, counts, beside=read)),
        )
    n_pictures = n * len(SEQUENCES)
    table = pd.DataFrame(lines, index=["training", "answering"]).T
    told = {f"{name}, pictures/s": (n_pictures / taken).round(0).astype(int) for name, taken in table.items()}
    ratios = {f"{name}, ratio": (taken["one by one"] / taken).round(2) for name, taken in table.items()}
    return pd.DataFrame({**told, **ratios})


def write_recipe(folder: Path, folds: int, epochs: int, only: Sequence[str] = tuple(MODELS)) -> Path:
    """Write the recipe with these networks."""
    networks = [
        f'[[models]]\nname = "{name}"\nkind = "network"\nkeep = false\nclinical = {str(clinical).lower()}\n'
        f"options = {{ {options} }}\n"
        for name, (options, clinical) in MODELS.items()
        if name in only
    ]
    reads_radiomics = RADIOMICS_ATTENTION in only
    radiomic = '[[models]]\nname = "radiomic"\nkeep = false\nreads = ["radiomics"]\ncombine = ["mean"]\n'
    path = folder / "fusion_networks.toml"
    path.write_text(
        f"""title = "Fusions of four sequences, end to end"
[cohort]
table = "{os.environ["RADIOFUSE_DATA"]}/brats20_tcga_roi/cohort.csv"
label = "high_grade"
ignore = ["idh", "who_grade", "codel_1p19q"]
modalities = {list(SEQUENCES)}
mask_label = "any"
[radiomics]
settings = "{"default" if reads_radiomics else "none"}"
[deep]
encoder = "{ENCODER}"
options = {{ width = {OPTIONS["width"]} }}
size = {SIZE}
join = "members"
[deep.training]
epochs = {epochs}
learning_rate = 1e-3
balance = "weights"
[fusion]
calibrate = false
[evaluation]
folds = {folds}
repeats = 1
reference = "single_mean"
[[models]]
name = "single"
reads = ["deep"]
combine = ["mean"]
{radiomic if reads_radiomics else ""}{"".join(networks)}""".replace("'", '"')
    )
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/fusion_networks"))
    parser.add_argument("--store", default="feature_store")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=64, help="Of the measurement of speed.")
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS), help="Networks of the recipe.")
    parser.add_argument("--speed-only", action="store_true")
    options = parser.parse_args()
    print(f"{options.samples} generated samples of {len(SEQUENCES)} pictures of {SIZE} x {SIZE}, {ENCODER}, one thread")
    print(speeds(options.samples).to_string(), flush=True)
    if options.speed_only:
        return
    if "RADIOFUSE_DATA" not in os.environ:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds brats20_tcga_roi/.")
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = write_recipe(options.out, options.folds, options.epochs, options.only)
    places = {"out": options.out / "run", "store": options.store, "n_jobs": 1, "report": False}
    run_recipe(recipe, progress=terminal.progress, **places)
    print(f"\nGrade, patients out of fold, {options.folds} folds, {options.epochs} epochs")
    print(scores(options.out / "run" / "bundle").to_string())


def scores(bundle: Path) -> pd.DataFrame:
    """Return each answer's AUC with its interval, and its difference from the mean of the single networks."""
    aucs = read_table(bundle, "scores").query("metric == 'auc'").set_index("model")
    against = read_table(bundle, "against_reference").query("metric == 'auc'")
    other = against["a"].where(against["a"] != "single_mean", against["b"])
    sign = np.where(against["a"] == other, 1, -1)
    against = against.assign(difference=sign * against["difference"]).set_index(other.to_numpy())
    table = pd.DataFrame(index=aucs.index.rename(None))
    table["AUC (95% interval)"] = [_shown(*row) for row in aucs[["value", "low", "high"]].to_numpy()]
    table["less single_mean"] = against["difference"].round(2).reindex(table.index)
    table["adjusted p"] = against["adjusted_p_value"].round(2).reindex(table.index)
    return table


def _shown(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
