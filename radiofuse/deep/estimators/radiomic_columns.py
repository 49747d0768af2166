"""The radiomic columns of a network of several modalities: filled, scaled and selected on its training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from radiofuse.errors import CohortError, RequestError
from radiofuse.patients.routing import fit_with_groups
from radiofuse.prepare.impute import MedianImputer
from radiofuse.prepare.scale import TrainingScaler
from radiofuse.tables import columns

THE_TABLE = "The table of radiomic features to train on"


def block_of(X: pd.DataFrame, modality: str) -> pd.DataFrame:
    """Return the columns of a modality but for its pointers to pictures: features, and what stands beside them."""
    own = columns.by_modality(map(str, X)).get(modality, [])
    return X[[name for name in own if columns.split(name) != (modality, columns.CROP)]]


def rows_with_features(block: pd.DataFrame) -> np.ndarray:
    """Return which rows of a modality's block hold some feature, bool of shape (n,)."""
    return block[list(filter(columns.is_feature, block))].notna().any(axis=1).to_numpy()


def fit_radiomics(
    steps: Any, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None, modalities: Sequence[str]
) -> dict[str, Pipeline]:
    """Return what fills, scales and selects the features of each modality, fitted on the rows that have some.

    Parameters
    ----------
    steps : transformer or None
        Cloned for each modality; None: medians, and then mean 0 and variance 1. What it leaves is scaled again.
    X : DataFrame of shape (n, n_columns)
    y, groups : ndarray of shape (n,)
    modalities : sequence of str

    Raises
    ------
    CohortError
        If a modality has no feature in any row, or none is left.
    RequestError
        If the table has no columns of features of a modality.
    """
    fitted = {}
    for name in modalities:
        block = block_of(X, name)
        known = _known(name, block)
        patients = None if groups is None else groups[known]
        own = fit_with_groups(MedianImputer() if steps is None else clone(steps), block[known], y[known], patients)
        left = np.asarray(own.transform(block[known]), dtype=float)
        if not left.shape[1]:
            raise CohortError(THE_TABLE, [f"No feature of {name} is left. Let the selector keep one at least."])
        fitted[name] = Pipeline([("features", own), ("scale", TrainingScaler().fit(left))])
    return fitted


def _known(name: str, block: pd.DataFrame) -> np.ndarray:
    if not any(map(columns.is_feature, block)):
        raise RequestError(
            f'fusion = "radiomics_attention" reads columns called {columns.join(name, "<feature>")}, and the table has '
            "none. Add radiomic features of that modality, leave it out, or take another fusion."
        )
    known = rows_with_features(block)
    if not known.any():
        raise CohortError(THE_TABLE, [f"No row has a radiomic feature of {name}. Leave that modality out."])
    return known


def radiomics_of(fitted: Mapping[str, Pipeline], X: pd.DataFrame, there: np.ndarray) -> np.ndarray:
    """Return what a network reads of the radiomic features of rows: of which modalities, and their numbers.

    Parameters
    ----------
    fitted : dict of str to Pipeline
        As ``fit_radiomics`` returns it; m modalities.
    X : DataFrame of shape (n, n_columns)
    there : ndarray of bool, shape (n, m)
        Which modalities have a picture: without one its features have no influence.

    Returns
    -------
    ndarray of shape (n, m * (1 + widest))
        1 or 0 for each modality, then the numbers of each, which end with zeros up to the widest.
    """
    widest = max(chain[-1].n_features_in_ for chain in fitted.values())
    known, values = np.zeros((len(X), len(fitted))), np.zeros((len(X), len(fitted), widest))
    for place, (name, chain) in enumerate(fitted.items()):
        block = block_of(X, name)
        rows = rows_with_features(block) & there[:, place]
        known[rows, place] = 1
        if rows.any():
            found = np.asarray(chain.transform(block[rows]), dtype=float)
            values[rows, place, : found.shape[1]] = found
    return np.hstack([known, values.reshape(len(X), -1)])
