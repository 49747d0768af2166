"""How an estimator finds its crops: a column of row numbers in a crop file, and what it may not hold."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.store.picture_rows import PictureRows
from radiofuse.tables import columns


def check_table(X: object) -> pd.DataFrame:
    """Return ``X`` once it is a table with one column of row numbers."""
    if not isinstance(X, pd.DataFrame):
        raise RequestError(
            f"Crops are found by the column <modality>{columns.SEPARATOR}{columns.CROP} of a table, and X is a "
            f"{type(X).__name__}. Pass a DataFrame, with Crops.pointer_table() among its columns."
        )
    crop_column(X)
    return X


def crop_columns(names: Iterable[object]) -> list[str]:
    """Return the names that are ``<modality>__crop``."""
    return [str(name) for name in names if (columns.split(str(name)) or ("", ""))[1] == columns.CROP]


def crop_column(names: Iterable[object]) -> str:
    """Return the one name that is ``<modality>__crop``."""
    found = crop_columns(names)
    if len(found) != 1:
        raise RequestError(
            f"One column <modality>{columns.SEPARATOR}{columns.CROP} was expected and there are {len(found)} of them "
            f"({', '.join(found) or 'none'}). Fit one encoder per modality; Crops.pointer_table() has the columns."
        )
    return found[0]


def find_crops(crops: PictureRows, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of the crop file, and the positions in ``X`` of the rows that have one."""
    column = crop_column(X)
    values = X[column].to_numpy(dtype=np.float64)
    places = np.flatnonzero(~np.isnan(values))
    known = values[places]
    wrong = known[(known < 0) | (known >= len(crops.keys)) | (known != np.floor(known))]
    if len(wrong):
        raise RequestError(
            f"Column {column} holds {wrong[0]:.15g}; row numbers of {crops.path.name} from 0 to {len(crops.keys) - 1} "
            "were expected. Take pointer_table() of this crop file, and let no scaler or imputer come before."
        )
    _refuse_foreign(crops, X.index[places], column, known.astype(int))
    return known.astype(int), places


def _refuse_foreign(crops: PictureRows, labels: pd.Index, column: str, rows: np.ndarray) -> None:
    """Raise if pointers lead to another modality, or to another sample than the label that the file knows."""
    modality, known = columns.split(column)[0], set(crops.sample_ids)
    for label, row in zip(labels, rows, strict=True):
        if crops.modalities[row] != modality or (label in known and crops.sample_ids[row] != label):
            raise RequestError(
                f"Row {label} of column {column} points at the crop of sample {crops.sample_ids[row]} "
                f"({crops.modalities[row]}) in {crops.path.name}. The pointers belong to another crop file: take "
                "pointer_table() of this one."
            )
