"""One scan under the names of two patients, found by its content: a copy, a link, or another spelling of its path."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import pandas as pd

from radiofuse.errors import CohortError, ImageError
from radiofuse.imaging import read_image
from radiofuse.tables.copies import ONE_PATIENT
from radiofuse.wording import some

log = logging.getLogger(__name__)


class NamedImage(Protocol):
    """One image of one sample: a ``Task`` and what works like it."""

    @property
    def sample_id(self) -> str: ...
    @property
    def modality(self) -> str: ...
    @property
    def image(self) -> str: ...


def refuse_shared_images(cohort: pd.DataFrame, tasks: Iterable[NamedImage], digests: Mapping[str, str | None]) -> None:
    """Raise if two patients have one scan; tell where two modalities of one sample have one.

    Files that are no image, such as one error page saved for many, are left to who reads them.

    Parameters
    ----------
    cohort : DataFrame
        With ``sample_id``, and ``patient_id`` unless each sample is a patient.
    tasks : iterable of Task
    digests : mapping of str to str or None
        Path of an image to the SHA-256 of its bytes; None where it cannot be read.

    Raises
    ------
    CohortError
        If two patients have one scan; names the first of them.
    """
    patients = cohort.get("patient_id", cohort["sample_id"])  # a table made by hand may name none
    patient_of = dict(zip(cohort["sample_id"], patients, strict=True))
    of_content = defaultdict(list)
    for task in tasks:
        if digest := digests.get(task.image):
            of_content[digest].append(task)
    several = [same for same in of_content.values() if len(same) > 1 and _is_image(same[0].image)]
    _tell_of_modalities(several)
    shared = [pair for same in several for pair in _pairs(same, [patient_of[task.sample_id] for task in same])]
    if shared:
        what = f"Images of different patients with the same content: {some(shared)}. {ONE_PATIENT}"
        raise CohortError("The cohort", [what])


def tell_of_repeated_samples(keys: Mapping[tuple[str, str], str | None]) -> None:
    """Warn where samples, of one patient by now, are the same image, mask and label: such a patient counts twice.

    Parameters
    ----------
    keys : mapping
        (sample_id, modality) to the key of the content, None where there is none.
    """
    of_content: dict[str, dict[str, str]] = defaultdict(dict)
    for (sample_id, modality), key in keys.items():
        if key:
            of_content[key].setdefault(sample_id, f"{modality} of {sample_id}")
    same = [list(names.values()) for names in of_content.values() if len(names) > 1]
    if repeated := [f"{one} = {other}" for one, *others in same for other in others]:
        log.warning(
            "One region is named for several samples of a patient: %s. The patient weighs as much as all of them; "
            "drop the copies.",
            some(repeated),
        )


def _tell_of_modalities(several: Iterable[Sequence[NamedImage]]) -> None:
    samples = [[task for task in same if task.sample_id == one] for same in several for one in _ids(same)]
    twice = [pair for same in samples for pair in _pairs(same, [task.modality for task in same])]
    if twice:
        log.warning("One image is named for two modalities: %s. Correct the path if it is wrong.", some(twice))


def _ids(same: Iterable[NamedImage]) -> list[str]:
    return list(dict.fromkeys(task.sample_id for task in same))


def _pairs(same: Sequence[NamedImage], kinds: Sequence[str]) -> list[str]:
    """Name the first image beside the first of every other kind."""
    first: dict[str, NamedImage] = {}
    for task, kind in zip(same, kinds, strict=True):
        first.setdefault(kind, task)
    one, *others = first.values()
    return [f"{_name(one)} = {_name(other)}" for other in others]


def _name(task: NamedImage) -> str:
    return f"{task.modality} of {task.sample_id}"


def _is_image(path: str) -> bool:
    try:
        read_image(path)
    except ImageError:
        return False
    return True
