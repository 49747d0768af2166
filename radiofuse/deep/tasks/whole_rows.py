"""Samples whose whole volumes, made as small as the patches, stand behind these as channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from radiofuse.deep.sample_rows import SampleRows, SideBySide
from radiofuse.deep.scaling import Landmarks, Linear, Scaling
from radiofuse.errors import RequestError
from radiofuse.store.picture_rows import PictureSource


@dataclass(frozen=True, eq=False)
class WholeRows(SampleRows):
    """As ``SampleRows``, with twice the channels: the patches of the sequences, and then their whole volumes.

    Raises
    ------
    RequestError
        If the arrays have no whole volumes, or they have other sides than the patches.
    """

    def __post_init__(self) -> None:
        made = self.crops.identity.get("patch", {})
        if not hasattr(self.crops, "wholes") or made.get("whole") != made.get("size"):
            raise RequestError(
                "whole = true reads the whole volume beside each patch, made as small as that, and these pictures have "
                "none. Make them with VolumePatch(size=n, whole=n)."
            )

    def patches(self, rows: Sequence[int]) -> PictureSource:
        """Return the patches alone."""
        return super().pictures(rows)

    def pictures(self, rows: Sequence[int]) -> PictureSource:
        """Return patches and whole volumes, float32 of shape (n, 2 * n_modalities * channels, …)."""
        both = [self.patches(rows), self._joined(rows, self.crops.wholes)]
        return SideBySide(both, np.repeat(np.arange(len(rows))[:, None], 2, axis=1))


def twice(scaling: Scaling) -> Scaling:
    """Return a scaling of patches for patches with whole volumes behind them, each sequence scaled alike in both.

    Examples
    --------
    >>> twice(Linear((1.0,), (2.0,)))
    Linear(shift=(1.0, 1.0), factor=(2.0, 2.0), method='z_score')
    """
    if isinstance(scaling, Linear):
        return replace(scaling, shift=2 * scaling.shift, factor=2 * scaling.factor)
    if isinstance(scaling, Landmarks):
        return replace(scaling, standard=2 * scaling.standard)
    raise RequestError(f"A {type(scaling).__name__} does not scale whole volumes. Take another of the intensities.")
