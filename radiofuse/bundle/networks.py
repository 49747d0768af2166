"""The networks inside a bundle, and what each reads of a new patient: pictures, and where these lie in the image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.deep.aggregation import LARGEST
from radiofuse.deep.estimators.crop_classifier import CropClassifier
from radiofuse.deep.estimators.crop_encoder import CropEncoder
from radiofuse.deep.estimators.pointers import crop_column, find_crops
from radiofuse.errors import BundleError
from radiofuse.extract.one_task import Task
from radiofuse.extract.tasks import list_tasks
from radiofuse.fuse import holders
from radiofuse.imaging import Cropping, read_pair
from radiofuse.imaging.placing import Placing, placed_crops
from radiofuse.imaging.sample_arrays import read_region, sample_placing
from radiofuse.imaging.stacks import specs_of
from radiofuse.tables.outcomes import Outcome

READS_ONE = (CropEncoder, CropClassifier)


@dataclass(frozen=True, eq=False)
class Network:
    """A network that a bundle's models hold.

    Attributes
    ----------
    name : str
        What files and tables call it: the modality, or the name of the stack, that it reads.
    outcome : Outcome
        What it was trained for.
    estimator : CropEncoder or CropClassifier
        Fitted, with the pictures of new patients attached.
    """

    name: str
    outcome: Outcome
    estimator: Any

    def row_of(self, X: pd.DataFrame, sample_id: str) -> int | None:
        """Return in which row of the estimator's crops a sample's pictures stand; None where it has none."""
        column = crop_column(self.estimator.feature_names_in_)
        pointers, _ = find_crops(self.estimator.crops, X.loc[[sample_id], [column]])
        return int(pointers[0]) if len(pointers) else None

    def pictures(self, row: int) -> np.ndarray:
        """Return the pictures of a row, shape (n, channels, …), as they were made: not scaled."""
        source = self.estimator.crops.pictures([row])
        return np.array(source[np.arange(source.shape[0])], dtype=np.float32)

    def largest(self, row: int) -> np.ndarray | None:
        """Return which picture of a row has most tumor, where the network's answer is that of this one."""
        return self.estimator.crops.largest([row]) if self.estimator.aggregate == LARGEST else None


def networks_of(bundle: Bundle) -> list[Network]:
    """Return the networks of a bundle's models that read one modality or one stack, each once.

    Raises
    ------
    BundleError
        If no model holds one.
    """
    found: dict[str, Network] = {}
    several = len(bundle.outcomes) > 1
    for outcome in bundle.outcomes:
        for holder in holders(*bundle.models[outcome.name].values()):
            if isinstance(holder, READS_ONE) and hasattr(holder, "encoder_") and holder.encoder_.key not in found:
                name = f"{outcome.name}_{holder.modality}" if several else holder.modality
                taken = {network.name for network in found.values()}
                name = name if name not in taken else f"{name}_{len(taken) + 1}"
                found[holder.encoder_.key] = Network(name, outcome, holder)
    if not found:
        raise BundleError(
            "The bundle's models hold no network of one modality, and maps show where such a network looks. Leave "
            "--maps out, or train a late fusion with [deep]."
        )
    return list(found.values())


@dataclass(frozen=True, eq=False)
class Placed:
    """Where a network's pictures of a sample lie.

    Attributes
    ----------
    placing : Placing
    images : dict of str to str
        The file of each channel, in order.
    mask : Task
        The mask's file, "" where there is none, and its label.
    """

    placing: Placing
    images: dict[str, str]
    mask: Task

    @property
    def first_image(self) -> str:
        """The file on whose grid the pictures lie."""
        return next(iter(self.images.values()))

    def region(self) -> np.ndarray | None:
        """Return the voxels (z, y, x) of the tumor, None where no mask is named.

        Raises
        ------
        ImageError
            If the mask cannot be used on the grid of the image.
        """
        if not self.mask.mask:
            return None
        return read_region(self.mask.mask, _label(self.mask), self.placing.grid)


def place(
    description: Mapping[str, Any], images: pd.DataFrame, modality: str, sample_id: str, drawn: str = ""
) -> Placed:
    """Return where a network's pictures of a sample lie, from the files they were made from.

    Parameters
    ----------
    description : mapping
        Of the bundle.
    images : DataFrame
        The rows of the cohort as images were read, ``NewRows.images``.
    modality : str
        That the network reads, or the stack.
    sample_id : str
    drawn : str, optional
        A mask that the models do not read, for outlines and measures.

    Raises
    ------
    ImageError
        If a file cannot be read any more.
    """
    settings = description["settings"]
    tasks = {task.modality: task for task in _tasks(settings, images, sample_id)}
    if settings["crops"] is not None:
        task = tasks[modality]
        pair = read_pair(task.image, task.mask, label=_label(task))
        return Placed(placed_crops(pair, Cropping(**settings["crops"])), {modality: task.image}, task)
    spec = specs_of(settings["pictures"]["made"], settings["pictures"]["channels"])[modality]
    files = {name: tasks[name].image for name in spec.channels}
    first = tasks[spec.channels[0]]
    placing = sample_placing(spec, files, first.mask, _label(first))
    return Placed(placing, files, replace(first, mask=first.mask or drawn))


def _tasks(settings: Mapping[str, Any], images: pd.DataFrame, sample_id: str) -> Iterator[Task]:
    region = next(iter(settings.get("regions", ())), settings.get("region"))
    usual = images.attrs.get("mask_label", "any") if settings["mask_label"] is None else settings["mask_label"]
    yield from list_tasks(images[images["sample_id"] == sample_id], usual, region=region)


def _label(task: Task) -> Any:
    return "any" if task.label is None else task.label
