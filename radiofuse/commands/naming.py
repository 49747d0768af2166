"""Under which names patients are told: pseudonyms where a key is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.new_rows import NewRows
    from radiofuse.bundle.one_patient import PatientFolder

Key = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The key of a bundle that knows its training patients by keyed hashes: with it they are told.",
    ),
]

PSEUDONYMIZE = (
    "Replace ids of samples and patients by keyed hashes in everything that is written; your key, which you keep: a "
    "new one is made where there is no file."
)


Pseudonymize = Annotated[Path | None, typer.Option(metavar="KEYFILE", help=PSEUDONYMIZE)]


@dataclass(frozen=True)
class Naming:
    """Under which names patients are compared with training patients, and under which they are told.

    Attributes
    ----------
    key : Path or None
        That of the bundle.
    pseudonymize : Path or None
        That of the names in what is written.
    """

    key: Path | None = None
    pseudonymize: Path | None = None

    @property
    def tells_names(self) -> bool:
        """Whether patients are told as their folders and tables call them."""
        return self.pseudonymize is None

    def load(self, bundle: Path, signers: Path | None, trust: Sequence[str] = ()) -> Bundle:
        """Return a bundle that compares patients under the key that was given, where it is that of the bundle."""
        from radiofuse.bundle.load import load_bundle
        from radiofuse.patients.pseudonyms import read_pseudonyms

        if self.key is not None and self.pseudonymize is not None:
            raise RequestError("--pseudonymize compares patients under its own key: leave --key out.")
        if self.key is not None:
            return load_bundle(bundle, signers=signers, pseudonyms=read_pseudonyms(self.key), trust=trust)
        loaded = load_bundle(bundle, signers=signers, trust=trust)
        names = None if self.pseudonymize is None else read_pseudonyms(self.pseudonymize, make=True)
        return loaded if names is None or loaded.has_other_key(names) else replace(loaded, pseudonyms=names)

    def renamed(self, cohort: pd.DataFrame) -> pd.DataFrame:
        """Return a cohort under the names that are told."""
        from radiofuse.patients.pseudonyms import read_pseudonyms, under_pseudonyms

        return cohort if self.pseudonymize is None else under_pseudonyms(cohort, read_pseudonyms(self.pseudonymize))

    def of_patient(self, patient: PatientFolder) -> PatientFolder:
        """Return a patient's folder under the name that is told; with another name without names of files."""
        if self.pseudonymize is None:
            return patient
        images = dict.fromkeys(patient.images, Path("not told"))
        return replace(patient, cohort=self.renamed(patient.cohort), images=images, notes=[], sha256={})

    def told(self, rows: NewRows, cohort: pd.DataFrame) -> NewRows:
        """Return rows whose failures name no file and no id of a cohort, where names are replaced."""
        from radiofuse.patients.pseudonyms import read_pseudonyms, without_names

        if self.pseudonymize is None:
            return rows
        return replace(rows, failures=without_names(rows.failures, cohort, read_pseudonyms(self.pseudonymize)))


AS_THEY_ARE = Naming()
