"""What an encoder is trained on: rows that fit together, patients held out, slices with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radiofuse.deep.encoders.embedding import check_crops, real_slices
from radiofuse.errors import CohortError, RequestError


@dataclass(frozen=True, eq=False)
class Examples:
    """The real slices of some rows, each with its row's label."""

    images: Tensor  # (n, 1, h, w)
    labels: Tensor  # (n,) of int64

    @classmethod
    def of(cls, images: np.ndarray, counts: np.ndarray, labels: np.ndarray, device: torch.device) -> Examples:
        real = real_slices(counts, images.shape[1])
        slices = torch.from_numpy(images[real].astype(np.float32, copy=False))[:, None]
        return cls(slices.to(device), torch.from_numpy(np.repeat(labels, counts).astype(np.int64)).to(device))

    def class_weights(self, n_classes: int) -> Tensor:
        """Return what an example of each class weighs so that all classes weigh the same, shape (n_classes,)."""
        return len(self.labels) / (n_classes * torch.bincount(self.labels, minlength=n_classes))


def check_rows(
    images: np.ndarray, counts: np.ndarray, labels: np.ndarray, patients: np.ndarray, n_classes: int = 2
) -> None:
    """Raise unless crops, labels and patients are of the same rows and all classes are there."""
    check_crops(images, counts)
    n = len(images)
    if labels.shape != (n,) or patients.shape != (n,):
        raise RequestError(
            f"One label and one group per row were expected; for {n} rows the shapes are {labels.shape} and "
            f"{patients.shape}. Pass arrays of the same rows."
        )
    found, known = set(np.unique(labels).tolist()), set(range(n_classes))
    if not found <= known:
        expected = "0 and 1" if n_classes == 2 else f"0 to {n_classes - 1}"
        raise RequestError(f"Labels {expected} were expected, and the labels are {sorted(found)}.")
    if n_classes > 2 and found != known:
        raise CohortError(
            "The table of crops to train on",
            [f"Of {n} rows none has label {min(known - found)} of {n_classes} classes. Add patients of that class."],
        )
    if found != known:
        only = f"all have label {found.pop()}" if found else "there are none"
        raise CohortError(
            "The table of crops to train on",
            [f"Rows of both classes were expected, and of {n} rows {only}. Add patients of the other class."],
        )


def held_out_rows(labels: np.ndarray, patients: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which rows are kept for validation, bool (n,): that share of the patients of each class, one at least.

    A patient with rows of several classes counts for the last of them.
    """
    names, of_row = np.unique(patients, return_inverse=True)
    last = np.zeros(len(names), dtype=int)  # (n_patients,)
    np.maximum.at(last, of_row, labels)
    held_out, rng = np.zeros(len(names), dtype=bool), np.random.default_rng(seed)
    for members in [np.flatnonzero(last == label) for label in range(labels.max() + 1)] if share else ():
        if len(members) < 2:
            raise CohortError(
                "The table of crops to train on",
                [
                    "Validation holds out patients of each class and leaves others of each to train on, and one "
                    f"class has {len(members)}. Add patients, or pass validation=0."
                ],
            )
        n_held = min(max(1, round(share * len(members))), len(members) - 1)
        held_out[rng.permutation(members)[:n_held]] = True
    return held_out[of_row]
