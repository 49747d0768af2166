"""A cohort's images made ready: each sample in a child process, only what changed, a record beside each output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.outcomes import DIED
from radiofuse.extract.workers import WORKER_DIED, run_in_children
from radiofuse.files.aside import write_file
from radiofuse.files.paths import describe_absent
from radiofuse.imaging import file_sha256, read_image, read_mask
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import Prepared, digest_of, prepared
from radiofuse.imaging.write_like import write_like
from radiofuse.progress import Progress
from radiofuse.tables.columns import join
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import BRAIN_MASK, MASK, SAMPLE

RECORD = "record.json"
ONE_MASK, BRAIN = "mask", "brain_mask"  # names of files


@dataclass(frozen=True)
class ReadyCohort:
    """What came of a cohort.

    Attributes
    ----------
    rows : DataFrame
        The cohort's rows with the paths of the images made ready; samples that failed have none.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    warnings : list of str
    n_done, n_there : int
        Samples done now, and found as an earlier call left them.
    """

    rows: pd.DataFrame
    failures: pd.DataFrame
    warnings: list[str]
    n_done: int
    n_there: int


@dataclass(frozen=True)
class _Sample:
    sample_id: str
    images: dict[str, str]
    masks: dict[str, str]
    brain: str


@dataclass(frozen=True)
class _Done:
    files: dict[str, str]
    worse: tuple[str, ...]
    is_new: bool


def make_ready(
    cohort: pd.DataFrame,
    steps: Steps,
    folder: str | Path,
    *,
    n_jobs: int = 1,
    on_done: Progress | None = None,
) -> ReadyCohort:
    """Write the images and masks of a cohort after all steps.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it without labels.
    steps : Steps
    folder : path
        ``<sample>/<modality>.nii.gz``, ``mask.nii.gz`` (or one per modality), transforms and ``record.json``.
    n_jobs : int, default=1
        Child processes.
    on_done : callable, optional
        Called with (done, total) samples.

    Returns
    -------
    ReadyCohort

    Raises
    ------
    RequestError
        If the cohort names no images, or what they shall be registered to is not there.
    """
    samples = _samples(cohort)
    _check_places(steps, imaged_modalities(cohort))
    folder = Path(folder).absolute()
    found: dict[str, _Done | ImageError] = {}
    work = partial(_make_one, steps=steps)
    for sample, result in run_in_children(work, folder, samples, n_jobs=n_jobs):
        found[sample.sample_id] = ImageError(str(DIED.code), str(DIED.message)) if result is WORKER_DIED else result
        if on_done:
            on_done(len(found), len(samples))
    done = {name: one for name, one in found.items() if isinstance(one, _Done)}
    failed = [(name, "", one.code, str(one)) for name, one in found.items() if isinstance(one, ImageError)]
    n_new = sum(one.is_new for one in done.values())
    worse = [f"{name} ({modality})" for name, one in sorted(done.items()) for modality in one.worse]
    warnings = [f"Registering made nothing better, and the image was left where it was: {', '.join(worse)}."]
    failures = pd.DataFrame(sorted(failed), columns=FAILURE_COLUMNS)
    return ReadyCohort(_rows(cohort, done), failures, warnings if worse else [], n_new, len(done) - n_new)


def _samples(cohort: pd.DataFrame) -> list[_Sample]:
    modalities = imaged_modalities(cohort)
    if not modalities:
        raise RequestError("The cohort has no <modality>__image column, so there is nothing to make ready.")
    samples = []
    for row in cohort.to_dict("records"):
        images = {name: row[join(name, "image")] for name in modalities if row[join(name, "image")]}
        masks = {name: path for name in images if (path := row[join(name, "mask")])}
        if images:
            samples.append(_Sample(row[SAMPLE], images, masks, row.get(BRAIN_MASK, "")))
    return samples


def _check_places(steps: Steps, modalities: list[str]) -> None:
    if steps.register_to and steps.register_to not in modalities:
        raise RequestError(
            f"register_to = {steps.register_to!r} is no modality of the cohort ({', '.join(modalities)}). The path of "
            "an atlas goes to the entry atlas."
        )
    if steps.atlas and not Path(steps.atlas).is_file():
        raise RequestError(describe_absent(Path(steps.atlas), "atlas"))


def _make_one(folder: Path, sample: _Sample, *, steps: Steps) -> _Done | ImageError:
    """Make one sample ready; runs in a child process."""
    try:
        paths = {**sample.images, **{f"{name}_mask": path for name, path in sample.masks.items()}}
        paths |= ({BRAIN: sample.brain} if sample.brain else {}) | ({"atlas": steps.atlas} if steps.atlas else {})
        digest = digest_of(steps, {name: file_sha256(path) for name, path in paths.items()})
        place = folder / sample.sample_id
        if (earlier := _earlier(place, digest)) is not None:
            return earlier
        return _written(place, digest, _prepared(sample, steps), paths)
    except ImageError as error:
        return error


def _prepared(sample: _Sample, steps: Steps) -> Prepared:
    images = {name: read_image(path).image for name, path in sample.images.items()}
    masks = {name: read_mask(path).image for name, path in sample.masks.items()}
    brain = read_mask(sample.brain).image if sample.brain else None
    return prepared(images, masks, brain, steps, read_image(steps.atlas).image if steps.atlas else None)


def _written(place: Path, digest: str, sample: Prepared, sources: Mapping[str, str]) -> _Done:
    place.mkdir(parents=True, exist_ok=True)
    files = {name: f"{name}.nii.gz" for name in sample.images}
    for name, image in sample.images.items():
        write_like(place / files[name], sitk.GetArrayFromImage(image), image)
    for name, mask in _few(sample.masks).items():
        files[f"{name}_mask" if name else ONE_MASK] = file = f"{name}_mask.nii.gz" if name else f"{ONE_MASK}.nii.gz"
        write_like(place / file, sitk.GetArrayFromImage(mask), mask)
    if sample.brain is not None:
        files[BRAIN] = f"{BRAIN}.nii.gz"
        write_like(place / files[BRAIN], sitk.GetArrayFromImage(sample.brain), sample.brain)
    for name, transform in sample.transforms.items():
        sitk.WriteTransform(transform, str(place / f"{name}_to_{_file_name(sample)}.tfm"))
    worse = [name for name, told in sample.record.get("registration", {}).items() if told["worse"]]
    record = {"digest": digest, "files": files, "worse": worse, "sources": dict(sources), **sample.record}
    text = json.dumps(record, indent=1) + "\n"
    write_file(place / RECORD, lambda file: file.write(text.encode()))  # last: without it the sample is done again
    return _Done({name: str(place / file) for name, file in files.items()}, tuple(worse), True)


def _file_name(sample: Prepared) -> str:
    """Return what was registered to, as a part of a file's name."""
    steps = sample.record["steps"]
    return Path(steps["atlas"]).name.partition(".")[0] if steps["atlas"] else steps["register_to"]


