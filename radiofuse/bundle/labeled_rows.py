"""Labeled patients of another cohort as a bundle reads them, without those that it was made from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.format import DESCRIPTION
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.manifest import AGAIN
from radiofuse.bundle.new_rows import NewRows, collect_rows, lacks_key, training_patients
from radiofuse.bundle.other_cohort import OtherCohort, read_other_cohort
from radiofuse.bundle.predict import NEEDED, modalities_of_model
from radiofuse.bundle.read import require_entries
from radiofuse.bundle.training_rows import rows_trained_on
from radiofuse.errors import BundleError, CohortError, RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import counted, listed

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LabeledRows:
    """Labeled samples of patients whom a bundle's models had never seen.

    Attributes
    ----------
    rows : NewRows
        Of the samples that are used.
    table : DataFrame
        The whole cohort.
    known : DataFrame
        The samples with a label, by sample, labels as places of classes.
    left_out : dict of str to str
        Samples of patients that the models were fitted on, and how that is known.
    """

    rows: NewRows
    table: pd.DataFrame
    known: pd.DataFrame
    left_out: dict[str, str]


def chosen_outcomes(bundle: Bundle, names: Sequence[str] | None) -> list[Outcome]:
    """Return the outcomes that are asked for, all where none is named; raise where labels cannot be read."""
    require_entries(bundle.folder / DESCRIPTION, bundle.description, NEEDED)
    known = {outcome.name: outcome for outcome in bundle.outcomes}
    chosen = list(dict.fromkeys(known if names is None else names))
    for name in chosen:
        if name not in known:
            raise RequestError(
                f"The bundle predicts {listed(list(known))}, not {name!r}; name one of these, or none for all."
                f"{did_you_mean(name, list(known))}"
            )
        if known[name].reading is None:
            raise BundleError(f"The bundle {bundle.folder} does not say how the labels of {name} are read. {AGAIN}")
    return [known[name] for name in chosen]


def collect_labeled_rows(
    bundle: Bundle, cohort: str | Path, outcomes: Sequence[Outcome], written: OtherCohort, **options: Any
) -> LabeledRows:
    """Return the labeled samples of a cohort that the bundle's models had never seen.

    Parameters
    ----------
    bundle : Bundle
    cohort : path
    outcomes : sequence of Outcome
        Whose labels are read.
    written : OtherCohort
    **options
        Store, jobs and progress, as ``collect_rows`` takes them.

    Raises
    ------
    CohortError
        If the table cannot be used, lacks a label, holds a value that the model does not know, or nobody is left.
    """
    names = [outcome.name for outcome in outcomes]
    table = read_other_cohort(bundle, cohort, written, outcomes=outcomes, missing_files="tell")
    if lacks_key(bundle):
        log.warning("Of this cohort it cannot be told who was trained on: the bundle needs its key for that.")
    known = table[table[names].notna().any(axis=1)].set_index("sample_id", drop=False)
    left_out = _with_their_patients(_known_by_id(bundle, known["patient_id"]), known["patient_id"])
    new = known.drop(index=list(left_out))
    if len(new):
        rows = collect_rows(bundle, modalities_of_model(new.reset_index(drop=True), bundle), **options)
        left_out |= _with_their_patients(rows.trained_on(), rows.patients)
    if len(left_out) == len(known):
        raise CohortError(f"Cohort table {cohort}", [_nobody_left(len(known))])
    rows = replace(rows, X=rows.X.drop(index=[sample for sample in rows.X.index if sample in left_out]))
    return LabeledRows(rows, table, known, left_out)


def _known_by_id(bundle: Bundle, patients: pd.Series) -> dict[str, str]:
    """Return why a sample is one of training, by what can be told before anything is computed."""
    nothing = pd.DataFrame(index=patients.index)
    return rows_trained_on(nothing, patients, training_patients(bundle), {}, bundle.pseudonyms)


def _with_their_patients(trained: dict[str, str], patients: pd.Series) -> dict[str, str]:
    """Add the other samples of patients of whom one sample was trained on, whatever the patient is called here."""
    of_patient = {patients[sample]: sample for sample in trained}
    others = {sample: of_patient[patient] for sample, patient in patients.items() if patient in of_patient}
    return {sample: trained.get(sample, f"of the patient of {known}, which was") for sample, known in others.items()}


def _nobody_left(n_samples: int) -> str:
    return (
        f"All {counted(n_samples, 'labeled sample')} are of patients whom the model was trained on, and it is better "
        "on them than on anybody else. Give other patients; for these the run has out-of-fold scores."
    )
