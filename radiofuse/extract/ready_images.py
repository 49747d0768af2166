"""A cohort's images made ready: each sample in a child process, only what changed, a record beside each output."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.each import run_each
from radiofuse.files.places import on_this_machine, place_of
from radiofuse.imaging.atlas import atlas_file
from radiofuse.imaging.brain_command import check_command
from radiofuse.imaging.ready_files import BRAIN, ONE_MASK, ReadyFiles, Registered, SampleFiles, make_sample_ready
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import digest_of
from radiofuse.progress import Meter, Progress
from radiofuse.tables.columns import join
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import BRAIN_MASK, MASK, SAMPLE
from radiofuse.wording import some

log = logging.getLogger(__name__)


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
    registered : list of (str, Registered)
        Each sample's id with each of its registrations.
    """

    rows: pd.DataFrame
    failures: pd.DataFrame
    warnings: list[str]
    n_done: int
    n_there: int
    registered: list[tuple[str, Registered]] = field(default_factory=list)


def ready_folder(store: str | Path, steps: Steps) -> Path:
    """Return where images that a run makes ready lie in a feature store: those of other steps lie elsewhere."""
    return on_this_machine(place_of(store)) / "images" / digest_of(steps, {})[:12]


def ready_for_features(
    cohort: pd.DataFrame, steps: Steps | None, store: str | Path, *, n_jobs: int, progress: Meter
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a cohort with its images made ready in a feature store, and those that could not be.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    steps : Steps or None
        None: the cohort as it is.
    store : path
    n_jobs : int
    progress : callable
        As for ``run_recipe``.
    """
    if steps is None or not imaged_modalities(cohort):
        return cohort, pd.DataFrame(columns=FAILURE_COLUMNS)
    with progress("Preparing", "samples") as on_done:
        made = make_ready(cohort, steps, ready_folder(store, steps), n_jobs=n_jobs, on_done=on_done)
    for warning in made.warnings:
        log.warning(warning)
    return made.rows, made.failures


def make_ready(
    cohort: pd.DataFrame,
    steps: Steps,
    folder: str | Path,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
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
    cluster : str, optional
        Address of a Dask scheduler; its workers, which see the same files, do it in place of children here.
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
    folder.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"n_jobs": n_jobs, "cluster": cluster, "into": folder, "on_done": on_done}
    work = run_each(partial(_make_one, steps=steps), folder, samples, **options)
    found = {sample.sample_id: one for sample, one in work}
    done = {name: one for name, one in found.items() if isinstance(one, ReadyFiles)}
    failed = [(name, "", one.code, str(one)) for name, one in found.items() if isinstance(one, ImageError)]
    n_new = sum(one.is_new for one in done.values())
    worse = [f"{name} ({modality})" for name, one in sorted(done.items()) for modality in one.worse]
    warnings = [f"Registering made nothing better, and the image was left where it was: {some(worse)}."]
    failures = pd.DataFrame(sorted(failed), columns=FAILURE_COLUMNS)
    registered = [(name, found) for name, one in sorted(done.items()) for found in one.registered]
    told = warnings if worse else []
    return ReadyCohort(_rows(cohort, done), failures, told, n_new, len(done) - n_new, registered)


def _samples(cohort: pd.DataFrame) -> list[SampleFiles]:
    modalities = imaged_modalities(cohort)
    if not modalities:
        raise RequestError("The cohort has no <modality>__image column, so there is nothing to make ready.")
    samples = []
    for row in cohort.to_dict("records"):
        images = {name: row[join(name, "image")] for name in modalities if row[join(name, "image")]}
        masks = {name: path for name in images if (path := row[join(name, "mask")])}
        if images:
            samples.append(SampleFiles(row[SAMPLE], images, masks, row.get(BRAIN_MASK, "")))
    return samples


def _check_places(steps: Steps, modalities: list[str]) -> None:
    if steps.register_to and steps.register_to not in modalities:
        raise RequestError(
            f"register_to = {steps.register_to!r} is no modality of the cohort ({', '.join(modalities)}). The path of "
            "an atlas goes to the entry atlas."
        )
    if steps.brain_command:
        check_command(steps.brain_command)
    if steps.atlas:
        atlas_file(steps.atlas)


def _make_one(folder: Path, sample: SampleFiles, *, steps: Steps) -> ReadyFiles:
    """Make one sample ready; runs in a child process."""
    return make_sample_ready(folder, sample, steps)


def _rows(cohort: pd.DataFrame, done: Mapping[str, ReadyFiles]) -> pd.DataFrame:
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
    rows.attrs = dict(cohort.attrs)
    return rows
