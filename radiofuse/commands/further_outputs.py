"""What ``radiofuse predict`` writes beside probabilities where it is asked to: maps, and masks of regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiofuse.commands.maps import MapsWanted, make_maps, maps_sentences
from radiofuse.commands.region_masks import MasksWanted, make_masks, masks_sentences, with_volumes

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.new_rows import NewRows


@dataclass(frozen=True)
class FurtherOutputs:
    """Which of them are wanted; None: not."""

    maps: MapsWanted | None = None
    masks: MasksWanted | None = None

    def places(self) -> dict[str, Path]:
        """Return the folders by their options."""
        wanted = {"--maps": self.maps, "--masks": self.masks}
        return {option: one.folder for option, one in wanted.items() if one is not None}

    def check(self, bundle: Bundle) -> None:
        """Refuse what a bundle cannot give, before anything is read."""
        for one in filter(None, (self.maps, self.masks)):
            one.check(bundle)

    def require(self, inputs: Sequence[Path], *, overwrite: bool) -> None:
        """Refuse folders that hold inputs, or files that others wrote."""
        for one in filter(None, (self.maps, self.masks)):
            one.require(inputs, overwrite=overwrite)

    def make(self, rows: NewRows, predictions: pd.DataFrame, drawn: dict[str, str] | None = None) -> dict[str, Any]:
        """Write them, and return what was written and measured, for JSON."""
        told: dict[str, Any] = {}
        if self.maps is not None:
            told["maps"] = make_maps(rows, predictions, self.maps, drawn)
        if self.masks is not None:
            told["masks"] = make_masks(rows, self.masks)
        return told


def with_further(predictions: pd.DataFrame, told: dict[str, Any]) -> pd.DataFrame:
    """Return a table of predictions with what was measured of its samples beside."""
    return with_volumes(predictions, told["masks"]) if "masks" in told else predictions


def further_sentences(told: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader of them must know."""
    if "maps" in told:
        yield from maps_sentences(told["maps"])
    if "masks" in told:
        yield from masks_sentences(told["masks"])
