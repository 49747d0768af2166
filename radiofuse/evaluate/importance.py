"""What each selected feature of a fitted chain is worth on rows it was not fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline


def held_out_importance(
    chain: Pipeline, X: pd.DataFrame, y: np.ndarray, *, n_permutations: int = 10, random_state: int = 0
) -> pd.DataFrame:
    """Return the drop in AUC when one selected feature is permuted among held-out rows.

    Parameters
    ----------
    chain : Pipeline
        Fitted; its last step classifies what the steps before it select.
    X : DataFrame of shape (n_rows, n_columns)
        Rows the chain has not seen.
    y : array of shape (n_rows,)
        Their labels, 0 or 1.
    n_permutations : int, default=10
        Permutations per feature; the mean drop is reported.
    random_state : int, default=0
        Seed of the permutations.

    Returns
    -------
    DataFrame
        Columns feature, importance (NaN where the rows hold one class only) and coefficient
        (of the standardized feature; NaN where the classifier has none).

    References
    ----------
    Breiman L. Random forests. Machine Learning 45 (2001), section 10.
    """
    values = np.asarray(chain[:-1].transform(X), dtype=float)
    classifier, names = chain[-1], chain[:-1].get_feature_names_out()
    drops = np.full(len(names), np.nan)
    if len(np.unique(y)) == 2:
        drops = _drops(classifier, values, y, n_permutations, np.random.default_rng(random_state))
    coefficients = np.ravel(getattr(classifier, "coef_", np.full(len(names), np.nan)))
    return pd.DataFrame({"feature": names, "importance": drops, "coefficient": coefficients})


def _drops(classifier, values: np.ndarray, y: np.ndarray, n_permutations: int, rng) -> np.ndarray:
    """Predict all permuted copies in one call: (feature, permutation, row) in C order."""
    n_rows, n_features = values.shape
    copies = np.tile(values, (n_features, n_permutations, 1, 1))
    for j in range(n_features):
        for k in range(n_permutations):
            copies[j, k, :, j] = rng.permutation(values[:, j])
    frames = np.concatenate([values, copies.reshape(-1, n_features)])
    probability = _predict(classifier, frames)
    whole = roc_auc_score(y, probability[:n_rows])
    permuted = probability[n_rows:].reshape(n_features, n_permutations, n_rows)
    return np.array([whole - np.mean([roc_auc_score(y, row) for row in rows]) for rows in permuted])


def _predict(classifier, values: np.ndarray) -> np.ndarray:
    names = getattr(classifier, "feature_names_in_", None)
    return classifier.predict_proba(values if names is None else pd.DataFrame(values, columns=names))[:, 1]
