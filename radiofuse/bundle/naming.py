"""Under which names patients are compared and told; a patient's rows under those names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from radiofuse.bundle.load import Bundle
from radiofuse.bundle.new_rows import NewRows, collect_rows
from radiofuse.bundle.one_patient import PatientFolder


class Names(Protocol):
    """Under which names patients are compared and told: ``Naming`` of the commands."""

    @property
    def tells_names(self) -> bool:
        """Whether patients are told as their folders are called."""
        ...

    def load(self, bundle: Path, signers: Path | None, trust: Sequence[str] = ()) -> Bundle:
        """Return a bundle that compares patients under these names."""
        ...

    def of_patient(self, patient: PatientFolder) -> PatientFolder:
        """Return a patient under the name that is told."""
        ...

    def told(self, rows: NewRows, cohort: pd.DataFrame) -> NewRows:
        """Return rows whose failures name nobody who must not be named."""
        ...


def rows_of_patient(bundle: Bundle, read: PatientFolder, names: Names, **options: Any) -> tuple[NewRows, PatientFolder]:
    """Return a patient's rows, and the patient, under the names that are told.

    Parameters
    ----------
    bundle : Bundle
    read : PatientFolder
        As ``read_patient`` returns it.
    names : Names
    **options
        As of ``collect_rows``.
    """
    named = names.of_patient(read)
    return names.told(collect_rows(bundle, named.cohort, **options), read.cohort), named
