"""Masks by the small U-Net beside those of experts: how well they fit, and what radiomics make of both.

    python benchmarks/segmentation.py [--folds 2] [--epochs 6] [--repeats 1] [--only windows|…] [--keep DIR]

111 gliomas of TCGA, four sequences in windows of 32 x 32 x 32 voxels that hold the tumor, with the experts' regions.
A U-Net for each fold of the patients is trained on the others, so that every mask is by a network that never saw the
patient. Dice, HD95 and volumes are against the expert's mask; the agreement of features, ICC(2,1), is of 107 features
of each sequence in the whole tumor of both masks; AUCs are of a late fusion of logistic regressions in five
folds, once with features in the experts' masks alone, once with those in predicted masks alone, on the same patients.
First, windows of a volume in batches, as ``in_windows`` asks a network, beside a plain loop over single windows and
MONAI's inferer. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from monai.inferers import sliding_window_inference

from radiofuse import FeatureStore, LateFusion, RadiomicsExtractor, collect_features, modality_classifier, read_cohort
from radiofuse.deep.segmentation.cross_fitting import train_segmenter
from radiofuse.deep.segmentation.masks import NetworkMasks
from radiofuse.deep.segmentation.options import SegmenterOptions
from radiofuse.deep.segmentation.segmenter import CARD, load_segmenter
from radiofuse.deep.segmentation.unet import UNet
from radiofuse.deep.segmentation.windows import in_windows, window_starts
from radiofuse.evaluate import cross_validated_predictions
from radiofuse.extract.mask_codings import expert_codings
from radiofuse.extract.predicted_masks import MaskedCohort, imaged_samples, make_masks
from radiofuse.extract.segmenter_examples import common_coding, training_examples
from radiofuse.statistics import auc, delong_test, icc
from radiofuse.statistics.segmentation import summarize_regions

CHANNELS = ("t1", "t1ce", "t2", "flair")
SETTINGS = {"setting": {"binWidth": 0.2}}  # intensities are z-scores
OUTCOMES = ("idh", "high_grade")
AS_CUT = {"z_scores": False, "flips": False}  # the windows were scaled before they were cut out; one answer, not eight
VOLUME, WINDOW = 64, (32, 32, 32)


def cross_fitted(cohort: pd.DataFrame, folder: Path, n_folds: int, options: SegmenterOptions) -> MaskedCohort:
    """Return masks of all patients by networks that never saw them."""
    samples, started = imaged_samples(cohort, expert_codings(cohort)), time.process_time()
    if not (folder / "network" / CARD).is_file():
        examples, _ = training_examples(samples, CHANNELS, folder, scaled=options.z_scores)
        options_of_training = {"n_folds": n_folds, "device": "cpu"}
        train_segmenter(examples, folder / "network", CHANNELS, common_coding(samples), options, **options_of_training)
        print(f"training took {time.process_time() - started:.0f} CPU seconds", file=sys.stderr)
    masks = NetworkMasks(load_segmenter(folder / "network"), "cpu")
    return make_masks(cohort, samples, masks, folder / "masks")


def features_of(cohort: pd.DataFrame, store: FeatureStore) -> pd.DataFrame:
    table = collect_features(cohort, RadiomicsExtractor(SETTINGS), store, n_jobs=1).table
    return table[[name for name in table if name.split("__")[0] in CHANNELS]]


def print_agreement(expert: pd.DataFrame, predicted: pd.DataFrame) -> None:
    """Print the ICC(2,1) of every feature in both masks, by family of features."""
    pairs = np.stack([expert.to_numpy(), predicted.to_numpy()], axis=-1).transpose(1, 0, 2)  # (features, patients, 2)
    values = np.array([float(icc(pair[np.isfinite(pair).all(axis=1)], "ICC(2,1)").icc) for pair in pairs])
    family = pd.Series([name.split("_")[-2] for name in expert], name="features")
    table = pd.DataFrame({"median ICC": values, "share above .75": values > 0.75}).groupby(family).mean().round(2)
    table["median ICC"] = pd.Series(values).groupby(family).median().round(2)
    print(table.assign(n=family.value_counts()).to_string())
    print(f"all: median {np.nanmedian(values):.2f}, above .75 in {np.mean(values > 0.75):.0%} of {len(values)}")


def print_aucs(cohort: pd.DataFrame, tables: dict[str, pd.DataFrame], repeats: int) -> None:
    """Print the AUC of late fusions of features in each kind of mask."""
    for outcome in OUTCOMES:
        labels = pd.to_numeric(cohort.set_index("sample_id")[outcome], errors="coerce")
        rows = [name for name in tables["predicted"].dropna(how="all").index if np.isfinite(labels[name])]
        told = {}
        for kind, table in tables.items():
            members = [(name, modality_classifier("logistic", random_state=0)) for name in CHANNELS]
            model = LateFusion(members, combine=["mean"], random_state=0)
            options = {"n_repeats": repeats, "random_state": 0}
            predictions = cross_validated_predictions(model, table.loc[rows], labels[rows].astype(int), **options)
            of_mean = predictions[predictions["model"] == "mean"]
            told[kind] = of_mean.pivot(index="sample_id", columns="repeat", values="probability").loc[rows].to_numpy()
        y = labels[rows].to_numpy(int)
        aucs = {kind: np.mean([auc(y, scores) for scores in each.T]) for kind, each in told.items()}
        said = ", ".join(f"{value:.3f} in {kind} masks" for kind, value in aucs.items())
        p = delong_test(y, *told.values())[1]
        print(f"{outcome}: AUC {said}, p {p:.2f} ({len(rows)} patients, {y.sum()} positive)")


def naive(net: torch.nn.Module, volume: torch.Tensor) -> torch.Tensor:
    """Return the mean of a network's answers, window by window, without anything shared."""
    starts = [window_starts(side, step, 0.5) for side, step in zip(volume.shape[1:], WINDOW, strict=True)]
    total, times = torch.zeros(4, *volume.shape[1:]), torch.zeros(volume.shape[1:])
    for a in starts[0]:
        for b in starts[1]:
            for c in starts[2]:
                box = slice(a, a + WINDOW[0]), slice(b, b + WINDOW[1]), slice(c, c + WINDOW[2])
                total[:, *box] += net(volume[:, *box][None])[0]
                times[box] += 1
    return total / times


