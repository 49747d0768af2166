"""The images and masks that a cohort table names: absolute paths, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from radiofuse.files.paths import in_form_on_disk, is_of_windows, with_home
from radiofuse.tables.cells import is_empty
from radiofuse.tables.columns import CLINICAL, by_modality, join
from radiofuse.tables.file_bytes import refusal
from radiofuse.tables.problems import Problem, problems_about, shown
from radiofuse.tables.roles import FILES, MASK, PATIENT, SAMPLE, is_file_column


def named_files(cohort: pd.DataFrame) -> list[Path]:
    """Return every image and mask that a cohort table names, as `read_cohort` returns it."""
    files = [column for column in cohort if is_file_column(column)]
    return [Path(cell) for column in files for cell in cohort[column] if cell]


def imaged_modalities(cohort: pd.DataFrame) -> list[str]:
    """Return the modalities that have a column of images."""
    return [name for name in by_modality(cohort) if name != CLINICAL and join(name, "image") in cohort]


def folder_of(path: str | os.PathLike, columns: Iterable[str]) -> str:
    """Return the folder that the paths in a table start from; refuse one that no cell could hold."""
    folder = str(Path(path).absolute().parent)
    shown = folder.encode(errors="backslashreplace").decode()
    if shown != folder and any(map(is_file_column, columns)):
        what = f"It names images, and the name of its folder {shown} is not UTF-8"
        raise refusal(f"Cohort table {Path(path).name}", what, "Rename the folder.")
    return folder


def paths_of(text: pd.DataFrame, modality: str, folder: str) -> dict[str, pd.Series]:
    """Return a modality's absolute image and mask paths; an absent image has no mask."""
    image, mask = (join(modality, kind) for kind in FILES)
    images = absolute(text[image], folder)
    source = next((name for name in (mask, MASK) if name in text), None)
    masks = absolute(text[source], folder).where(images != "", "") if source else images.map(lambda _: "")
    return {image: images, mask: masks}


def absolute(cells: pd.Series, folder: str) -> pd.Series:
    """Return paths as they are found from anywhere; "" where a cell is empty."""
    paths = cells.str.strip().mask(is_empty(cells), "")
    if paths.str.startswith("~").any():
        paths = paths.map(with_home)
    paths = paths.map(lambda path: path if path.isascii() else in_form_on_disk(path, folder))
    rooted = paths.map(os.path.isabs).astype(bool)  # noqa: PTH117 - a million Path objects take their time
    rooted |= paths.map(is_of_windows).astype(bool)  # as they are: the sentence about them shall show them
    return paths.where(rooted | (paths == ""), folder + os.sep + paths)


def image_problems(cohort: pd.DataFrame, *, must_exist: bool, need_masks: bool = True) -> list[Problem]:
    """List images without a mask, images in two places at once, and missing files."""
    images = images_of(cohort)
    once = images.drop_duplicates(["image", PATIENT])
    two_patients = images["image"].isin(once.loc[once["image"].duplicated(), "image"])
    problems = [
        *problems_about(
            "Images without a mask",
            _described(images[images["mask"] == ""]) if need_masks else [],
            "Fill <modality>__mask, or one column mask for all modalities.",
        ),
        *problems_about(
            "Images that are their own mask",
            _described(images[images["mask"] == images["image"]]),
            "Correct one of the two paths.",
        ),
        *problems_about("Images that two patients share", _described(images[two_patients]), "Correct path or patient."),
    ]
    return problems + (missing_files(images) if must_exist else [])


def images_of(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return one row per image that is there: sample, patient, modality, image, mask."""
    blocks = [cohort.iloc[:0][[SAMPLE, PATIENT]].assign(modality="", image="", mask="")]
    for modality in imaged_modalities(cohort):
        image, mask = (join(modality, kind) for kind in FILES)
        block = cohort.loc[cohort[image] != "", [SAMPLE, PATIENT, image, mask]]
        blocks.append(block.rename(columns={image: "image", mask: "mask"}).assign(modality=modality))
    return pd.concat(blocks, ignore_index=True)


def _described(images: pd.DataFrame) -> list[str]:
    return [
        f"{modality} of {shown(sample)}" for sample, modality in zip(images[SAMPLE], images["modality"], strict=True)
    ]


def missing_files(images: pd.DataFrame) -> list[Problem]:
    """Name each path that is no file once, with the first sample that uses it."""
    missing = []
    for kind in FILES:
        once = images[images[kind] != ""].drop_duplicates(kind)
        is_file = once[kind].map(os.path.isfile).astype(bool)  # noqa: PTH113 - Path is 5 times slower
        absent = once[~is_file]
        named = zip(absent[SAMPLE], absent["modality"], absent[kind], strict=True)
        missing += [f"{modality} {kind} of {shown(sample)}: {path}" for sample, modality, path in named]
    advice = "Paths are relative to the folder of the table; correct them or empty the cell."
    if any("\\" in path for path in missing):
        advice = "Paths of Windows are not known to this system: write where they are mounted here, with /."
    return problems_about("Missing files", missing, advice)
