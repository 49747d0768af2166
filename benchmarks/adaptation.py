"""Missing sequences and few labels: what each stage of a multi-task network's adaptation gives on real gliomas.

    python benchmarks/adaptation.py [--folds 3] [--epochs 20] [--side 16] [--only missing|labels]

``brats20_tcga_roi``: IDH, grade and 1p/19q, each unknown in some patients, and the parts of the tumor; patients out of
fold, the same folds for all. First one network each with nothing, with sequences hidden in training, with
self-distillation, and with SimSiam between sequences before it: the AUC of every outcome, and the Dice of the whole
tumor, from each of the 15 subsets of four sequences, and the mean difference from the network with nothing, with an
interval over 500 resamples of the patients. Then with 60 % of the known labels of each outcome hidden: the network of
all labels, of those left (stage 1), and of those and pseudo-labels (stage 2). Cubes are halved to ``--side`` voxels, so
that one thread of a processor is enough. Needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import torch

from radiofuse.deep.device import own_chance
from radiofuse.deep.dropout_spread import drawing, dropouts_of
from radiofuse.deep.tasks.batches import TaskRows, one_hot
from radiofuse.deep.tasks.distillation import SelfDistillation
from radiofuse.deep.tasks.loop import TaskPlan, train_tasks
from radiofuse.deep.tasks.network import MultiTaskNet
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.deep.tasks.self_training import SelfTraining, fill_in
from radiofuse.deep.tasks.siamese import SequencePretraining
from radiofuse.deep.training.options import Training
from radiofuse.patients.inner_folds import folds_of_outcomes
from radiofuse.statistics import auc
from radiofuse.statistics.segmentation import dice

SEQUENCES, OUTCOMES = ("t1", "t1ce", "t2", "flair"), ("idh", "high_grade", "codel_1p19q")
PARTS, LABELS = ("NCR", "ED", "ET"), {"NCR": 1, "ED": 2, "ET": 4}
SUBSETS = [one for size in (4, 3, 2, 1) for one in combinations(range(4), size)]
PLANS = {  # what of each training, and whether sequences are hidden by dropout
    "plain": (TaskPlan(), False),
    "dropout": (TaskPlan(), True),
    "distilled": (TaskPlan(self_distillation=SelfDistillation()), False),
    "distilled + SimSiam": (TaskPlan(self_distillation=SelfDistillation(), pretraining=SequencePretraining()), False),
}
HIDDEN, RESAMPLES = 0.6, 500


@dataclass(frozen=True)
class Cohort:
    """All patients: cubes, labels NaN where unknown, masks."""

    pictures: np.ndarray  # (n, 4, side, side, side)
    y: pd.DataFrame
    patients: np.ndarray
    masks: list[np.ndarray]

    def rows(self, chosen: Sequence[int], y: pd.DataFrame | None = None) -> TaskRows:
        """Return some patients as a training reads them, with these labels or their own."""
        known = self.y if y is None else y
        targets = {name: one_hot(known[name].to_numpy()[chosen], 2) for name in OUTCOMES}
        ids = [str(self.y.index[at]) for at in chosen]
        maps = RegionMaps(PARTS, [self.masks[at] for at in chosen], [LABELS] * len(ids), ids, self.masks[0].shape)
        return TaskRows(self.pictures[chosen], np.ones((len(ids), 4)), targets, maps)


def read(folder: Path, side: int) -> Cohort:
    """Return the cohort, its cubes of 32 voxels halved by means, its masks by every other voxel."""
    table = pd.read_csv(folder / "cohort.csv", index_col="sample_id")
    step = 32 // side
    cubes = np.stack([[_voxels(folder / row[f"{name}__image"]) for name in SEQUENCES] for _, row in table.iterrows()])
    halved = cubes.reshape(len(table), 4, side, step, side, step, side, step).mean(axis=(3, 5, 7))
    masks = [_voxels(folder / place)[::step, ::step, ::step].astype(np.uint8) for place in table["mask"]]
    return Cohort(halved.astype(np.float32), table[list(OUTCOMES)].astype(float), table["patient_id"].to_numpy(), masks)


def _voxels(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj, dtype=np.float32)


def fitted(rows: TaskRows, plan: TaskPlan, training: Training, seed: int, *, hides: bool = False) -> MultiTaskNet:
    """Return a network trained on some patients, from the weights of a seed."""
    size = rows.pictures.shape[-1]
    with own_chance(seed, torch.device("cpu")):
        net = MultiTaskNet(4, n_classes=6, outcomes=(2, 2, 2), regions=3, size=size, modality_dropout=hides)
    train_tasks(net, rows, None, plan=plan, training=training, seed=seed, device="cpu")
    return net


@torch.no_grad()
def answers(net: MultiTaskNet, rows: TaskRows, subset: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities of the second class of each outcome, (n, 3), and the Dice of the whole tumor, (n,)."""
    arrays = rows.read(range(len(rows)))
    present = torch.zeros(len(rows), 4)
    present[:, list(subset)] = 1
    said = net.answers(torch.from_numpy(arrays.pictures), present)
    logits = torch.stack(said.logits, dim=1)  # (n, 3, 2)
    drawn = said.regions.argmax(dim=1).numpy() > 0
    overlaps = [dice(own, expert > 0) for own, expert in zip(drawn, arrays.regions, strict=True)]
    return logits.softmax(dim=2)[:, :, 1].numpy(), np.array(overlaps)


