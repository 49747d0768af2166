"""What each selected feature of a fitted chain is worth on rows it was not fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from radiofuse.estimators import Classifier
from radiofuse.statistics.metrics import auc

CELLS = 4_000_000  # numbers in one question to the classifier; all copies at once would fill the memory


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
        Columns feature, importance (NaN unless the rows hold both classes) and coefficient
        (of the standardized feature; NaN where the classifier has none).

    References
    ----------
    Breiman L. Random forests. Machine Learning 45 (2001), section 10.
    """
    classifier, names = chain[-1], chain[:-1].get_feature_names_out()
    drops = np.full(len(names), np.nan)
    if len(np.unique(y)) == 2:
        values = np.asarray(chain[:-1].transform(X), dtype=float)
        drops = _drops(classifier, values, y, n_permutations, np.random.default_rng(random_state))
    coefficients = np.ravel(getattr(classifier, "coef_", np.full(len(names), np.nan)))
    return pd.DataFrame({"feature": names, "importance": drops, "coefficient": coefficients})


def _drops(
    classifier: Classifier, values: np.ndarray, y: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> np.ndarray:
    whole = auc(y, _predict(classifier, values))
    n_at_once = max(1, CELLS // (n_permutations * values.size))
    drops = []
    for start in range(0, values.shape[1], n_at_once):
        features = range(start, min(start + n_at_once, values.shape[1]))
        probability = _predict(classifier, _permuted_copies(values, features, n_permutations, rng))
        for rows in probability.reshape(len(features), n_permutations, len(values)):
            drops.append(whole - np.mean([auc(y, row) for row in rows]))
    return np.array(drops)


def _permuted_copies(values: np.ndarray, features: range, n_permutations: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows again and again, one feature permuted at a time: (feature, permutation, row) in C order."""
    copies = np.tile(values, (len(features), n_permutations, 1, 1))
    for place, feature in enumerate(features):
        for k in range(n_permutations):
            copies[place, k, :, feature] = rng.permutation(values[:, feature])
    return copies.reshape(-1, values.shape[1])


def _predict(classifier: Classifier, values: np.ndarray) -> np.ndarray:
    names = getattr(classifier, "feature_names_in_", None)
    return classifier.predict_proba(values if names is None else pd.DataFrame(values, columns=names))[:, 1]
