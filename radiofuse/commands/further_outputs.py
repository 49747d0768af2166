"""What ``radiofuse predict`` gives beside probabilities where it is asked to: maps, masks of regions, spreads."""

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

SPREAD = "dropout_spread"
KEYS = ["sample_id", "outcome", "class"]


@dataclass(frozen=True)
class FurtherOutputs:
    """Which of them are wanted; None: not."""

    maps: MapsWanted | None = None
    masks: MasksWanted | None = None
    passes: int = 0  # with dropout, of multi-task networks too

    def places(self) -> dict[str, Path]:
        """Return the folders by their options."""
        wanted = {"--maps": self.maps, "--masks": self.masks}
        return {option: one.folder for option, one in wanted.items() if one is not None}

    def check(self, bundle: Bundle) -> None:
        """Refuse what a bundle cannot give, before anything is read."""
        for one in filter(None, (self.maps, self.masks)):
            one.check(bundle)
        if self.passes:
            from radiofuse.bundle.multitask import refuse_without_dropout

            refuse_without_dropout(bundle, needed=self.maps is None)

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
        if self.passes:
            from radiofuse.bundle.multitask import spread_of_rows

            told[SPREAD] = spread_of_rows(rows, self.passes).to_dict("records")
        return told


def of_sample(told: dict[str, Any], sample_id: str) -> dict[str, Any]:
    """Return what was made of one sample of a table; what is said of all together, and may name others, is left out.

    >>> row = {"sample_id": "P7", "mask": "P7/net.nii.gz"}
    >>> of_sample({"masks": {"folder": "m", "masks": [row], "notes": ["Without a mask: P8."]}}, "P7")
    {'masks': {'folder': 'm', 'masks': [{'sample_id': 'P7', 'mask': 'P7/net.nii.gz'}]}}
    """
    own: dict[str, Any] = {}
    for name, one in told.items():
        if isinstance(one, dict):
            own[name] = of_sample(one, sample_id)
        elif not isinstance(one, list):
            own[name] = one
        elif all(isinstance(row, dict) for row in one):
            own[name] = [row for row in one if row["sample_id"] == sample_id]
    return own


def with_further(predictions: pd.DataFrame, told: dict[str, Any]) -> pd.DataFrame:
    """Return a table of predictions with what was measured of its samples beside."""
    if "masks" in told:
        predictions = with_volumes(predictions, told["masks"])
    return _with_spread(predictions, told[SPREAD]) if SPREAD in told else predictions


def _with_spread(predictions: pd.DataFrame, spread: list[dict[str, Any]]) -> pd.DataFrame:
    """Return predictions with the columns ``<network>_dropout_mean`` and ``<network>_dropout_sd``."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for row in spread:
        key = tuple(row[name] for name in KEYS)
        for measure in ("mean", "sd"):
            found.setdefault(f"{row['network']}_dropout_{measure}", {})[key] = row[measure]
    keys = list(predictions[KEYS].astype(str).itertuples(index=False, name=None))
    return predictions.assign(**{name: [own.get(key, float("nan")) for key in keys] for name, own in found.items()})


def further_sentences(told: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader of them must know."""
    if "maps" in told:
        yield from maps_sentences(told["maps"])
    if "masks" in told:
        yield from masks_sentences(told["masks"])
    yield from _of_spread(told.get(SPREAD, []))


def _of_spread(spread: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the spread of one patient, of several where it stands."""
    one = {row["sample_id"] for row in spread}
    for row in spread if len(one) == 1 else ():
        yield (
            f"Over {row['passes']} passes with dropout the probability of {row['outcome']} = {row['class']} by "
            f"{row['network']} has the mean {row['mean']:.3f} and the standard deviation {row['sd']:.3f}."
        )
    if len(one) > 1:
        yield (
            f"Mean and standard deviation over {spread[0]['passes']} passes with dropout stand in columns that end in "
            "_dropout_mean and _dropout_sd."
        )
    if spread:
        yield "That is the spread of the dropout, not the error of the model."
