"""From a cohort to the wide feature table: extracted, ready-made and clinical columns side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse import notebook
from radiofuse.extract.cohort_run import FAILURE_COLUMNS, Extraction, extract_cohort
from radiofuse.extract.crops import collect_crops
from radiofuse.extract.one_task import Extractor
from radiofuse.extract.pictures import collect_pictures
from radiofuse.extract.regions import collect_regions
from radiofuse.imaging import Cropping, Crops
from radiofuse.imaging.sample_arrays import ArraySpec
from radiofuse.store import FeatureStore
from radiofuse.store.pictures import Pictures
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import belongs_to_image
from radiofuse.wording import counted


@dataclass(frozen=True)
class Features:
    """A wide table and what is missing from it.

    Attributes
    ----------
    table : DataFrame
        One row per sample, index ``sample_id``, columns ``<modality>__<feature>``; an all-NaN
        block means that the modality is absent.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    extraction : Extraction or None
        None where the cohort names no images.
    """

    table: pd.DataFrame
    failures: pd.DataFrame
    extraction: Extraction | None

    def with_failures(self, failures: pd.DataFrame) -> Features:
        """Return the same with further failures before its own."""
        return replace(self, failures=pd.concat([failures, self.failures], ignore_index=True))

    def _repr_html_(self) -> str:
        grouped = columns.by_modality(self.table.columns)
        rows = [
            (modality, len(names), int(self.table[names].notna().any(axis=1).sum()))
            for modality, names in grouped.items()
        ]
        caption = f"Features of {counted(len(self.table), 'sample')}"
        found = notebook.table(caption, ("modality", "features", "samples that have it"), rows)
        failed = notebook.frame("Images that gave no features", self.failures) if len(self.failures) else ""
        return notebook.page(found, failed)


def has_images(cohort: pd.DataFrame) -> bool:
    """Say whether the cohort names images to extract from."""
    return bool(imaged_modalities(cohort))


def collect_features(
    cohort: pd.DataFrame,
    extractor: Extractor | None,
    store: FeatureStore,
    *,
    region: str | None = None,
    regions: Sequence[str] = (),
    **options: Any,
) -> Features:
    """Return all features of a cohort, extracting what the store does not hold yet.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    extractor, store
        As for ``extract_cohort``; not used where the cohort names no images. Without an extractor (None)
        the table holds the ready-made columns alone.
    region : str, optional
        As for ``extract_cohort``.
    regions : sequence of str
        Features of several regions of each mask, ``<modality>__<region>_<feature>``, in place of those of one.
    **options
        Passed on to ``extract_cohort``.

    Returns
    -------
    Features
    """
    ready = _ready_columns(cohort)
    if extractor is None or not has_images(cohort):
        return Features(ready, pd.DataFrame(columns=FAILURE_COLUMNS), None)
    if regions:
        extracted, extraction = collect_regions(cohort, extractor, store, regions, **options)
    else:
        extraction = extract_cohort(cohort, extractor, store, region=region, **options)
        extracted = store.read([extraction.block.name], list(cohort["sample_id"]), keys=extraction.keys)
    table = pd.concat([extracted, ready], axis=1)
    return Features(table, extraction.failures, extraction)


def add_crops(
    features: Features, cohort: pd.DataFrame, cropping: Cropping, store: FeatureStore, **options: Any
) -> tuple[Features, Crops]:
    """Return the features with columns that point at each modality's tumor crop, and the crops.

    Parameters
    ----------
    features : Features
        Of the same cohort.
    cohort : DataFrame
        As ``read_cohort`` returns it.
    cropping, store, **options
        As for ``collect_crops``.

    Returns
    -------
    features : Features
        With a column ``<modality>__crop`` for each modality that has images, all NaN if none could be cropped,
        and the failures of both.
    crops : Crops
    """
    cropped = collect_crops(cohort, cropping, store, **options)
    failures = pd.concat([features.failures, cropped.failures]).drop_duplicates(ignore_index=True)
    table = _pointed(features.table, cropped.crops.pointer_table(), imaged_modalities(cohort))
    return Features(table, failures, features.extraction), cropped.crops


def add_pictures(
    features: Features, cohort: pd.DataFrame, specs: Mapping[str, ArraySpec], store: str | Path, **options: Any
) -> tuple[Features, Pictures]:
    """Return the features with columns that point at the arrays of each network, and the arrays.

    Parameters
    ----------
    features : Features
        Of the same cohort.
    cohort : DataFrame
        As ``read_cohort`` returns it.
    specs, store, **options
        As for ``collect_pictures``.

    Returns
    -------
    features : Features
        With a column ``<name>__crop`` for each network, and the failures of both.
    pictures : Pictures
    """
    found = collect_pictures(cohort, specs, store, **options)
    failures = pd.concat([features.failures, found.failures]).drop_duplicates(ignore_index=True)
    table = _pointed(features.table, found.pictures.pointer_table(), list(specs))
    return Features(table, failures, features.extraction), found.pictures


def _pointed(table: pd.DataFrame, pointers: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a table with the columns of pointers behind it, all NaN where there is nothing to point at."""
    return table.join(pointers.reindex(columns=[columns.join(name, columns.CROP) for name in names]))


def _ready_columns(cohort: pd.DataFrame) -> pd.DataFrame:
    chosen = [column for column in cohort if columns.split(column) is not None and not belongs_to_image(column)]
    table = cohort.set_index("sample_id")[chosen]
    return table.astype(float)
