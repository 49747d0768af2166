"""How many samples of each modality are left at every step from the cohort table to what is used."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radiofuse.tables import columns
from radiofuse.tables.cells import is_empty

IMAGE = "image"  # <modality>__image names a file


def modality_flow(
    samples: pd.DataFrame, named: pd.DataFrame, present: pd.DataFrame, known: pd.Series, failures: pd.DataFrame
) -> pd.DataFrame:
    """Return how many samples are left of each modality at every step from the table to what is used.

    Parameters
    ----------
    samples : DataFrame
        With the patient of each sample, its index.
    named, present : DataFrame of bool, shape (n_samples, n_modalities)
        Whether the table names an image or features, and whether there are features.
    known : Series of bool
        Whether an outcome is known.
    failures : DataFrame
        Columns sample_id, modality ("" for all) and code.

    Returns
    -------
    DataFrame
        Columns modality, step, n_samples, n_patients, note.
    """
    rows = []
    for name in present:
        steps = (
            ("in the cohort table", known | ~known, ""),
            ("image or features named", named[name], ""),
            ("image and mask usable", present[name], _reasons(failures, name)),
            ("outcome known: used", present[name] & known, ""),
        )
        for step, mask, note in steps:
            n_patients = samples.loc[mask, "patient_id"].nunique()
            rows.append((name, step, int(mask.sum()), n_patients, note))
    return pd.DataFrame(rows, columns=["modality", "step", "n_samples", "n_patients", "note"])


def _reasons(failures: pd.DataFrame, modality: str) -> str:
    own = failures[failures["modality"].isin(["", modality])]
    return ", ".join(f"{n} {code}" for code, n in own["code"].value_counts(sort=False).items())


def named_in(cohort: pd.DataFrame, modalities: Sequence[str], present: pd.DataFrame) -> pd.DataFrame:
    """Return whether the table names an image of each modality; where it has no column of images, its features."""
    paths = {name: columns.join(name, IMAGE) for name in modalities}
    there = {
        name: ~is_empty(cohort[path].astype(str)) | present[name] if path in cohort else present[name]
        for name, path in paths.items()
    }
    return pd.DataFrame(there, index=present.index)