def missing(cohort: Cohort, folds: Sequence[tuple], training: Training) -> dict[str, np.ndarray]:
    """Return the out-of-fold answers of every network from every subset, (15, n, 3 outcomes and Dice)."""
    found = {name: np.full((len(SUBSETS), len(cohort.y), 4), np.nan) for name in PLANS}
    for number, (train, test) in enumerate(folds):
        for name, (plan, hides) in PLANS.items():
            net = fitted(cohort.rows(train), plan, training, seed=number, hides=hides)
            for at, subset in enumerate(SUBSETS):
                probability, overlap = answers(net, cohort.rows(test), subset)
                found[name][at, test] = np.column_stack([probability, overlap])
    return found


def score(answer: np.ndarray, cohort: Cohort, rows: np.ndarray) -> np.ndarray:
    """Return the AUC of each outcome and the mean Dice among some rows, of answers (n, 4)."""
    truth = cohort.y.to_numpy()[rows]
    known = [~np.isnan(truth[:, at]) for at in range(3)]
    aucs = [auc(truth[own, at].astype(int), answer[rows][own, at]) for at, own in enumerate(known)]
    return np.array([*aucs, answer[rows][:, 3].mean()])


def of_subsets(found: Mapping[str, np.ndarray], cohort: Cohort) -> pd.DataFrame:
    """Return every score from every subset."""
    every = np.arange(len(cohort.y))
    scores = {
        (metric, name): [score(one, cohort, every)[at] for one in each]
        for at, metric in enumerate([*(f"AUC {outcome}" for outcome in OUTCOMES), "Dice"])
        for name, each in found.items()
    }
    return pd.DataFrame(scores, index=["+".join(SEQUENCES[at] for at in one) for one in SUBSETS])


def differences(found: Mapping[str, np.ndarray], cohort: Cohort) -> pd.DataFrame:
    """Return the mean difference over the subsets from the network with nothing, with an interval over patients."""
    rng, n, told = np.random.default_rng(0), len(cohort.y), {}
    drawn = [rng.integers(n, size=n) for _ in range(RESAMPLES)]
    whole = {name: _means(each, cohort, [np.arange(n), *drawn]) for name, each in found.items()}
    for name in [one for one in found if one != "plain"]:
        gained = whole[name] - whole["plain"]  # (1 + resamples, 4)
        ends = np.nanpercentile(gained[1:], [2.5, 97.5], axis=0)
        told[name] = [f"{g:+.3f} ({low:+.3f} to {high:+.3f})" for g, low, high in zip(gained[0], *ends, strict=True)]
    return pd.DataFrame(told, index=[*OUTCOMES, "Dice"]).T


