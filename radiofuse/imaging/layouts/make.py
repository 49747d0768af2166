"""``make_cohort``: a folder of images to the rows of a cohort table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from radiofuse.imaging.layouts.choices import find
from radiofuse.imaging.layouts.codings import labels_in, united
from radiofuse.imaging.layouts.labels import join_labels
from radiofuse.imaging.layouts.safe_ids import with_safe_ids
from radiofuse.imaging.layouts.table import masks_in, rows_of
from radiofuse.imaging.layouts.volume import Found
from radiofuse.imaging.regions import TREATED, codings_of, written
from radiofuse.progress import Progress
from radiofuse.tables.roles import MASK_REGIONS
from radiofuse.wording import counted, listed


@dataclass(frozen=True)
class MadeCohort:
    """The rows of a cohort table, how they came about, and which columns are labels.

    Attributes
    ----------
    rows : DataFrame
        Index ``sample_id``; absolute paths.
    notes : list of str
    labels : list of str
    """

    rows: pd.DataFrame
    notes: list[str]
    labels: list[str]


def make_cohort(
    folder: str | Path,
    layout: str = "auto",
    *,
    found: Found | None = None,
    labels: str | Path | None = None,
    sheet: str | None = None,
    id_column: str | None = None,
    label_columns: Sequence[str] = (),
    clinical: Sequence[str] = (),
    follow_ups: bool = False,
    keep_unmasked: bool = False,
    n_jobs: int = 1,
    on_done: Progress | None = None,
) -> MadeCohort:
    """Make the rows of a cohort table of a folder of images.

    Parameters
    ----------
    folder : path
    layout : str, default="auto"
        A key of ``LAYOUTS``, ``package.module:function``, or "auto": the one that recognizes most images.
    found : Found, optional
        What was found already, as by patterns; then `layout` is its name alone.
    labels : path, optional
        A table with labels and clinical columns. Left out, the one that belongs to the layout, if it lies there.
    sheet, id_column, label_columns, clinical
        As for ``join_labels``.
    follow_ups : bool, default=False
        Whether scans of patients who came again are kept.
    keep_unmasked : bool, default=False
        Whether samples without a mask are kept where others have one.
    n_jobs : int, default=1
        Threads that read masks, for which part of the tumor each label is.
    on_done : callable, optional
        Called with (done, total) masks.

    Raises
    ------
    RequestError, CohortError
        If nothing was recognized, or the labels cannot be joined.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from radiofuse.imaging import write_volume
    >>> with TemporaryDirectory() as folder:
    ...     for kind in ("t1", "flair", "seg"):
    ...         voxels = np.arange(64, dtype=np.uint8).reshape(4, 4, 4) % 5
    ...         write_volume(Path(folder, f"P1_{kind}.nii.gz"), voxels, spacing_mm=(1, 1, 1))
    ...     made = make_cohort(folder)
    >>> list(made.rows), made.notes[0]
    (['patient_id', 'mask_regions', 't1__image', 'flair__image', 'mask'], 'Layout: brats.')
    """
    folder = Path(folder)
    if found is None:
        layout, found = find(folder, layout, follow_ups=follow_ups)
    rows, of_rows = rows_of(found, keep_unmasked=keep_unmasked)
    notes, names = [f"Layout: {layout}.", *found.notes, *of_rows], [*found.values]
    table = labels if labels is not None else found.labels
    if table is not None:
        joined = join_labels(
            rows,
            Path(table),
            sheet=sheet,
            id_column=id_column,
            columns=label_columns,
            clinical=clinical,
            called=found.called,
        )
        rows, notes, names = joined.rows, notes + joined.notes, names + joined.labels
    rows, of_masks = _with_regions(rows, n_jobs, on_done)
    rows, of_ids = with_safe_ids(rows)
    return MadeCohort(
        rows, notes + of_masks + of_ids, [name for name in dict.fromkeys(names) if name not in ("site", MASK_REGIONS)]
    )


def _with_regions(rows: pd.DataFrame, n_jobs: int, on_done: Progress | None) -> tuple[pd.DataFrame, list[str]]:
    """Add the column that says which label is which part, told from the labels of all masks together."""
    if MASK_REGIONS in rows:  # the folder says it
        return rows, []
    masks = masks_in(rows)
    labels = labels_in(masks, n_jobs=n_jobs, on_done=on_done)
    codings = dict(zip(labels, codings_of(list(labels.values())), strict=True))
    used = [written(one) for one in codings.values() if one is not None]
    if not used:
        shown = listed(sorted(united(labels.values()))) or "none that can be read"
        return rows, [f"Labels of the masks: {shown}."] if masks else []
    usual = max(dict.fromkeys(used), key=used.count)  # of samples whose mask cannot be read
    cells = [_coding_of_row(row, codings) or usual for row in rows.to_dict("records")]
    rows.insert(next(at for at, name in enumerate(rows) if name.endswith("__image")), MASK_REGIONS, cells)
    counts = {one: used.count(one) for one in dict.fromkeys(used)}
    if len(counts) == 1:
        return rows, [f"Labels of the masks: {usual}, WT = NCR + ED + ET, TC = NCR + ET.", *_doubts_of(usual)]
    told = " and ".join(f"{one} ({counted(n, 'mask')})" for one, n in counts.items())
    return rows, [
        f"The masks are coded in two ways, {told}: data sets lie together. Look at the column {MASK_REGIONS}."
    ]


def _doubts_of(coding: str) -> list[str]:
    """Tell where labels do not say which of two codings they are."""
    if coding != written(TREATED):
        return []
    return [
        f"RC is the cavity that surgery left. Masks of BraTS to 2016 hold the same labels, 3 of tumor that does not "
        f"enhance and 4 of tumor that does: of such, correct the column {MASK_REGIONS}."
    ]


def _coding_of_row(row: Mapping[Hashable, str], codings: Mapping[str, dict[str, int] | None]) -> str:
    found = [coding for cell in row.values() if (coding := codings.get(cell)) is not None]
    return written(found[0]) if found else ""
