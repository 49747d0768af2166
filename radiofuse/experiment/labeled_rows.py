"""Features and labels to the rows of models: who has both, who is refused, and where the others were left."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.experiment.cohort import outcomes_of
from radiofuse.experiment.few_rows import copied_patients, few_patients, rare_modalities
from radiofuse.experiment.harmonization import with_sites_of
from radiofuse.experiment.implied_classes import implications_of
from radiofuse.experiment.modality_flow import modality_flow, named_in
from radiofuse.experiment.models.member_chains import CropSource
from radiofuse.experiment.models.model_list import learns_unlabeled
from radiofuse.experiment.models.networks import of_networks, with_stack
from radiofuse.experiment.problems import refuse
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.rows import Rows, Unlabeled
from radiofuse.extract import Features
from radiofuse.tables import columns
from radiofuse.tables.cells import is_empty
from radiofuse.tables.problems import THE_COHORT
from radiofuse.tables.roles import MASK_SOURCE, SITE

log = logging.getLogger(__name__)

NEVER_USED = "extracted, never trained or scored on"


@dataclass(frozen=True, eq=False)
class Made:
    """What was made of a cohort's images, and by what."""

    cohort: pd.DataFrame
    features: Features
    source: CropSource | None
    stages: dict[str, float]


def labeled_rows(recipe: Recipe, made: Made, *, settings: dict[str, Any], synthetic: bool) -> Rows:
    """Return the rows that models learn from: those with an image and a label, or, where a model can, without one."""
    samples, table, failures = made.cohort.set_index("sample_id"), made.features.table, made.features.failures
    outcomes, modalities = outcomes_of(made.cohort), with_stack(recipe, _modalities(table))
    labels, present = samples[[outcome.name for outcome in outcomes]], _presence(table, modalities)
    known, imaged = labels.notna().any(axis=1), present.any(axis=1)
    refuse(few_patients(recipe, samples[known & imaged], outcomes, failures))
    # Neither the order of the table's rows nor that of its columns may move a number.
    used = samples.index[known & imaged].sort_values()
    unlabeled = _usable_unlabeled(recipe, samples, ~known & imaged)
    learned = used if unlabeled is None else used.append(unlabeled)
    pictured = _with_crops(recipe, made, present, modalities).loc[used]
    rare = rare_modalities(recipe, pictured, samples.loc[used], outcomes)
    # a copy of a tested patient must not be learned from, be it without a label
    refuse([*rare, *copied_patients(table.loc[learned], samples.loc[learned, "patient_id"])])
    table = with_sites_of(recipe, table.loc[learned, sorted(table.columns)], samples)
    in_files = named_in(samples, modalities, present)
    return Rows(
        outcomes,
        X=table.loc[used],
        y=labels.loc[used],
        **_belonging(samples, used),
        modalities=modalities,
        flow=_flow(samples, known, imaged, failures, learned=unlabeled is not None),
        modality_flow=modality_flow(samples, in_files, present, known, failures),
        failures=failures,
        settings=settings,
        synthetic=synthetic,
        source=made.source,
        stages=made.stages,
        implications=implications_of(recipe, outcomes),
        mask_sources=samples.loc[used, MASK_SOURCE].tolist() if MASK_SOURCE in samples else (),
        unlabeled=None if unlabeled is None else Unlabeled(table.loc[unlabeled], **_belonging(samples, unlabeled)),
    )


def _belonging(samples: pd.DataFrame, used: pd.Index) -> dict[str, Any]:
    """Return the patient of each row, and its site where the table has one."""
    sites = samples[SITE][used].to_numpy() if SITE in samples else None
    return {"groups": samples.loc[used, "patient_id"].to_numpy(), "sites": sites}


def _usable_unlabeled(recipe: Recipe, samples: pd.DataFrame, unlabeled: pd.Series) -> pd.Index | None:
    """Return the samples without a label that a model learns from; None where none does."""
    if not learns_unlabeled(recipe):
        return None
    if recipe.harmonize is not None:  # what a scanner does is not learned from samples of no known one
        unlabeled = unlabeled & ~is_empty(samples[recipe.harmonize.site].astype(str))
    found = samples.index[unlabeled].sort_values()
    if len(found):
        log.info("%d samples without any label are learned from in the folds, and tested in none.", len(found))
    return found


def _modalities(table: pd.DataFrame) -> list[str]:
    modalities = [name for name in columns.by_modality(table.columns) if name != columns.CLINICAL]
    if not modalities:
        sentence = "it names no modality: give <modality>__image or <modality>__<feature> columns."
        raise CohortError(THE_COHORT, [sentence])
    return modalities


def _presence(table: pd.DataFrame, modalities: Sequence[str]) -> pd.DataFrame:
    """Return whether each row has a number of each modality."""
    grouped = columns.by_modality(table.columns)
    return pd.DataFrame({name: table[grouped[name]].notna().any(axis=1) for name in modalities})


def _with_crops(recipe: Recipe, made: Made, present: pd.DataFrame, modalities: Sequence[str]) -> pd.DataFrame:
    """Add whether each row has a picture for a network, where networks see any."""
    if made.source is None:
        return present
    seen, what = of_networks(recipe, modalities), "A patch" if recipe.deep.dimensions == 3 else "A tumor crop"
    pointers = made.features.table[[columns.join(name, columns.CROP) for name in seen]]
    return present.join(pointers.notna().set_axis([f"{what} of {name}" for name in seen], axis=1))


def _flow(
    rows: pd.DataFrame, known: pd.Series, imaged: pd.Series, failures: pd.DataFrame, *, learned: bool
) -> pd.DataFrame:
    unlabeled = "trained on without a label by models that can, never scored on" if learned else NEVER_USED
    failed = f"{len(failures)} image(s) failed, see failures" if len(failures) else ""
    steps = [
        ("in the cohort table", known | ~known, ""),
        ("label unknown", ~known, unlabeled),
        ("no usable modality", known & ~imaged, failed),
        ("evaluated", known & imaged, ""),
    ]
    return pd.DataFrame(
        [(step, int(mask.sum()), rows.loc[mask, "patient_id"].nunique(), note) for step, mask, note in steps],
        columns=["step", "n_samples", "n_patients", "note"],
    )
