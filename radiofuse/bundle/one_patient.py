"""One patient's folder as a bundle reads it: the row of a cohort table, and what is missing from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.other_cohort import AS_ITS_OWN, OtherCohort
from radiofuse.bundle.pictures import channels_of, needs_masks, reads_pictures
from radiofuse.bundle.predict import modalities_of_model, read_new_patients
from radiofuse.bundle.sites import columns_beside
from radiofuse.errors import BundleError, CohortError, ImageError, RequestError
from radiofuse.files.paths import describe_absent
from radiofuse.imaging import file_sha256, read_image
from radiofuse.imaging.dicom.tree import holds_dicom
from radiofuse.imaging.geometry import foreign_grids
from radiofuse.imaging.layouts import plain
from radiofuse.imaging.layouts.choices import recognized
from radiofuse.imaging.layouts.make import make_cohort
from radiofuse.imaging.layouts.table import UNMASKED
from radiofuse.imaging.layouts.volume import IMAGE, MASK, Found, FoundVolume
from radiofuse.tables import columns
from radiofuse.tables.roles import MASK_REGIONS, SAMPLE, SITE
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.wording import counted, listed, some

PLAIN = "plain"
OTHER_THAN_LABELS = {MASK_REGIONS, SITE}  # of what a folder says of a patient


@dataclass(frozen=True, eq=False)
class PatientFolder:
    """A patient's folder as a bundle reads it.

    Attributes
    ----------
    cohort : DataFrame of one row
        As ``read_new_patients`` returns it, with the modalities of the model.
    images : dict of str to Path
        The file of each sequence that the model reads and the folder holds.
    missing : list of str
        The sequences that the model reads and the folder lacks.
    notes : list of str
        Sentences on what was found, and how the grids of the sequences lie to each other.
    drawn : Path or None
        A segmentation that the model does not read; maps are measured with it.
    sha256 : mapping of str to str
        Digests of the bytes of these images by sequence, and under "mask" of the segmentation.
    """

    cohort: pd.DataFrame
    images: dict[str, Path]
    missing: list[str]
    notes: list[str]
    drawn: Path | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def sample_id(self) -> str:
        """What the patient's scan is called."""
        return str(self.cohort[SAMPLE].iloc[0])


def read_patient(
    bundle: Bundle,
    folder: str | Path,
    layout: str = "auto",
    written: OtherCohort = AS_ITS_OWN,
    beside: Mapping[str, str] | None = None,
) -> PatientFolder:
    """Read the folder of one patient; nothing is written to it.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it.
    folder : path
        Of one patient: ``flair.nii.gz``, ``t1ce.nii.gz`` and so on, or named as one of the layouts has it.
    layout : str, default="auto"
        "plain", a key of ``LAYOUTS``, ``package.module:function``, or "auto": plain names where there are any, else
        the layout that recognizes most images.
    written : OtherCohort, optional
        A table of participants, for clinical numbers and sites.
    beside : mapping of str to str, optional
        These as cells, by column of a cohort table, where there is no such table.

    Raises
    ------
    RequestError
        If the folder holds no sequence that the model reads, several scans, or no segmentation where one is needed.
    CohortError
        If the row that it makes cannot be used.
    BundleError
        If the model reads no images.
    """
    folder, wanted = Path(folder), sequences_of(bundle.description)
    layout, found = _found(folder, layout, wanted)
    _refuse_several(folder, found)
    drawn_volumes = [one for one in found.volumes if one.role == MASK and not needs_masks(bundle.description)]
    found = _of_model(bundle.description, folder, found, wanted)
    made = make_cohort(folder, layout, found=found)
    images = {one.modality: one.path for one in found.volumes if one.role == IMAGE}
    missing = [name for name in wanted if name not in images]
    cohort = _as_table(bundle, made.rows, missing, written, folder, beside or {})
    told = [note for note in made.notes if note != UNMASKED]  # one that is needed is asked for by name
    if bundle.description.get("synthetic"):
        told.append("The model was trained on synthetic data. Not for any patient.")
    told += _grids(bundle.description, images)
    digests = _digests([*found.volumes, *drawn_volumes])
    return PatientFolder(cohort, images, missing, told, next((one.path for one in drawn_volumes), None), digests)


def sequences_of(description: Mapping[str, Any]) -> list[str]:
    """Return the modalities whose images a bundle's models read.

    Raises
    ------
    BundleError
        If they read ready-made features.
    """
    settings = description["settings"]
    if settings["radiomics"] is None and not reads_pictures(description):
        raise BundleError(
            "The model was trained on ready-made features and reads no images. Give a table of the patient's features: "
            "radiofuse predict BUNDLE TABLE --out probabilities.csv."
        )
    stacked = (settings.get("pictures") or {}).get("channels", {})
    own = [name for name in columns.by_modality(description["columns"]) if name != columns.CLINICAL]
    return sorted({*(name for name in own if name not in stacked), *channels_of(description)})


# ---------------------------------------------------------------- what lies in the folder


