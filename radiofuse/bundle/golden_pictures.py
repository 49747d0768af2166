"""Pictures of golden rows: noise of a seed that the manifest names, of no patient, as a bundle's networks read it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.deep.estimators.pointers import crop_columns
from radiofuse.deep.scaling import Linear
from radiofuse.fuse import HoldsFiles
from radiofuse.imaging.stacks import VolumePatch, specs_of
from radiofuse.tables import columns
from radiofuse.tables.pointers import pointer_table

SEED = 0
N_SLICES = 2  # of a row, where networks read several: two are enough to be averaged
SIDES = (32, 64)  # tried before the whole size, which some networks need
OF_PERCENTILES = (100.0, 20.0)  # mean and standard deviation where a network looks at ranks of intensities alone


class GoldenPictures:
    """Rows of pictures that networks answer for, made anew wherever they are asked for.

    Parameters
    ----------
    about : mapping
        As `pictures_for` returns it.
    n_rows : int
        Of the table that points at them: row ``r`` of the ``m``-th modality is the picture ``r * n_modalities + m``.
    """

    path = Path("golden pictures")

    def __init__(self, about: Mapping[str, Any], n_rows: int) -> None:
        self._about, self._names = about, list(about["of"])
        self._n = n_rows * len(self._names)

    @property
    def identity(self) -> dict[str, Any]:
        """What the pixels depend on; of cubes the sides of both, as those of patients say them."""
        sides = {"size": self._about["side"], "whole": self._about["side"]} if self._about["whole"] else {}
        return {"golden": dict(self._about), "patch": sides}

    @property
    def sample_ids(self) -> list[str]:
        return [f"golden row {row // len(self._names)}" for row in range(self._n)]

    @property
    def modalities(self) -> list[str]:
        return [self._names[row % len(self._names)] for row in range(self._n)]

    @property
    def keys(self) -> list[str]:
        return [self.digest(row) for row in range(self._n)]

    def counts(self, rows: Sequence[int]) -> np.ndarray:
        """Return how many pictures each row has, shape (m,)."""
        return np.full(len(rows), self._about["n"], dtype=np.int64)

    def pictures(self, rows: Sequence[int]) -> np.ndarray:
        """Return the pictures of some rows one after the other, float32 of shape (n, channels, …)."""
        return np.concatenate([self._drawn(row, 0) for row in rows])

    def wholes(self, rows: Sequence[int]) -> np.ndarray:
        """Return what stands for the whole volumes of some rows, of the same shape."""
        return np.concatenate([self._drawn(row, 1) for row in rows])

    def largest(self, rows: Sequence[int]) -> np.ndarray:
        """Return which of each row's pictures has most tumor, shape (m,): the first."""
        return np.zeros(len(rows), dtype=np.int64)

    def tumors(self, rows: Sequence[int]) -> None:
        """Return nothing: noise has no tumor."""

    def digest(self, row: int) -> str:
        """Return a name of a row's pixels that no patient's have."""
        return hashlib.sha256(f"{self._about} {row}".encode()).hexdigest()

    def pointer_table(self) -> pd.DataFrame:
        return pointer_table(self.sample_ids, self.modalities)

    def _drawn(self, row: int, kind: int) -> np.ndarray:
        own = self._about["of"][self._names[row % len(self._names)]]
        rng = np.random.default_rng([self._about["seed"], row, kind])
        shape = (self._about["n"], len(own["center"]), *[self._about["side"]] * self._about["dimensions"])
        each = (1, -1) + (1,) * self._about["dimensions"]
        noise = rng.normal(size=shape)
        return (np.reshape(own["center"], each) + np.reshape(own["spread"], each) * noise).astype(np.float32)


def pictures_for(holders: Sequence[HoldsFiles], description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what golden pictures of a bundle's networks may be, the smallest first.

    Their intensities are normal, with the center and spread of those that the networks learned from, as their scales
    have them: others would drive every answer to 0 or 1, where no change shows.

    Parameters
    ----------
    holders : sequence of estimator
        The networks.
    description : mapping
        As in ``bundle.json``.
    """
    settings, scales = description["settings"], _scales(holders)
    names = [columns.split(name)[0] for name in crop_columns(description["columns"])]
    if settings["crops"] is not None:
        made = {"side": settings["crops"]["size"], "dimensions": 2, "whole": False}
        n, channels = settings["crops"]["slices"], dict.fromkeys(names, 1)
    elif settings["pictures"] is None:
        return
    else:
        specs = specs_of(settings["pictures"]["made"], settings["pictures"]["channels"])
        spec = next(iter(specs.values()))
        is_cube = isinstance(spec, VolumePatch)
        made = {"side": spec.size, "dimensions": 3 if is_cube else 2, "whole": bool(is_cube and spec.whole)}
        n, channels = 1 if is_cube else spec.slices, {name: len(one.channels) for name, one in specs.items()}
    of = {name: _center_and_spread(scales.get(name, []), channels[name]) for name in names}
    told = {"seed": SEED, "n": 1 if n == 1 else N_SLICES, **made, "of": of}
    for side in [*(side for side in SIDES if side < made["side"]), made["side"]]:
        yield told | {"side": side}


def _scales(holders: Sequence[HoldsFiles]) -> dict[str, list[tuple[float, float]]]:
    """Return center and spread of each channel of a modality, as the first network that reads it has them."""
    found: dict[str, list[tuple[float, float]]] = {}
    for holder in holders:
        if (trained := getattr(holder, "encoder_", None)) is None:
            continue
        own: Any = holder
        names, told = getattr(own, "modalities_", None) or [own.modality], _told_by(trained.scaling)
        n = len(told) // len(names) if told else 0
        for place, name in enumerate(names):
            found.setdefault(name, told[place * n : (place + 1) * n])
    return found


def _told_by(scaling: Any) -> list[tuple[float, float]]:
    if not isinstance(scaling, Linear):
        return []
    pairs = zip(scaling.shift, scaling.factor, strict=True)
    if scaling.method == "z_score":
        return [(float(shift), float(factor)) for shift, factor in pairs]
    return [(shift + factor / 2, factor / 6) for shift, factor in pairs]  # the least and the range: within three sd


def _center_and_spread(told: Sequence[tuple[float, float]], n_channels: int) -> dict[str, list[float]]:
    each = [told[min(place, len(told) - 1)] if told else OF_PERCENTILES for place in range(n_channels)]
    return {"center": [float(f"{one:.6g}") for one, _ in each], "spread": [float(f"{one:.6g}") for _, one in each]}
