"""What a bundle's models read of a patient beside images: clinical numbers and the site; asked for, and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.new_rows import NewRows
from radiofuse.bundle.read import read_table
from radiofuse.bundle.sites import columns_beside
from radiofuse.tables import columns
from radiofuse.tables.cells import is_empty


@dataclass(frozen=True)
class Beside:
    """Something that the models read beside images.

    Attributes
    ----------
    column : str
        Of a cohort table.
    name : str
        What a reader calls it.
    low, high : float or None
        The range of training, where the bundle tells it.
    sites : tuple of str or None
        Those that the models know, where it is the site, which is text; None of a number.
    """

    column: str
    name: str
    low: float | None = None
    high: float | None = None
    sites: tuple[str, ...] | None = None


def read_beside_images(bundle: Bundle) -> list[Beside]:
    """Return what the models of a bundle read beside images, the clinical numbers first."""
    about = bundle.description
    names = _names(about)
    if not names:
        return []
    ranges = read_table(bundle.folder, "training_ranges").set_index("column")[["low", "high"]]
    site, known = columns_beside(about)[:1], (about["protocol"].get("harmonize") or {}).get("sites", ())
    return [
        Beside(column, name, sites=tuple(known))
        if column in site
        else Beside(column, name, *(map(float, ranges.loc[column]) if column in ranges.index else ()))
        for column, name in names.items()
    ]


def told_beside_images(rows: NewRows, sample: str) -> dict[str, float | str | None]:
    """Return by name what a sample's row tells of these: a number or a site, None where it is not known.

    Parameters
    ----------
    rows : NewRows
        As ``collect_rows`` returns them.
    sample : str
    """
    names = _names(rows.bundle.description)
    if not names:
        return {}
    row = rows.images.set_index("sample_id").loc[sample]
    return {name: _plain(row.get(column)) for column, name in names.items()}


def _names(about: Mapping[str, Any]) -> dict[str, str]:
    """Return by column of a cohort table what a reader calls it."""
    site, covariates = columns_beside(about)[:1], columns_beside(about)[1:]
    numbers = [*columns.by_modality(about["columns"]).get(columns.CLINICAL, []), *covariates]
    return {name: name.removeprefix(columns.join(columns.CLINICAL, "")) for name in (*numbers, *site)}


def _plain(value: Any) -> float | str | None:
    if isinstance(value, str):
        return None if is_empty(pd.Series([value])).item() else value
    return None if value is None or not np.isfinite(value) else float(value)
