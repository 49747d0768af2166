"""``radiofuse cohort make --layout dicom``: a tree of DICOM files is written as volumes, which the table then names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radiofuse.commands import terminal
from radiofuse.errors import RequestError

if TYPE_CHECKING:
    from radiofuse.imaging.layouts.volume import Found


def images_beside(table: Path) -> Path:
    """Return the folder for the volumes of a cohort table.

    >>> images_beside(Path("study/cohort.csv")).as_posix()
    'study/cohort_images'
    """
    return table.with_name(f"{table.name.partition('.')[0]}_images")


def found_in_dicom(
    folder: Path,
    nifti: Path,
    *,
    sequences: Path | None,
    roi: str | None,
    by_region: bool,
    keep_ids: bool,
    by_folder: bool,
    follow_ups: bool,
    jobs: int | None,
) -> Found:
    """Convert a tree and return its volumes: of each patient one session, unless follow-ups are asked for.

    Raises
    ------
    RequestError
        As for ``convert_tree``, and if there is no volume.
    """
    from radiofuse.imaging.dicom import convert_tree

    reading, converting = terminal.progress("Reading headers", "files"), terminal.progress("Converting", "series")
    with reading as on_read, converting as progress:
        found = convert_tree(
            folder,
            nifti,
            sequences=sequences,
            roi=roi,
            by_region=by_region,
            keep_ids=keep_ids,
            by_folder=by_folder,
            n_jobs=jobs or -1,
            on_read=on_read,
            progress=progress,
        )
    if not found.n_images:
        for note in found.notes:
            terminal.say(note)
        raise RequestError(
            f"No series of {folder} became an image. What was said above and {nifti / 'series.csv'} say why."
        )
    return found if follow_ups else first_sessions(found)


def first_sessions(found: Found) -> Found:
    """Return the first session of each patient, or the first with a mask where one has any, and tell of the others.

    Examples
    --------
    >>> from radiofuse.imaging.layouts.volume import Found, FoundVolume
    >>> volumes = [FoundVolume(Path(f"{n}.nii.gz"), f"p_s{n}", "p", "image", "t1", f"s{n}") for n in (1, 2)]
    >>> first_sessions(Found(volumes)).notes
    ['1 session of patients who came again left out: p_s2. Keep them with --follow-ups.']
    """
    from radiofuse.imaging.layouts.volume import MASK
    from radiofuse.wording import counted, some

    first: dict[str, tuple[bool, int, str]] = {}
    masked = {volume.sample_id for volume in found.volumes if volume.role == MASK}
    for volume in found.volumes:
        rank = (volume.sample_id not in masked, int(volume.session.removeprefix("s")), volume.sample_id)
        first[volume.patient_id] = min(first.get(volume.patient_id, rank), rank)
    kept = {sample for *_, sample in first.values()}
    others = sorted({volume.sample_id for volume in found.volumes} - kept)
    if not others:
        return found
    note = f"{counted(len(others), 'session')} of patients who came again left out: {some(others)}."
    volumes = [volume for volume in found.volumes if volume.sample_id in kept]
    return replace(found, volumes=volumes, notes=[*found.notes, f"{note} Keep them with --follow-ups."])