def print_windows(repeats: int = 3) -> None:
    """Print how long three ways through the same windows take, each beside the naive loop."""
    torch.manual_seed(0)
    net, volume = UNet(len(CHANNELS)).eval(), torch.randn(len(CHANNELS), *[VOLUME] * 3)
    ways = {
        "naive loop": lambda: naive(net, volume),
        "in_windows, 1 at a time": lambda: in_windows(net, volume, WINDOW, batch_size=1, gaussian=False),
        "in_windows, 4 at a time": lambda: in_windows(net, volume, WINDOW, gaussian=False),
        "MONAI, 4 at a time": lambda: sliding_window_inference(volume[None], WINDOW, 4, net, overlap=0.5)[0],
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        answers = {name: way() for name, way in ways.items()}
        for name in list(ways) * repeats:
            started = time.process_time()
            ways[name]()
            seconds[name].append(time.process_time() - started)
    first = min(seconds["naive loop"])
    for name, taken in seconds.items():
        apart = float((answers[name] - answers["naive loop"]).abs().max())
        print(f"{name}: {min(taken) / first:.2f} of the naive loop's CPU time, answers {apart:.0e} apart")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--samples", type=int, default=0, help="the first so many; 0 is all")
    parser.add_argument("--repeats", type=int, default=1, help="of the folds of the late fusion")
    parser.add_argument("--only", choices=["windows", "masks", "radiomics"])
    parser.add_argument("--keep", type=Path, help="a folder of networks, masks and features; a second call goes on")
    asked = parser.parse_args()
    if "RADIOFUSE_DATA" not in os.environ:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds brats20_tcga_roi/.")
    torch.set_num_threads(1)
    if asked.only in (None, "windows"):
        print_windows()
    if asked.only != "windows":
        print_masks(asked)


def print_masks(asked: argparse.Namespace) -> None:
    """Print how well cross-fitted masks fit, how features in both masks agree, and the AUCs of both."""
    cohort = read_cohort(Path(os.environ["RADIOFUSE_DATA"]) / "brats20_tcga_roi" / "cohort.csv")
    cohort = cohort.head(asked.samples or len(cohort))
    with tempfile.TemporaryDirectory() as name:
        folder = asked.keep or Path(name)
        folder.mkdir(exist_ok=True)
        made = cross_fitted(cohort, folder, asked.folds, SegmenterOptions(epochs=asked.epochs, **AS_CUT))
        told = f"{asked.folds} folds, {asked.epochs} epochs, {len(made.failures)} without a mask"
        print(f"\n{len(made.rows)} patients, {told}")
        print(summarize_regions(made.scores, random_state=0).round(2).to_string(index=False), flush=True)
        if asked.only == "masks":
            return
        of_both = {"expert": features_of(cohort, FeatureStore(folder / "store"))}
        predicted = read_cohort_rows(made)
        of_both["predicted"] = features_of(predicted, FeatureStore(folder / "store"))
        there = of_both["predicted"].dropna(how="all").index
        print_agreement(*(of_both[kind].loc[there] for kind in ("expert", "predicted")))
        print_aucs(cohort, of_both, asked.repeats)


def read_cohort_rows(made: MaskedCohort) -> pd.DataFrame:
    """Return the rows with the new masks as a cohort table is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cohort.csv")
        made.rows.to_csv(path, index=False)
        return read_cohort(path)


if __name__ == "__main__":
    main()
