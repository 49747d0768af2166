"""A cohort's arrays as the rows that networks read: one network's channels, or one row per modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.extract.arrays import collect_arrays
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.imaging.sample_arrays import ArraySpec
from radiofuse.progress import Meter, silent
from radiofuse.store.arrays import ArrayStore
from radiofuse.store.pictures import PictureRow, Pictures, write_pictures


@dataclass(frozen=True)
class PicturedCohort:
    """The pictures of a cohort and what is missing from them.

    Attributes
    ----------
    pictures : Pictures
        One row per sample and name.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    """

    pictures: Pictures
    failures: pd.DataFrame


def collect_pictures(
    cohort: pd.DataFrame,
    specs: Mapping[str, ArraySpec],
    store: str | Path,
    *,
    progress: Meter = silent,
    **options: Any,
) -> PicturedCohort:
    """Return the pictures of a cohort as rows, making the arrays that the store does not hold yet.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    specs : mapping of str to SliceStack or VolumePatch
        By what the pictures are called where modalities are named; alike but for their channels.
    store : path
        The feature store's folder.
    progress : callable, optional
        As for ``run_recipe``; each name has its own.
    **options
        Passed on to ``collect_arrays``: label, region, n_jobs.

    Returns
    -------
    PicturedCohort

    Raises
    ------
    CohortError
        If two patients have one scan.
    RequestError
        If the cohort has no image column, or no channel is one of its modalities.
    StoreError
        If the store cannot be written.
    """
    rows: list[PictureRow] = []
    failures = [pd.DataFrame(columns=FAILURE_COLUMNS)]
    for name, spec in specs.items():
        with progress(f"Making arrays of {name}", "samples") as on_done:
            arrays = collect_arrays(cohort, spec, store, on_done=on_done, **options)
        rows += [PictureRow(sample_id, name, arrays.block, key) for sample_id, key in arrays.keys.items()]
        failures.append(arrays.failures.assign(modality=name))
    pictures = write_pictures(ArrayStore(store), rows, _identity_of(specs))
    return PicturedCohort(pictures, pd.concat(failures, ignore_index=True))


def _identity_of(specs: Mapping[str, ArraySpec]) -> dict[str, Any]:
    """Return what all pictures depend on beside their files, which channels' files they are is in their keys."""
    spec = next(iter(specs.values()))
    identity = spec.identity()
    ((kind, chosen), *others) = identity.items()
    return {kind: {**chosen, "channels": len(spec.channels)}, **dict(others)}