def _means(each: np.ndarray, cohort: Cohort, draws: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([np.mean([score(one, cohort, rows) for one in each], axis=0) for rows in draws])


def few_labels(cohort: Cohort, folds: Sequence[tuple], training: Training, gate: SelfTraining) -> pd.DataFrame:
    """Return the AUC of each outcome by all labels, by those not hidden, and by pseudo-labels too."""
    stages = ("all labels", "stage 1", "stage 2")
    found = {name: np.full((len(cohort.y), 4), np.nan) for name in stages}
    told: dict[str, list[np.ndarray]] = {name: [] for name in OUTCOMES}  # kept, right, of each hidden label
    for number, (train, test) in enumerate(folds):
        left = _hidden(cohort.y, train, np.random.default_rng(number))
        first = fitted(cohort.rows(train, left), TaskPlan(), training, seed=number)
        labels, right = _pseudo(first, cohort, train, left, gate)
        for name, one in right.items():
            told[name].append(one)
        nets = {
            "all labels": fitted(cohort.rows(train), TaskPlan(), training, seed=number),
            "stage 1": first,
            "stage 2": first
            if labels.equals(left)
            else fitted(cohort.rows(train, labels), TaskPlan(), training, seed=number + 100),
        }
        for name, net in nets.items():
            found[name][test] = np.column_stack(answers(net, cohort.rows(test), range(4)))
    table = pd.DataFrame({name: score(one, cohort, np.arange(len(cohort.y))) for name, one in found.items()})
    table.index = [*(f"AUC {name}" for name in OUTCOMES), "Dice"]
    for at, name in enumerate(OUTCOMES):
        kept, right = np.concatenate(told[name]).T.astype(bool)
        table.loc[table.index[at], ["hidden", "kept", "right of kept", "right of all"]] = [
            len(kept),
            kept.sum(),
            right[kept].mean() if kept.any() else np.nan,
            right.mean(),
        ]
    return table


def _hidden(y: pd.DataFrame, train: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Return labels of which 60 % of those known in the training part are unknown, of each class."""
    left = y.copy()
    for name in OUTCOMES:
        for label in (0, 1):
            known = train[y[name].to_numpy()[train] == label]
            left.iloc[rng.permutation(known)[: round(HIDDEN * len(known))], left.columns.get_loc(name)] = np.nan
    return left


def _pseudo(
    net: MultiTaskNet, cohort: Cohort, train: np.ndarray, left: pd.DataFrame, gate: SelfTraining
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return labels with pseudo-labels, and of each hidden label whether it was kept and whether it is right."""
    with drawing(dropouts_of(net)), own_chance(0, torch.device("cpu")):
        passes = np.stack([answers(net, cohort.rows(train), range(4))[0] for _ in range(gate.passes)])
    draws = {name: np.stack([1 - passes[..., at], passes[..., at]], axis=-1) for at, name in enumerate(OUTCOMES)}
    filled, made = fill_in(left.iloc[train], draws, gate)
    right = {}
    for name, labels in made.items():
        truth = cohort.y[name].to_numpy()[train][left[name].isna().to_numpy()[train]]
        known = ~np.isnan(truth)
        right[name] = np.column_stack([labels.kept, labels.top == truth])[known]
    whole = left.copy()
    whole.iloc[train] = filled
    return whole, right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--side", type=int, default=16, choices=(8, 16, 32))
    parser.add_argument("--only", choices=("missing", "labels"))
    options = parser.parse_args()
    if "RADIOFUSE_DATA" not in os.environ:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds brats20_tcga_roi/.")
    cohort = read(Path(os.environ["RADIOFUSE_DATA"]) / "brats20_tcga_roi", options.side)
    folds = folds_of_outcomes(options.folds, cohort.y, cohort.patients, 0)
    training = Training(epochs=options.epochs, batch_size=8, learning_rate=2e-3, schedule="cosine", rotation_deg=0.0)
    known = ", ".join(f"{name} {count}" for name, count in cohort.y.notna().sum().items())
    print(
        f"{len(cohort.y)} patients, labels known: {known}; cubes of {options.side} voxels, {options.folds} folds, "
        f"{options.epochs} epochs"
    )
    if options.only != "labels":
        found = missing(cohort, folds, training)
        table = of_subsets(found, cohort)
        for metric in table.columns.unique(0):
            print(f"\n{metric} from each subset of the sequences\n{table[metric].round(2).to_string()}", flush=True)
        print(
            f"\nMean over the subsets less that of plain (95% interval over patients)\n"
            f"{differences(found, cohort).to_string()}",
            flush=True,
        )
    if options.only != "missing":
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = few_labels(cohort, folds, training, SelfTraining())
        print(f"\n{HIDDEN:.0%} of the labels hidden in the training patients\n{table.round(2).to_string()}")
        print("\n".join(str(one.message) for one in caught))


if __name__ == "__main__":
    main()