def _found(folder: Path, layout: str, wanted: list[str]) -> tuple[str, Found]:
    """Return the name of the folder's layout and what it finds; refuse a folder in which there is no image."""
    if not folder.is_dir():
        raise RequestError(describe_absent(folder, "folder"))
    by_name = plain.find(folder, wanted) if layout in ("auto", PLAIN) else None
    if by_name is not None and (by_name.n_images or layout == PLAIN):
        found: tuple[str, Found] | None = (PLAIN, by_name) if by_name.n_images else None
    else:
        found = recognized(folder, layout, follow_ups=True)
    if found is not None:
        return found
    if holds_dicom(folder):
        raise RequestError(
            f"{folder} holds DICOM files. Convert them first, radiofuse cohort make {folder} --layout dicom --out "
            "cohort.csv, then predict from that table: radiofuse predict BUNDLE cohort.csv --out probabilities.csv."
        )
    tried = "" if layout == "auto" else f" of the layout {layout}"
    raise RequestError(
        f"{folder} holds no image{tried} that is recognized by its name. The model reads {listed(wanted)}: call the "
        f"files {' and '.join(f'{name}.nii.gz' for name in wanted)}, or as BraTS, BIDS or another layout does."
    )


def _of_model(description: Mapping[str, Any], folder: Path, found: Found, wanted: list[str]) -> Found:
    """Return what a model reads of a folder: its sequences, and the segmentation where it reads one."""
    read = [one for one in found.volumes if one.role != IMAGE or one.modality in wanted]
    if not any(one.role == IMAGE for one in read):
        there = listed(sorted({one.modality for one in found.volumes if one.role == IMAGE}))
        raise RequestError(f"The model reads {listed(wanted)}; {folder} holds {there}. Name another folder or model.")
    is_drawn, notes = any(one.role == MASK for one in read), found.notes
    if needs_masks(description) and not is_drawn:
        raise RequestError(
            f"{folder} holds no segmentation, and the model reads the images inside one. Put it there as seg.nii.gz "
            "beside plain names, else as the layout calls it, with the labels that the training masks had."
        )
    if is_drawn and not needs_masks(description):
        read = [one for one in read if one.role != MASK]
        notes = [*notes, "The segmentation is not read: this model needs none."]
    about = {name: values for name, values in found.values.items() if name in OTHER_THAN_LABELS}
    return replace(found, volumes=read, notes=notes, labels=None, values=about)


def _refuse_several(folder: Path, found: Found) -> None:
    """Refuse the folder of several patients, or of several scans of one."""
    samples = list(dict.fromkeys(one.sample_id for one in found.volumes if one.role == IMAGE))
    if len(samples) > 1:
        patients = len({one.patient_id for one in found.volumes if one.role == IMAGE})
        what = counted(patients, "patient") if patients > 1 else f"{len(samples)} scans of one patient"
        raise RequestError(
            f"{folder} holds images of {what} ({some(samples)}), one scan was expected. Name the folder of one, or "
            f"make a table of all, radiofuse cohort make {folder}, and predict from that."
        )


def _digests(volumes: Sequence[FoundVolume]) -> dict[str, str]:
    """Return what the bytes of images and masks are, by sequence; a mask of one sequence alone names it."""
    own = {one.modality: one for one in volumes if one.role == IMAGE}
    own |= {f"{MASK} of {one.modality}" if one.modality else MASK: one for one in volumes if one.role == MASK}
    digests = {}
    for name, one in own.items():
        with suppress(ImageError):  # told among the failures, with its code
            digests[name] = file_sha256(one.path)
    return digests


# ---------------------------------------------------------------- the row of a table


def _as_table(
    bundle: Bundle,
    rows: pd.DataFrame,
    missing: list[str],
    written: OtherCohort,
    folder: Path,
    beside: Mapping[str, str],
) -> pd.DataFrame:
    """Return a patient's row read as a cohort table, so that it passes every check that a table does."""
    absent = {columns.join(name, "image"): "" for name in missing}
    if written.participants is None:  # as a cell of a table that does not know the site; the note says so
        absent |= {name: "" for name in columns_beside(bundle.description)[:1] if name not in rows}
    absent |= beside
    with TemporaryDirectory() as place:
        table = Path(place, "cohort.csv")
        with table.open("wb") as file:
            write_csv(rows.assign(**absent).reset_index(), file)
        try:
            return modalities_of_model(read_new_patients(bundle, table, written), bundle)
        except CohortError as error:
            raise CohortError(f"The patient's folder {folder}", error.problems) from None


def _grids(description: Mapping[str, Any], images: Mapping[str, Path]) -> list[str]:
    """Tell which sequences lie on another grid than the first, or than the one that the others are brought onto."""
    steps = description["settings"].get("images") or {}
    target = steps.get("register_to")
    ordered = sorted(images, key=lambda name: name != target)
    volumes = {}
    for name in ordered:
        try:
            volumes[name] = read_image(images[name]).image
        except ImageError:  # told among the failures, with its code
            continue
    if not volumes:
        return []
    first = next(iter(volumes))
    then = (
        f"The model's recipe brings the sequences onto {target} before they are read."
        if target
        else "The model's recipe does not register sequences to each other."
    )
    return [
        f"{name} does not lie on the grid of {first}: {what}. {then}" for name, what in foreign_grids(volumes).items()
    ]
