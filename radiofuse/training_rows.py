"""Which rows a model was fitted on: known again by id, by patient, and by the numbers themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import columns

LEAST_VALUES = 10  # fewer numbers may agree by chance: an age and a volume tell nobody apart
SIGNIFICANT_DIGITS = 6  # another library or processor may move the digits behind


def row_digests(X: pd.DataFrame) -> dict[str, str]:
    """Return the sample of each digest of one modality's numbers in one row.

    Modalities are digested apart, so that a row is known again when another modality is absent.
    Pointers to crops and clinical columns do not take part.

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
    digests: dict[str, str] = {}
    for modality, names in columns.by_modality(X.columns).items():
        names = sorted(name for name in names if name != columns.join(modality, columns.CROP))
        if modality != columns.CLINICAL:
            digests |= _digests(modality, names, X[names].to_numpy(float), X.index)
    return digests


def _digests(modality: str, names: list[str], values: np.ndarray, samples: pd.Index) -> dict[str, str]:
    digests = {}
    for sample, row in zip(samples, values, strict=True):
        given = ~np.isnan(row)
        if len(np.unique(row[given])) >= LEAST_VALUES:
            pairs = (f"{name}={value:.{SIGNIFICANT_DIGITS}g}" for name, value in zip(names, row, strict=True))
            digests[hashlib.sha256("\n".join([modality, *pairs]).encode()).hexdigest()] = str(sample)
    return digests


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
    for digest, sample in row_digests(X).items():
        if digest in digests:
            known[sample] = f"trained on: the same numbers as training sample {digests[digest]}"
    for sample in map(str, X.index):
        if patients[sample] in set(trained):
            known[sample] = f"trained on: patient {patients[sample]} was among the training patients"
        if sample in trained.index:
            known[sample] = "trained on: this sample was among the training samples"
    return known
