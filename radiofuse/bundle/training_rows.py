"""Which rows a model was fitted on: known again by id, by patient, and by the numbers themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.tables import columns

LEAST_VALUES = 10  # fewer numbers may agree by chance, which is then reckoned
FEWEST_VALUES = 4  # an age and a volume tell nobody apart, whatever is reckoned
CHANCE = 1e-3  # of a stranger among as many patients as there are in training who has a row's few numbers
SIGNIFICANT_DIGITS = 6  # another library or processor may move the digits behind
# Where the seventh digit moves, the sixth does too in some column, so that few columns are digested together; one
# digest that is found again tells a row.
COLUMNS, DIGESTS = 20, 5


def row_digests(X: pd.DataFrame) -> dict[str, str]:
    """Return the sample of each digest of one modality's numbers in one row.

    Modalities are digested apart, so that a row is known again when another modality is absent; where there are few
    columns all are also digested together. A row of few numbers (4 to 9) has a digest where it is unlikely that a
    stranger has them all: how often each of its numbers occurs in its column is multiplied. Pointers to crops, sites
    and clinical columns do not take part.

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
    return {digest: sample for names in _digested_together(X) for digest, sample in _telling(X, names)}


def _digested_together(X: pd.DataFrame) -> Iterator[list[str]]:
    """Yield the columns of each digest."""
    grouped = {name: block for name, block in columns.by_modality(X.columns).items() if name != columns.CLINICAL}
    blocks = [sorted(filter(columns.is_feature, names)) for names in grouped.values()]
    for names in blocks:
        apart = max(1, len(names) // COLUMNS)  # columns beside each other are of one kind, and may agree by chance
        for start in range(min(apart, DIGESTS)):
            yield names[start::apart]
    whole = sorted(name for names in blocks for name in names)
    if len(blocks) > 1 and len(whole) < COLUMNS:
        yield whole


def _telling(X: pd.DataFrame, names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield digest and sample of those training rows whose numbers no stranger is likely to have."""
    values = X[names].to_numpy(float)
    n_values = np.array([len(np.unique(row[~np.isnan(row)])) for row in values], dtype=int)
    telling, few = n_values >= LEAST_VALUES, (n_values >= FEWEST_VALUES) & (n_values < LEAST_VALUES)
    if few.any():
        telling |= few & (_chance_of_a_stranger(values) <= CHANCE)
    for sample, row in zip(X.index[telling], values[telling], strict=True):
        yield _digest(names, row), str(sample)


def _chance_of_a_stranger(values: np.ndarray) -> np.ndarray:
    """Return of how many of as many strangers as there are rows all numbers of a row are expected.

    As if columns were independent. A number that no other row has counts as one that one stranger has.
    """
    texts = pd.DataFrame([_texts(row) for row in values])
    shares = texts.apply(lambda column: column.map(column.value_counts())) / (len(values) + 1)
    return len(values) * shares.where(~np.isnan(values), 1.0).prod(axis=1).to_numpy()


def _texts(row: np.ndarray) -> list[str]:
    return [f"{value:.{SIGNIFICANT_DIGITS}g}" for value in row + 0.0]  # no -0


def _digest(names: list[str], row: np.ndarray) -> str:
    pairs = (f"{name}={text}" for name, text in zip(names, _texts(row), strict=True))
    return hashlib.sha256("\n".join(pairs).encode()).hexdigest()


def training_twins(X: pd.DataFrame, digests: Mapping[str, str], pseudonyms: Pseudonyms | None = None) -> dict[str, str]:
    """Return the training sample that has a row's numbers, by sample; see ``rows_trained_on``."""
    called, keyed = (str, str) if pseudonyms is None else (pseudonyms.of, pseudonyms.digest)
    found: dict[str, str] = {}
    for names in _digested_together(X):
        for sample, row in zip(map(str, X.index), X[names].to_numpy(float), strict=True):
            digest = _digest(names, row)
            if twin := digests.get(digest, digests.get(keyed(digest))):
                found[sample] = called(twin)
    return found


def rows_trained_on(
    X: pd.DataFrame,
    patients: pd.Series,
    trained: pd.Series,
    digests: Mapping[str, str],
    pseudonyms: Pseudonyms | None = None,
    *,
    updated: bool = False,
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
    pseudonyms : Pseudonyms, optional
        Of the training samples and patients, and of the digests where they are keyed.
    updated : bool, default=False
        Whether patients of an update, under their ids as they are or as pseudonyms, are among them.
    """
    of = "training or update" if updated else "training"
    called = str if pseudonyms is None else pseudonyms.of
    twins = training_twins(X, digests, pseudonyms)
    known = {sample: f"trained on: the same numbers as {of} sample {twin}" for sample, twin in twins.items()}
    trained_patients = set(trained)
    for sample in map(str, X.index):
        if trained_patients & {called(patients[sample]), str(patients[sample])}:
            known[sample] = f"trained on: patient {patients[sample]} was among the {of} patients"
        if called(sample) in trained.index or sample in trained.index:
            known[sample] = f"trained on: this sample was among the {of} samples"
    return known
