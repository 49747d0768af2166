"""The rows of a network of several modalities: pointers to pictures, clinical columns, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from radiofuse.deep.estimators.pointers import crop_columns, find_crops
from radiofuse.deep.estimators.radiomic_columns import radiomics_of
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.seen_rows import rows_seen
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import CohortError, RequestError
from radiofuse.prepare.clinical_scale import CLINICAL_SCALES, NEED_NAMES
from radiofuse.prepare.impute import MedianImputer
from radiofuse.store.picture_rows import PictureRows
from radiofuse.tables import columns


def check_columns(X: object, *, clinical: bool) -> pd.DataFrame:
    """Return ``X`` once it is a table with the columns that are read."""
    if not isinstance(X, pd.DataFrame) or not crop_columns(X):
        got = f"the columns {', '.join(map(str, X))}" if isinstance(X, pd.DataFrame) else f"the type {type(X).__name__}"
        raise RequestError(
            f"Pictures are found by the columns <modality>{columns.SEPARATOR}{columns.CROP} of a table, and X has "
            f"{got}. Pass a DataFrame, with Crops.pointer_table() among its columns."
        )
    if clinical and not clinical_columns(X):
        raise RequestError(
            "clinical=True reads columns called clinical__<name>, and the table has none. Add them, or leave it out."
        )
    return X


def known_columns(X: object, names: Sequence[str]) -> pd.DataFrame:
    """Return the columns of ``X`` that a network was fitted on, in that order; others are left out."""
    if not isinstance(X, pd.DataFrame):
        raise RequestError(f"A table with the columns seen in fit was expected, X is a {type(X).__name__}.")
    lacking = [name for name in names if name not in X]
    if lacking:
        raise RequestError(
            f"The table lacks {', '.join(lacking)}, which the network was fitted on. Add the columns; a modality that "
            "nobody has is a column of NaN."
        )
    return X[list(names)]


def clinical_columns(X: pd.DataFrame) -> list[str]:
    """Return the names that are ``clinical__<anything>``."""
    return [str(name) for name in X if (columns.split(str(name)) or ("", ""))[0] == columns.CLINICAL]


def clinical_chain(scale: str) -> Pipeline:
    """Return what fills and scales clinical columns, unfitted; ``scale`` is a key of ``CLINICAL_SCALES``."""
    imputer = MedianImputer()
    if scale in NEED_NAMES:
        imputer.set_output(transform="pandas")
    return Pipeline([("impute", imputer), ("scale", CLINICAL_SCALES[scale]())])


def point(crops: PictureRows, X: pd.DataFrame, modalities: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of ``crops``, (n, n_modalities) and NaN where there is none, of the rows of ``X`` that have some.

    Returns
    -------
    pointers : ndarray of shape (n, n_modalities)
    places : ndarray of int, shape (n,)
        Positions in ``X``.
    """
    pointers = np.full((len(X), len(modalities)), np.nan)
    for number, name in enumerate(modalities):
        rows, places = find_crops(crops, X[[columns.join(name, columns.CROP)]])
        pointers[places, number] = rows
    places = np.flatnonzero(~np.isnan(pointers).all(axis=1))
    return pointers[places], places


def samples_of(
    crops: PictureRows,
    X: pd.DataFrame,
    modalities: Sequence[str],
    pointers: np.ndarray,
    clinical: Pipeline | None,
    radiomics: Mapping[str, Pipeline] | None = None,
) -> SampleRows:
    """Return rows of ``X`` as samples: pictures, which modalities are there, and what else is read beside them."""
    there = ~np.isnan(pointers)
    beside = [there.astype(float)]
    if clinical is not None:
        own = X[clinical_columns(X)]
        known = own.notna().any(axis=1).to_numpy()[:, None]
        beside += [known, np.asarray(clinical.transform(own)) * known]
    if radiomics is not None:
        beside.append(radiomics_of(radiomics, X, there))
    return SampleRows(crops, tuple(modalities), pointers, np.hstack(beside))


def refuse_absent(modalities: Sequence[str], pointers: np.ndarray) -> None:
    """Raise where no row has a picture of some modality."""
    unseen = [name for name, of_rows in zip(modalities, pointers.T, strict=True) if np.isnan(of_rows).all()]
    if unseen:
        problems = [f"No row has a picture of {name}. Leave that modality out, or add patients." for name in unseen]
        raise CohortError("The table of pictures to train on", problems)


def refuse_seen(trained: TrainedEncoder, crops: PictureRows, rows: Sequence[int]) -> None:
    """Raise if a network was trained on one of these rows of ``crops``; a sample is told once."""
    told = {crops.sample_ids[row]: sentence for row, sentence in reversed(rows_seen(trained, crops, rows).items())}
    if told:
        raise CohortError("The table to answer for", list(reversed(told.values())))
