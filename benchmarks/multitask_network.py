"""One network for several outcomes and the regions of tumors: what it costs, and what it gains over one for each.

Run as ``python benchmarks/multitask_network.py cost`` (weights, seconds per step and peak memory of the small network
on patches of 32 voxels and of the published size on patches of 128 voxels, each beside the memory that is told before a
training; without a GPU a single step of one patch of the latter, on the CPU) or
``... tables [--folds 3] [--epochs 6]`` (111 patients with the regions that experts drew: IDH, WHO grade 4 against 2 and
3, and 1p/19q, partly unknown, by a network for each outcome, one for all with the losses as they are, and one for all
with each form of uncertainty weighting, all on the same folds of whole patients). ``tables`` needs ``RADIOFUSE_DATA``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from radiofuse import read_cohort
from radiofuse.deep import MultiTaskNetwork
from radiofuse.deep.device import one_thread
from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.segmentation.classes import classes_of
from radiofuse.deep.segmentation.losses import segmentation_loss
from radiofuse.deep.tasks.cost import cost_of
from radiofuse.deep.tasks.multitask_options import NET
from radiofuse.extract.pictures import collect_pictures
from radiofuse.fuse.each_outcome import EachOutcome
from radiofuse.imaging.regions import OLD
from radiofuse.imaging.stacks import VolumePatch
from radiofuse.patients.inner_folds import folds_of_outcomes
from radiofuse.statistics import auc_interval
from radiofuse.statistics.metrics import log_loss
from radiofuse.statistics.segmentation import score_regions
from radiofuse.wording import counted

SEQUENCES = ("t1", "t1ce", "t2", "flair")
SCORED = {"WT": [1, 2, 3], "TC": [1, 3], "ET": [3]}  # by the classes of the network
CASES = {"small": (32, 8, "cpu"), "gmmas": (128, 2, "cuda")}
STEPS = 5
ON_CPU = ("--rows", "1", "--steps", "1", "--device", "cpu")  # of what is for a GPU: its memory, not its speed


# ---------------------------------------------------------------- cost


def cost() -> None:
    """Print each network that this machine can train, in a process of its own: peak memory is that of a process."""
    for preset, (size, rows, device) in CASES.items():
        more: tuple[str, ...] = ()
        if device == "cuda" and not torch.cuda.is_available():
            told = cost_of(_network(preset, size), (size,) * 3).sentence(rows)
            print(f"{preset}: patches of {size} voxels; no GPU here, its speed is not measured. Told: {told}.")
            more = ON_CPU
        subprocess.run([sys.executable, __file__, "step", "--preset", preset, *more], check=True)


def step(preset: str, rows: int, steps: int, device: str) -> None:
    """Take some training steps on noise, and print what they cost."""
    size, usual, on = CASES[preset]
    rows, device = rows or usual, device or on
    net = _network(preset, size)
    told = cost_of(net, (size,) * 3)
    net.to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    x, present = torch.randn(rows, 4, size, size, size, device=device), torch.ones(rows, 4, device=device)
    classes = torch.randint(0, 4, (rows, size, size, size), device=device)
    before = _peak(device)
    with one_thread():
        seconds = [_step(net, optimizer, x, present, classes, device) for _ in range(steps)]
    peak = _peak(device) - (before if device == "cpu" else 0)
    print(
        f"{preset}: patches of {size} voxels, {told.n_parameters / 1e6:.2f} million weights, steps of "
        f"{counted(rows, 'patch', 'patches')} on {device}: {min(seconds):.2f} s per step; told "
        f"{told.of_a_step(rows) / 1e9:.2f} GB, peak {peak / 1e9:.2f} GB"
    )


def _network(preset: str, size: int) -> torch.nn.Module:
    options = {"modalities": 4, "outcomes": [2, 2, 2], "regions": 3, "preset": preset, "size": size}
    return make_encoder(NET, 0, 6, options)


def _step(
    net: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    present: torch.Tensor,
    classes: torch.Tensor,
    device: str,
) -> float:
    begun = time.process_time() if device == "cpu" else time.perf_counter()
    optimizer.zero_grad()
    said = net.answers(x, present)
    (
        sum(logits.logsumexp(dim=1).mean() for logits in said.logits) + segmentation_loss(said.regions, classes)
    ).backward()
    optimizer.step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.process_time() if device == "cpu" else time.perf_counter()) - begun


def _peak(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# ---------------------------------------------------------------- tables


def tables(folds: int, epochs: int, store: str) -> None:
    """Print the scores of every model in folds that all of them share."""
    data = Path(os.environ["RADIOFUSE_DATA"]) / "brats20_tcga_roi"
    cohort = read_cohort(data / "cohort.csv", modalities=list(SEQUENCES))
    specs = {name: VolumePatch((name,), size=32, parts=True) for name in SEQUENCES}
    pictures = collect_pictures(cohort, specs, store).pictures
    X = pictures.pointer_table()
    y = _outcomes(data / "cohort.csv", X.index)
    print(
        f"{len(X)} patients; known: {', '.join(f'{name} {y[name].notna().sum()}' for name in y)}; "
        f"{folds} folds, {epochs} epochs"
    )
    parts = [
        _in_fold(model, name, X, y, train, test)
        for train, test in folds_of_outcomes(folds, y, None, 0)
        for name, model in _models(pictures, store, epochs).items()
    ]
    answers, drawn, weights = (pd.concat(each) for each in zip(*parts, strict=True))
    print(_scores(answers, y).round(3).to_string(index=False))
    mean = drawn.groupby(["model", "region"], sort=False)["dice"].mean().unstack()
    print("\nDice, mean over patients\n" + mean.round(3).to_string())
    print("\nLearned log-variances and CPU seconds, mean over folds")
    print(weights.groupby("model", sort=False).mean().round(3).to_string())


def _outcomes(path: Path, index: pd.Index) -> pd.DataFrame:
    table = pd.read_csv(path).set_index("sample_id").loc[index]
    grade = (table["who_grade"] == 4).astype(float).where(table["who_grade"].notna())
    return pd.DataFrame({"idh": table["idh"], "grade": grade, "codel": table["codel_1p19q"]}, dtype=float)


def _models(pictures: object, store: str, epochs: int) -> dict[str, object]:
    training = {"epochs": epochs, "batch_size": 4, "learning_rate": 2e-3, "schedule": "poly", "rotation_deg": 0.0}
    shared = {"crops": pictures, "cache": store, "training": training, "over": "image", "device": "cpu"}
    shared |= {"random_state": 0}
    alone = MultiTaskNetwork(**shared, uncertainty_weighted="off", regions=False)
    together = {form: MultiTaskNetwork(**shared, uncertainty_weighted=form) for form in ("off", "kendall", "parent")}
    return {"each outcome": EachOutcome(alone)} | {f"all, {form}": model for form, model in together.items()}


def _in_fold(
    model: object, name: str, X: pd.DataFrame, y: pd.DataFrame, train: np.ndarray, test: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    begun = time.process_time()
    model.fit(X.iloc[train], y.iloc[train])
    seconds = time.process_time() - begun
    new = X.iloc[test]
    told = {outcome: answer[:, 1] for outcome, answer in zip(y, model.predict_proba(new), strict=True)}
    answers = pd.DataFrame(told, index=new.index).assign(model=name)
    history = getattr(model, "encoder_", None) and model.encoder_.card["history"]
    weights = pd.DataFrame([{"model": name, **(history or {}).get("log_variances", {}), "cpu_s": seconds}])
    print(f"  {name}: {seconds:.0f} CPU s", file=sys.stderr, flush=True)
    return answers, _dice(model, name, new), weights


def _dice(model: object, name: str, new: pd.DataFrame) -> pd.DataFrame:
    """Return the Dice of every region in every patient, against the expert's."""
    if not getattr(model, "regions_", None):
        return pd.DataFrame(columns=["model", "sample_id", "region", "dice"])
    tables = []
    for found in model.draw_regions(new):
        row = int(new.loc[found.sample_id].iloc[0])
        expert, voxel_mm = (model.crops.further([row], kind)[0] for kind in ("parts", "voxel_mm"))
        scored = score_regions(found.classes, classes_of(np.asarray(expert), OLD), SCORED, voxel_mm.tolist())
        tables.append(scored.assign(model=name, sample_id=found.sample_id))
    return pd.concat(tables)[["model", "sample_id", "region", "dice"]]


def _scores(answers: pd.DataFrame, y: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for outcome in y:
        for name, told in answers.groupby("model", sort=False):
            truth = y.loc[told.index, outcome]
            known = truth.notna()
            label, probability = truth[known].to_numpy(int), told.loc[known, outcome].to_numpy()
            interval = auc_interval(label, probability)
            loss = float(log_loss(label, probability))
            rows.append((outcome, name, int(label.sum()), len(label), interval.auc, interval.low, interval.high, loss))
    return pd.DataFrame(rows, columns=["outcome", "network", "positive", "known", "auc", "low", "high", "log_loss"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cost", "tables", "step"])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--store", default="multitask_store")
    parser.add_argument("--preset", default="small", choices=sorted(CASES))
    parser.add_argument("--rows", type=int, default=0, help="of a step; 0: as usual for the preset")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--device", default="")
    asked = parser.parse_args()
    if asked.what == "cost":
        cost()
    elif asked.what == "step":
        step(asked.preset, asked.rows, asked.steps, asked.device)
    else:
        tables(asked.folds, asked.epochs, asked.store)
