"""The training of a segmenter: a U-Net for each fold of the patients, on the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import delayed

from radiofuse.deep.segmentation.options import SegmenterOptions
from radiofuse.deep.segmentation.segmenter import CARD, SCHEMA, Segmenter, load_segmenter
from radiofuse.deep.segmentation.training import train_unet
from radiofuse.deep.weights import save_encoder
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.progress import Progress
from radiofuse.work.jobs import finish_calls


@dataclass(frozen=True, eq=False)
class Example:
    """A sample to train on.

    Attributes
    ----------
    sample_id, patient_id : str
    voxels : ndarray of float32, shape (channels, d, h, w)
    classes : ndarray of int, shape (d, h, w)
    digests, pixels : tuple of str
        SHA-256 of its files, and of their voxels.
    spacing_mm : tuple of float
    """

    sample_id: str
    patient_id: str
    voxels: np.ndarray
    classes: np.ndarray
    digests: tuple[str, ...]
    pixels: tuple[str, ...]
    spacing_mm: tuple[float, ...]


def train_segmenter(
    examples: Sequence[Example],
    folder: str | Path,
    channels: Sequence[str],
    coding: Mapping[str, int] | None,
    options: SegmenterOptions,
    *,
    n_folds: int = 5,
    seed: int = 0,
    device: str = "auto",
    n_jobs: int = 1,
    on_epoch: Progress | None = None,
) -> Segmenter:
    """Train a U-Net for each fold of the patients, on the others, and keep all in a folder.

    Parameters
    ----------
    examples : sequence of Example
    folder : path
        Made if absent; a segmenter that is there is refused.
    channels : sequence of str
    coding : mapping of str to int, or None
    options : SegmenterOptions
    n_folds : int, default=5
    seed : int, default=0
    device : str, default="auto"
    n_jobs : int, default=1
        Folds trained at once, with one thread each; it does not change a number.
    on_epoch : callable, optional
        Called with the epochs done, of all folds; where several are trained at once, as each of them ends.

    Raises
    ------
    RequestError
        If there are fewer patients than folds, or the folder holds a segmenter.
    """
    patients = sorted({one.patient_id for one in examples})
    if not 2 <= n_folds <= len(patients):
        raise RequestError(
            f"{n_folds} folds were asked for and {len(patients)} patients have images with a mask; between 2 and as "
            "many folds as patients were expected."
        )
    folder = Path(folder)
    if (folder / CARD).exists():
        raise RequestError(f"{folder} holds a segmenter already. Name another folder, or use it with --bundle.")
    order = np.random.default_rng(seed).permutation(patients)
    fold_of = {str(patient): number % n_folds for number, patient in enumerate(order)}
    trained: dict[str, Any] = {"n_classes": 2 if coding is None else 1 + len(coding), "device": device}
    parts = [[one for one in examples if fold_of[one.patient_id] != fold] for fold in range(n_folds)]
    folds = []
    for fold, (net, losses) in enumerate(_train(parts, options, seed, n_jobs, on_epoch, trained), start=1):
        folds.append(save_encoder(folder, f"fold{fold}", net, _card_of_fold(parts[fold - 1], losses)))
    learned = {"channels": list(channels), "coding": None if coding is None else dict(coding)}
    spacings = np.array([one.spacing_mm for one in examples])
    card = {
        "schema": SCHEMA,
        **learned,
        "options": options.as_dict(),
        "seed": seed,
        "n_patients": len(patients),
        "largest": max(float(np.nanmax(np.abs(one.voxels))) for one in examples),
        "spacing_mm": [spacings.min(0).tolist(), spacings.max(0).tolist()],
        "folds": [{"key": one.key, "sha256": one.card["sha256"]} for one in folds],
    }
    write_file(folder / CARD, lambda file: file.write((json.dumps(card, indent=1) + "\n").encode()))  # last
    return load_segmenter(folder)


def _train(
    parts: Sequence[Sequence[Example]],
    options: SegmenterOptions,
    seed: int,
    n_jobs: int,
    on_epoch: Progress | None,
    trained: Mapping[str, Any],
) -> list[tuple[Any, list[float]]]:
    """Return the network of each fold and its losses."""
    calls, names = [], [f"the network of fold {fold + 1}" for fold in range(len(parts))]
    for fold, others in enumerate(parts):
        arrays = [one.voxels for one in others], [one.classes for one in others]
        told = None if on_epoch is None or n_jobs != 1 else _of_all_folds(on_epoch, fold, len(parts))
        named = {**trained, "title": f"fold {fold + 1} of {len(parts)}, "}
        calls.append(delayed(train_unet)(*arrays, options, seed=seed + fold, on_epoch=told, **named))
    found = {}
    for fold, answer in finish_calls(calls, names, n_jobs=n_jobs):
        found[fold] = answer
        if on_epoch is not None and n_jobs != 1:
            on_epoch(len(found) * options.epochs, len(parts) * options.epochs)
    return [found[fold] for fold in range(len(parts))]


def _of_all_folds(on_epoch: Progress, fold: int, n_folds: int) -> Progress:
    return lambda done, total: on_epoch(fold * total + done, n_folds * total)


def _card_of_fold(train: Sequence[Example], losses: Sequence[float]) -> dict[str, Any]:
    return {
        "encoder": "unet",
        "scaling": "of each image by itself",
        "training_ids": [one.sample_id for one in train],
        "training_keys": sorted({digest for one in train for digest in one.digests}),
        "training_pixels": sorted({digest for one in train for digest in one.pixels}),
        "training_patients": sorted({one.patient_id for one in train}),
        "losses": list(losses),
    }
