"""What an encoder is trained on: rows that fit together, patients held out, pictures with their labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.pictures import check_shapes
from radiofuse.errors import CohortError, RequestError
from radiofuse.store.picture_rows import PictureSource


@dataclass(frozen=True, eq=False)
class Examples:
    """The pictures of some rows, each with its row's label."""

    source: PictureSource | Tensor  # a tensor lies on the device and holds these pictures alone
    numbers: np.ndarray  # (n,) in the source
    labels: Tensor  # (n,) of int64, on the device
    rows: np.ndarray  # (n,) the row of each picture
    beside: Tensor | None = None  # (n, n_numbers) of float32, on the device: what is read beside each picture

    @classmethod
    def of(
        cls,
        pictures: PictureSource,
        counts: np.ndarray,
        labels: np.ndarray,
        device: torch.device,
        chosen: np.ndarray,
        beside: np.ndarray | None = None,
    ) -> Examples:
        """Return the pictures of the chosen rows, bool (n_rows,); on a GPU they lie there if it has the memory."""
        rows = np.repeat(np.arange(len(counts)), counts)
        numbers = np.flatnonzero(chosen[rows])
        rows = rows[numbers]
        read = None if beside is None else torch.from_numpy(beside[rows].astype(np.float32)).to(device)
        examples = cls(pictures, numbers, torch.from_numpy(labels[rows].astype(np.int64)).to(device), rows, read)
        if in_memory(pictures) and _fits(device, 4 * len(numbers) * int(np.prod(pictures.shape[1:]))):
            on_device = examples.batch(torch.arange(len(rows)))
            return cls(on_device, np.arange(len(rows)), examples.labels, rows, read)
        return examples

    def __len__(self) -> int:
        return len(self.numbers)

    def batch(self, chosen: Tensor) -> Tensor:
        """Return pictures by their positions among these examples, on the device."""
        if isinstance(self.source, Tensor):
            return self.source[chosen.to(self.source.device)]
        values = np.asarray(self.source[self.numbers[chosen.cpu().numpy()]], dtype=np.float32)
        # a tensor of torch's own: its kernels, and so the last bits, depend on strides and alignment
        return torch.empty(values.shape).copy_(torch.from_numpy(values)).to(self.labels.device)

    def batches(self, order: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield one batch after the other; what is read from disk is read while the batch before is computed."""
        if isinstance(self.source, Tensor) or in_memory(self.source):
            yield from map(self.batch, order)
            return
        with ThreadPoolExecutor(1) as reader:
            coming = None
            for chosen in order:
                ready, coming = coming, reader.submit(self.batch, chosen)
                if ready:
                    yield ready.result()
            if coming:
                yield coming.result()

    def beside_of(self, chosen: Tensor) -> Tensor | None:
        """Return what is read beside pictures, by their positions; None where nothing is."""
        return None if self.beside is None else self.beside[chosen.to(self.beside.device)]

    def answers_in_order(self, module: nn.Module, order: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield what a module says of one batch of positions after the other."""
        for chosen, x in zip(order, self.batches(order), strict=True):
            yield passed(module, x, self.beside_of(chosen))

    def class_weights(self, n_classes: int) -> Tensor:
        """Return what an example of each class weighs so that all classes weigh the same, shape (n_classes,)."""
        return len(self.labels) / (n_classes * torch.bincount(self.labels, minlength=n_classes))


def passed(module: nn.Module, pictures: Tensor, beside: Tensor | None) -> Tensor:
    """Return what a module says of pictures, and of the numbers beside them where it reads such."""
    return module(pictures) if beside is None else module(pictures, beside)


def in_memory(pictures: PictureSource) -> bool:
    """Return whether all pictures lie in memory: an array that is not mapped from a file."""
    return isinstance(pictures, np.ndarray) and not isinstance(pictures, np.memmap)


def _fits(device: torch.device, n_bytes: int) -> bool:
    """Return whether pictures are to lie on a GPU as a whole: half its free memory stays for the network."""
    if device.type == "cuda":
        return 2 * n_bytes <= torch.cuda.mem_get_info(device)[0]
    return device.type != "cpu"


def refuse_no_rows(rows: np.ndarray) -> None:
    """Raise a CohortError where there is nothing to train on."""
    if not len(rows):
        sentence = (
            "No row has a picture. Look at the table of failures for the reason, or leave this modality out of the "
            "training."
        )
        raise CohortError("The table of crops to train on", [sentence])


def check_rows(
    pictures: PictureSource, counts: np.ndarray, labels: np.ndarray, patients: np.ndarray, n_classes: int = 2
) -> None:
    """Raise unless pictures, labels and patients are of the same rows and all classes are there."""
    check_shapes(pictures, counts)
    n = len(counts)
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
