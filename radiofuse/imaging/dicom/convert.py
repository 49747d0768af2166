"""From a tree of DICOM files to NIfTI volumes, their masks, and what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from radiofuse.errors import ImageError, RequestError
from radiofuse.files.outputs import require_file, require_folder, starts_with
from radiofuse.files.paths import describe_absent
from radiofuse.imaging.dicom.instances import Person
from radiofuse.imaging.dicom.label_maps import united_codings
from radiofuse.imaging.dicom.library import pydicom
from radiofuse.imaging.dicom.masks import KINDS, MaskJob, Masks, match_slicer, write_masks
from radiofuse.imaging.dicom.naming import PatientNames, name_patients, translator
from radiofuse.imaging.dicom.notes import notes_on, notes_on_masks, write_table
from radiofuse.imaging.dicom.plan import Row, plan_rows
from radiofuse.imaging.dicom.references import match_image
from radiofuse.imaging.dicom.sequences import read_rules
from radiofuse.imaging.dicom.tree import Tree, read_tree
from radiofuse.imaging.dicom.volumes import Job, write_stack
from radiofuse.imaging.layouts.volume import IMAGE, MASK, Found, FoundVolume
from radiofuse.imaging.regions import written as as_cell
from radiofuse.progress import Progress
from radiofuse.tables.roles import MASK_REGIONS
from radiofuse.work.jobs import finish_calls, results_in_order

TABLE = "series.csv"
FEW_CALLS = 4


def convert_tree(
    folder: str | PathLike[str],
    out: str | PathLike[str],
    *,
    sequences: str | PathLike[str] | None = None,
    roi: str | None = None,
    by_region: bool = False,
    keep_ids: bool = False,
    by_folder: bool = False,
    n_jobs: int | None = 1,
    on_read: Progress | None = None,
    progress: Progress | None = None,
) -> Found:
    """Write every usable series of a tree of DICOM files as NIfTI, with its masks.

    Parameters
    ----------
    folder : str or path-like
        Files of any name, in any order, of any number of patients.
    out : str or path-like
        Where ``PATIENT/SESSION/SEQUENCE-NUMBER.nii.gz`` go, a JSON beside each of them, and
        ``series.csv``, which says of every series what became of it.
    sequences : str or path-like, optional
        A CSV of rules that come before the built-in ones (`radiofuse/imaging/dicom/sequences.csv`).
    roi : str, optional
        Which region is the mask, by name or pattern (``GTV*``), upper and lower case alike; several are
        united. Left out, a file of one region is the mask, and one of several is none.
    by_region : bool, default=False
        Whether regions keep their names in one mask, those that ``roi`` means or all: ``values["mask_regions"]``
        says which label is which. Regions that share voxels are told and none of them is the mask.
    keep_ids : bool, default=False
        Whether patients are called by their PatientID, and the JSON holds it, with UIDs and the date
        of the study. Otherwise a patient is called by a pseudonym (see `pseudonym`).
    by_folder : bool, default=False
        Whether patients are the folders that lie in ``folder``, under their names.
    n_jobs : int or None, default=1
        Processes.
    on_read, progress : callable, optional
        Called with what is done and the total: files whose headers were read, then series.

    Returns
    -------
    Found
        One image per sample and sequence, and its mask; notes on all that was left out.

    Raises
    ------
    RequestError
        If pydicom is absent, there is no such folder, or the table of rules is none.

    Notes
    -----
    A sample is a study of a patient: sessions are counted in the order of the studies' dates. Of
    several series of one sequence the one with a mask is chosen, then an original one before a derived one,
    then the one with the smallest voxels. A second call writes only what changed.
    """
    pydicom()
    folder, out = Path(folder), Path(out)
    if not folder.is_dir():
        raise RequestError(describe_absent(folder, "folder"))
    require_folder(out, "--nifti")
    require_file(out / TABLE, "--nifti", ours=starts_with("patient_id,session,series_number,"))
    rules = read_rules(sequences) if sequences is not None else []
    names: PatientNames = "folder" if by_folder else "id" if keep_ids else "pseudonym"
    tree = read_tree(folder, n_jobs=n_jobs, on_read=on_read)
    called, doubts = name_patients(tree.instances, folder, out, names)
    rows, shared = plan_rows(tree.instances, called, rules, out, keep_ids)
    _write_all(rows, n_jobs, progress)
    masks, unmatched = _masks(tree, called, rows, folder, (roi, by_region), n_jobs)
    _choose(rows, masks)
    cells, contradictions = _regions(rows)
    write_table(rows, out / TABLE)
    notes = [*tree.notes, *doubts, *shared, *notes_on(rows), *unmatched, *notes_on_masks(masks), *contradictions]
    values = {MASK_REGIONS: cells} if by_region else {}
    return Found(list(_volumes(rows)), notes, values=values, called=translator(out, names))


def _write_all(rows: Iterable[Row], n_jobs: int | None, progress: Progress | None) -> None:
    from joblib import delayed

    waiting = [row for row in rows if row.job is not None]
    calls = [delayed(write_stack)(row.job) for row in waiting]
    names = [row.job.title for row in waiting if row.job is not None]
    results = finish_calls(calls, names, n_jobs=_processes(n_jobs, len(calls)))
    for done, (number, written) in enumerate(results, 1):
        waiting[number].written = written
        if progress is not None:
            progress(done, len(waiting))


def _processes(n_jobs: int | None, n_calls: int) -> int | None:
    """Return 1 where others would take longer to start than to work."""
    return n_jobs if n_calls > FEW_CALLS else 1


def _masks(
    tree: Tree,
    called: Mapping[Person, str],
    rows: Sequence[Row],
    root: Path,
    asked: tuple[str | None, bool],
    n_jobs: int | None,
) -> tuple[list[Masks], list[str]]:
    """Write the masks of every segmentation of the tree; return them, and a note on each without an image."""
    from joblib import delayed

    converted = [row.done for row in rows if row.done is not None]
    present = {row.series.first.series_uid: f"{row.series.title}, which was not converted" for row in rows}
    drawn = {each.uid: each for each in tree.instances if each.sop_class in KINDS}  # each once, however often copied
    matches = []
    for each in sorted(drawn.values(), key=lambda each: each.series_when):
        patient = called[each.person]
        name = f"{each.path.name} of {patient}"
        matches.append((each.path, KINDS[each.sop_class], name, *match_image(each, patient, converted, present)))
    notes, jobs, numbers = [], [], Counter()
    for path in tree.slicer_files:
        matches.append((path, "Slicer", path.name, *_matched(path, root, converted)))
    for path, kind, name, images, problem in matches:
        if problem:
            notes.append(f"{kind} {name} was left out: {problem}.")
        for image in images:
            numbers[image.path] += 1
            jobs.append(MaskJob(path, kind, image, numbers[image.path], *asked))
    names = [f"the masks of {job.source.name}" for job in jobs]
    calls = [delayed(write_masks)(job) for job in jobs]
    return results_in_order(calls, names, n_jobs=_processes(n_jobs, len(calls))), notes


def _matched(path: Path, root: Path, written: Sequence[Job]) -> tuple[list[Job], str]:
    try:
        return match_slicer(path, root, written)
    except ImageError as error:
        return [], str(error).rstrip(".")


def _choose(rows: Sequence[Row], masks: Iterable[Masks]) -> None:
    """Give each volume its mask, the newest one, and choose one volume per sample and sequence."""
    wanted = {result.job.image.path: result for result in masks if result.wanted is not None}
    for row in rows:
        result = wanted.get(row.volume) if row.volume is not None else None
        row.mask, row.coding = (None, {}) if result is None else (result.wanted, result.coding)
    best: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row.patient, row.session, row.named.name)
        if row.volume is not None and (key not in best or _rank(row) < _rank(best[key])):
            best[key] = row
    for row in best.values():
        row.chosen = True


def _regions(rows: Iterable[Row]) -> tuple[dict[str, str], list[str]]:
    """Return what the masks of each sample say of their labels; a mask that contradicts another is left out, told."""
    cells: dict[str, dict[str, int]] = {}
    notes = []
    for row in rows:
        if row.chosen and row.coding:
            sample = f"{row.patient}_{row.session}"
            together = united_codings([cells.get(sample, {}), row.coding])
            if together is None:
                own, other = as_cell(row.coding), as_cell(cells[sample])
                notes.append(
                    f"The mask of {row.named.name} of {sample} has {own}, another one {other}: it is left out."
                )
                row.mask = None
            else:
                cells[sample] = together
    return {sample: as_cell(coding) for sample, coding in cells.items()}, notes


def _rank(row: Row) -> tuple:
    sizes = row.written.record["spacing_mm"]
    return row.mask is None, "DERIVED" in row.series.first.image_type, sizes[0] * sizes[1] * sizes[2]


def _volumes(rows: Iterable[Row]) -> Iterator[FoundVolume]:
    chosen = [(row.done, row.mask) for row in rows if row.chosen and row.done is not None]
    for job, mask in sorted(chosen, key=lambda pair: pair[0].path):
        image = FoundVolume(
            job.path, f"{job.patient}_{job.session}", job.patient, IMAGE, job.sequence.name, job.session
        )
        yield image
        if mask is not None:
            yield replace(image, path=mask, role=MASK)
