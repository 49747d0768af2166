"""Features of several regions of each mask, beside each other: ``t1ce__ET_original_firstorder_Mean``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from radiofuse.extract.cohort_run import Extraction, extract_cohort
from radiofuse.extract.tasks import Extractor
from radiofuse.store import FeatureStore
from radiofuse.tables import columns
from radiofuse.wording import counted, some

log = logging.getLogger(__name__)

ABSENT = "label_not_found"  # a tumor need not have every part


def collect_regions(
    cohort: pd.DataFrame, extractor: Extractor, store: FeatureStore, regions: Sequence[str], **options: Any
) -> tuple[pd.DataFrame, Extraction]:
    """Return the features of each region, and what a run over the cohort left for all of them together.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it, with ``mask_regions``.
    extractor, store
        As for ``extract_cohort``.
    regions : sequence of str
        Regions that ``mask_regions`` names, or WT and TC, which it makes up.
    **options
        Passed on to ``extract_cohort``.

    Returns
    -------
    table : DataFrame
        Index ``sample_id``, columns ``<modality>__<region>_<feature>``.
    extraction : Extraction
        As ``extract_regions`` returns it.
    """
    runs = _runs(cohort, extractor, store, regions, options)
    sample_ids, tables = list(cohort["sample_id"]), []
    for region, run in runs.items():
        table = store.read([run.block.name], sample_ids, keys=run.keys)
        tables.append(table.rename(columns={name: _column(name, region) for name in table}))
    together = pd.concat(tables, axis=1)
    grouped = columns.by_modality(together.columns)
    return together[[name for names in grouped.values() for name in names]], _joined(list(runs.values()))


def extract_regions(
    cohort: pd.DataFrame, extractor: Extractor, store: FeatureStore, regions: Sequence[str], **options: Any
) -> Extraction:
    """Extract several regions of every mask that the store does not hold yet.

    A region that a mask does not hold is no failure: its features are gaps in that sample, and the log counts them.

    Parameters
    ----------
    cohort, extractor, store, regions, **options
        As for ``collect_regions``.

    Returns
    -------
    Extraction
        Of all of them together; its keys are those of the first region.
    """
    return _joined(list(_runs(cohort, extractor, store, regions, options).values()))


def _runs(
    cohort: pd.DataFrame, extractor: Extractor, store: FeatureStore, regions: Sequence[str], options: dict[str, Any]
) -> dict[str, Extraction]:
    return {
        region: _of_region(extract_cohort(cohort, extractor, store, region=region, **options), region)
        for region in regions
    }


def _column(name: str, region: str) -> str:
    modality, _, feature = name.partition(columns.SEPARATOR)
    return columns.join(modality, f"{region}_{feature}")


def _of_region(run: Extraction, region: str) -> Extraction:
    """Return a run whose failures name the region; where the mask does not hold it, that is told and no failure."""
    absent = run.failures["code"] == ABSENT
    lacking = run.failures.loc[absent, "sample_id"].drop_duplicates()
    if len(lacking):
        what = f"{counted(len(lacking), 'sample')}: {some(lacking)}"
        log.warning("The region %s is not in the mask of %s. Its features are gaps there.", region, what)
    failures = run.failures[~absent]
    return replace(run, failures=failures.assign(message=f"Region {region}: " + failures["message"]))


def _joined(runs: Sequence[Extraction]) -> Extraction:
    failures = pd.concat([run.failures for run in runs], ignore_index=True)
    counts = {name: sum(getattr(run, name) for run in runs) for name in ("n_computed", "n_stored")}
    return replace(runs[0], failures=failures, **counts)
