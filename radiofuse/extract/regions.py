"""Features of several regions of each mask, beside each other: ``t1ce__ET_original_firstorder_Mean``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from radiofuse.extract.cohort_run import Extraction, run_tasks
from radiofuse.extract.one_task import Extractor
from radiofuse.extract.tasks import list_tasks
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
    run = _run(cohort, extractor, store, regions, options)
    sample_ids, tables = list(cohort["sample_id"]), []
    for region in regions:
        table = store.read([run.block.name], sample_ids, keys=_keys(run, region))
        tables.append(table.rename(columns={name: _column(name, region) for name in table}))
    together = pd.concat(tables, axis=1)
    grouped = columns.by_modality(together.columns)
    return together[[name for names in grouped.values() for name in names]], _told(run, regions)


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
    return _told(_run(cohort, extractor, store, regions, options), regions)


def _run(
    cohort: pd.DataFrame, extractor: Extractor, store: FeatureStore, regions: Sequence[str], options: dict[str, Any]
) -> Extraction:
    """Return one run for all regions, so that an image is read and filtered once: its pairs name the region too."""
    tasks = [replace(task, region=name) for name in regions for task in list_tasks(cohort, None, region=name)]
    return run_tasks(cohort, tasks, extractor, store, **options)


def _keys(run: Extraction, region: str) -> dict[tuple[str, str], str | None]:
    """Return the keys of one region by sample and modality."""
    images = [pair for pair in run.keys if columns.SEPARATOR not in pair[1]]
    return {(sample, name): run.keys.get((sample, columns.join(name, region))) for sample, name in images}


def _column(name: str, region: str) -> str:
    modality, _, feature = name.partition(columns.SEPARATOR)
    return columns.join(modality, f"{region}_{feature}")


def _told(run: Extraction, regions: Sequence[str]) -> Extraction:
    """Return a run whose failures name the region; where the mask does not hold one, that is told and no failure."""
    names = run.failures["modality"].str.split(columns.SEPARATOR, n=1, expand=True).reindex(columns=[0, 1])
    failures = run.failures.assign(modality=names[0])
    absent = failures["code"] == ABSENT
    for region in regions:
        lacking = failures.loc[absent & (names[1] == region), "sample_id"].drop_duplicates()
        if len(lacking):
            what = f"{counted(len(lacking), 'sample')}: {some(lacking)}"
            log.warning("The region %s is not in the mask of %s. Its features are gaps there.", region, what)
    failures = failures.assign(message="Region " + names[1].astype(str) + ": " + failures["message"])[~absent]
    return replace(run, keys=_keys(run, regions[0]), failures=failures.reset_index(drop=True))
