"""Which rows a model was fitted on: known again by id, by patient, and by the numbers themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.tables import columns

LEAST_VALUES = 10  # fewer numbers may agree by chance: an age and a volume tell nobody apart
SIGNIFICANT_DIGITS = 6  # another library or processor may move the digits behind
# Where the seventh digit moves, the sixth does too in some column, so that few columns are digested together; one
# digest that is found again tells a row.
COLUMNS, DIGESTS = 20, 5


def row_digests(X: pd.DataFrame) -> dict[str, str]:
    """Return the sample of each digest of one modality's numbers in one row.

    Modalities are digested apart, so that a row is known again when another modality is absent.
    Pointers to crops, sites and clinical columns do not take part.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Columns ``<modality>__<feature>``; the index holds the samples.

    Examples
    --------
    >>> X = pd.DataFrame(np.arange(20.0).reshape(2, 10), index=["a", "b"]).add_prefix("t1__f")
    >>> sorted(row_digests(X).values())
    ['a', 'b']
    """
    return dict(_digests(X))


def _digests(X: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield digest and sample; rows of the same numbers have the same digests."""
    for modality, names in columns.by_modality(X.columns).items():
        if modality == columns.CLINICAL:
            continue
        names = sorted(filter(columns.is_feature, names))
        apart = max(1, len(names) // COLUMNS)  # columns beside each other are of one kind, and may agree by chance
        for start in range(min(apart, DIGESTS)):
            sampled = names[start::apart]
            for sample, row in zip(X.index, X[sampled].to_numpy(float), strict=True):
                if len(np.unique(row[~np.isnan(row)])) >= LEAST_VALUES:
                    yield _digest(sampled, row), str(sample)


def _digest(names: list[str], row: np.ndarray) -> str:
    pairs = (f"{name}={value:.{SIGNIFICANT_DIGITS}g}" for name, value in zip(names, row + 0.0, strict=True))  # no -0
    return hashlib.sha256("\n".join(pairs).encode()).hexdigest()


def rows_trained_on(
    X: pd.DataFrame, patients: pd.Series, trained: pd.Series, digests: Mapping[str, str]
) -> dict[str, str]:
    """Return why a row is one that the model was fitted on, by sample; rows that are new are not there.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        The rows to predict, samples in the index.
    patients : Series
        The patient of each sample to predict.
    trained : Series
        The patient of each sample in training.
    digests : mapping of str to str
        What ``row_digests`` said of the training rows.
    """
    known: dict[str, Any] = {}
    for digest, sample in _digests(X):
        if digest in digests:
            known[sample] = f"trained on: the same numbers as training sample {digests[digest]}"
    trained_patients = set(trained)
    for sample in map(str, X.index):
        if patients[sample] in trained_patients:
            known[sample] = f"trained on: patient {patients[sample]} was among the training patients"
        if sample in trained.index:
            known[sample] = "trained on: this sample was among the training samples"
    return known
