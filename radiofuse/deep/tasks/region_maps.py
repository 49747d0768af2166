"""The parts of tumors as classes of voxels, read from the masks of training rows when a step asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.segmentation.classes import PARTS, classes_of
from radiofuse.deep.segmentation.losses import UNKNOWN
from radiofuse.errors import CohortError, ImageError
from radiofuse.imaging.regions import OLD, codings_of, written
from radiofuse.store.pictures import Pictures
from radiofuse.wording import some

TUMOR = "tumor"  # what the one region is called of masks that name no parts


@dataclass(frozen=True, eq=False)
class RegionMaps:
    """Masks of some rows, and what their labels stand for.

    Attributes
    ----------
    names : tuple of str
        The regions, in the order of the classes from 1 on.
    maps : sequence of ndarray or None
        Labels (d, h, w) of each row, None where it has no mask.
    codings : sequence of dict or None
        The label of each part in each row; None where every label is tumor.
    samples : sequence of str
        Whose the rows are, for refusals.
    sides : tuple of int
        Voxels of each map, (d, h, w).
    """

    names: tuple[str, ...]
    maps: Sequence[np.ndarray | None]
    codings: Sequence[Mapping[str, int] | None]
    samples: Sequence[str]
    sides: tuple[int, ...]

    @classmethod
    def of(cls, rows: SampleRows, chosen: Sequence[int]) -> RegionMaps | None:
        """Return the masks of some rows; None where no row has one with its labels.

        Raises
        ------
        CohortError
            If the masks hold several labels that name no parts of a tumor.
        """
        maps = [_parts_of(rows, row) for row in chosen]
        drawn = [at for at, one in enumerate(maps) if one is not None]
        if not drawn:
            return None
        labels = {rows.sample_ids[chosen[at]]: np.unique(maps[at]).tolist() for at in drawn}
        told = codings_of(list(labels.values()))
        if told[0] is None:
            _refuse_several(labels)
        codings: list[Mapping[str, int] | None] = [None] * len(maps)
        for at, coding in zip(drawn, told, strict=True):
            codings[at] = coding
        names, sides = (TUMOR,) if told[0] is None else PARTS, next(one.shape for one in maps if one is not None)
        return cls(names, maps, codings, [rows.sample_ids[row] for row in chosen], sides)

    def __len__(self) -> int:
        return len(self.maps)

    def take(self, chosen: Sequence[int]) -> RegionMaps:
        """Return some of the rows."""
        codings, samples = [self.codings[at] for at in chosen], [self.samples[at] for at in chosen]
        return RegionMaps(self.names, [self.maps[at] for at in chosen], codings, samples, self.sides)

    def classes(self, chosen: Sequence[int]) -> np.ndarray:
        """Return the class of each voxel of some rows, int64 (m, d, h, w); -1 in rows without a mask.

        Raises
        ------
        ImageError
            ``label_not_found`` if a mask holds labels that are no part of a tumor.
        """
        found = [self._of(at) for at in chosen]
        blank = np.full(self.sides, UNKNOWN, np.int64)
        return np.stack([blank if one is None else one.astype(np.int64) for one in found])

    def _of(self, at: int) -> np.ndarray | None:
        labels, coding = self.maps[at], self.codings[at]
        if labels is None:
            return None
        try:
            return classes_of(np.asarray(labels), coding)
        except ImageError as error:
            raise ImageError(error.code, f"Sample {self.samples[at]}: {error}") from None


def _refuse_several(labels: Mapping[str, Sequence[int]]) -> None:
    """Raise where masks hold more than one label, and what they stand for is not known."""
    found = sorted({label for own in labels.values() for label in own if label})
    if len(found) < 2:
        return
    odd = next((label for label in found if label not in OLD.values()), found[-1])
    sample = next(name for name, own in labels.items() if odd in own)
    raise CohortError(
        "The masks to learn regions from",
        [
            f"The masks hold the labels [{some(found)}]; the parts of a tumor, such as {written(OLD)}, or one label "
            f"alone were expected. The mask of {sample} holds {odd}. Write the labels anew, or take regions = false."
        ],
    )


def _parts_of(rows: SampleRows, row: int) -> np.ndarray | None:
    """Return the labels of a row's mask, of the first sequence whose arrays have them."""
    if not isinstance(rows.crops, Pictures):
        return None
    return next((one for one in rows.crops.further(rows.behind([row]), "parts") if one is not None), None)
