"""pyradiomics' batch tables, translated into the form of a cohort table."""

from __future__ import annotations

from pathlib import PureWindowsPath

import numpy as np
import pandas as pd

from radiofuse.tables.cells import filled
from radiofuse.tables.columns import is_modality, join
from radiofuse.tables.problems import Problem, problems_about, shown
from radiofuse.tables.roles import SAMPLE

MASK_LABEL = 1  # what pyradiomics takes where a batch table names no label


def from_batch(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Translate pyradiomics' batch table: one row per image, or per sample and ``Modality``."""
    given = next((name for name in (SAMPLE, "ID", "case") if name in text), None)
    if given is None and "Modality" in text:
        advice = "Add a column ID that is the same for all images of a sample."
        return text.iloc[:0], [Problem("A batch table with Modality needs an ID", advice=advice)]
    ids = text["Image"].map(_stem) if given is None else text[given]
    text = text.drop(columns=[given] if given else []).assign(**{SAMPLE: ids})
    if "Modality" in text:
        return _from_long_batch(text)
    return text.rename(columns=_batch_names("image")), []


def _stem(image: str) -> str:
    """Return the name of an image file without folders and without ``.nii.gz`` and the like."""
    return PureWindowsPath(image.strip().removesuffix(".gz")).stem  # either system's separators


def _batch_names(modality: str) -> dict[str, str]:
    things = {"Image": "image", "Mask": "mask", "Label": "mask_label"}
    return {header: join(modality, thing) for header, thing in things.items()}


def _from_long_batch(text: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Put the rows of a sample beside each other, each under its modality."""
    modality = text["Modality"].str.lower().str.replace(r"[^a-z0-9]", "", regex=True)
    good = modality.map(is_modality).astype(bool)
    repeated = good & pd.DataFrame({"id": text[SAMPLE], "modality": modality}).duplicated()
    own = [name for name in ("Image", "Mask", "Label") if name in text]
    shared = text.drop(columns=[*own, "Modality"])
    blocks = [shared.drop_duplicates(SAMPLE).set_index(SAMPLE)]
    for name in modality[good].unique():
        rows = text[(modality == name) & ~repeated].set_index(SAMPLE)
        blocks.append(rows[own].rename(columns=_batch_names(name)))
    wide = filled(pd.concat(blocks, axis=1)).rename_axis(SAMPLE).reset_index()
    named = (f"{shown(text[SAMPLE][row])} {modality[row]}" for row in np.flatnonzero(repeated))
    odd = map(shown, text["Modality"][~good])
    return wide, [
        *problems_about("Modality must begin with a letter", odd, "Use names such as t1."),
        *problems_about("Rows that repeat a sample and modality", named, "Keep one row of each."),
        *_disagreements(shared),
    ]


def _disagreements(shared: pd.DataFrame) -> list[Problem]:
    """List what differs between the rows of one sample and should not."""
    counts = shared.groupby(SAMPLE, sort=False).nunique(dropna=False)
    cells = [f"{column} of {shown(sample)}" for column in counts for sample in counts.index[counts[column] > 1]]
    advice = "Each sample has one value per column."
    return problems_about("Values that differ between rows of one sample", cells, advice)
