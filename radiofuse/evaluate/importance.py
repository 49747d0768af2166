"""What each selected feature of a fitted chain is worth on rows it was not fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.pipeline import Pipeline

from radiofuse.estimators import Classifier
from radiofuse.select.trace import per_column

CELLS = 4_000_000  # numbers in one question to the classifier; all copies at once would fill the memory


def held_out_importance(
    chain: Pipeline, X: pd.DataFrame, y: np.ndarray, *, n_permutations: int = 10, random_state: int = 0
) -> pd.DataFrame:
    """Return the drop in AUC when one selected feature is permuted among held-out rows.

    Of more than two classes the AUC is the mean over those that the rows hold, each against the rest.

    Parameters
    ----------
    chain : Pipeline
        Fitted; its last step classifies what the steps before it select.
    X : DataFrame of shape (n_rows, n_columns)
        Rows the chain has not seen.
    y : array of shape (n_rows,)
        Their labels, as the classifier knows them; a row of another class has no say.
    n_permutations : int, default=10
        Permutations per feature; the mean drop is reported.
    random_state : int, default=0
        Seed of the permutations.

    Returns
    -------
    DataFrame
        Columns feature, importance (NaN unless the rows hold two classes) and coefficient
        (of the standardized feature, of several classes the largest; NaN where the classifier has none).

    References
    ----------
    Breiman L. Random forests. Machine Learning 45 (2001), section 10.
    """
    classifier, names = chain[-1], chain[:-1].get_feature_names_out()
    drops, known = np.full(len(names), np.nan), np.isin(y, classifier.classes_)
    if len(np.unique(np.asarray(y)[known])) > 1:
        values = np.asarray(chain[:-1].transform(X[known]), dtype=float)
        of_class = np.asarray(y)[known][:, None] == classifier.classes_  # (n_rows, n_classes)
        drops = _drops(classifier, values, of_class, n_permutations, np.random.default_rng(random_state))
    coefficients = per_column(classifier, "coef_") if hasattr(classifier, "coef_") else np.full(len(names), np.nan)
    return pd.DataFrame({"feature": names, "importance": drops, "coefficient": coefficients})


def _drops(
    classifier: Classifier, values: np.ndarray, of_class: np.ndarray, n_permutations: int, rng: np.random.Generator
) -> np.ndarray:
    whole = _mean_auc(of_class, _predict(classifier, values))
    n_at_once = max(1, CELLS // (n_permutations * values.size))
    drops = []
    for start in range(0, values.shape[1], n_at_once):
        features = range(start, min(start + n_at_once, values.shape[1]))
        probability = _predict(classifier, _permuted_copies(values, features, n_permutations, rng))
        copies = probability.reshape(len(features), n_permutations, *of_class.shape)
        drops += [whole - np.mean(aucs) for aucs in _mean_auc(of_class, copies)]
    return np.array(drops)


def _mean_auc(of_class: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the mean AUC of the classes that there are; of two that of the second, which both share.

    One for each table of shape (n_rows, n_classes) in ``probability``, all ranked at once: `auc` asks too much of
    each to be called for every permutation of every feature.
    """
    there = of_class.any(axis=0)
    there[0] &= of_class.shape[1] > 2
    of_class, ranks = of_class[:, there], rankdata(probability[..., there], axis=-2)
    n_positive, n_negative = of_class.sum(axis=0), (~of_class).sum(axis=0)
    won = (ranks * of_class).sum(axis=-2) - n_positive * (n_positive + 1) / 2
    return np.ascontiguousarray(won / (n_positive * n_negative)).mean(axis=-1)


def _permuted_copies(values: np.ndarray, features: range, n_permutations: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows again and again, one feature permuted at a time: (feature, permutation, row) in C order."""
    copies = np.tile(values, (len(features), n_permutations, 1, 1))
    for place, feature in enumerate(features):
        for k in range(n_permutations):
            copies[place, k, :, feature] = rng.permutation(values[:, feature])
    return copies.reshape(-1, values.shape[1])


def _predict(classifier: Classifier, values: np.ndarray) -> np.ndarray:
    names = getattr(classifier, "feature_names_in_", None)
    return classifier.predict_proba(values if names is None else pd.DataFrame(values, columns=names))