def _few(masks: Mapping[str, sitk.Image]) -> dict[str, sitk.Image]:
    """Return one mask under no name where all are the same, else each under its modality."""
    several = list(masks.values())
    alike = all(_alike(several[0], mask) for mask in several[1:])
    return {"": several[0]} if several and alike else dict(masks)


def _alike(one: sitk.Image, other: sitk.Image) -> bool:
    first, second = ([*mask.GetOrigin(), *mask.GetSpacing(), *mask.GetDirection()] for mask in (one, other))
    if one.GetSize() != other.GetSize() or not np.allclose(first, second, atol=1e-6):
        return False
    return np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))


def _earlier(place: Path, digest: str) -> _Done | None:
    """Return what an earlier call wrote of the same files and options; None where anything of it is gone."""
    try:
        record: dict[str, Any] = json.loads((place / RECORD).read_text())
    except (OSError, ValueError):
        return None
    files = record.get("files", {})
    if record.get("digest") != digest or not all((place / file).is_file() for file in files.values()):
        return None
    return _Done({name: str(place / file) for name, file in files.items()}, tuple(record["worse"]), False)


def _rows(cohort: pd.DataFrame, done: Mapping[str, _Done]) -> pd.DataFrame:
    """Return the cohort's rows with the paths of what was written."""
    modalities = imaged_modalities(cohort)
    files = [join(name, kind) for name in modalities for kind in ("image", "mask")]
    rows = cohort.drop(columns=[name for name in (*files, MASK, BRAIN_MASK) if name in cohort]).copy()
    of = [done[sample].files if sample in done else {} for sample in rows[SAMPLE]]
    for name in modalities:
        rows[join(name, "image")] = [found.get(name, "") for found in of]
        rows[join(name, "mask")] = [found.get(f"{name}_mask", found.get(ONE_MASK, "")) for found in of]
        rows[join(name, "mask")] = rows[join(name, "mask")].where(rows[join(name, "image")] != "", "")
    if any(BRAIN in found for found in of):
        rows[BRAIN_MASK] = [found.get(BRAIN, "") for found in of]
    return rows
