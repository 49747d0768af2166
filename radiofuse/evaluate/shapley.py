"""What each selected feature adds to a fitted chain's answer for rows it was not fitted on: Shapley values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import comb

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from radiofuse.estimators import Classifier

MOST_FEATURES = 8  # asked about in all subsets, 255 answers for every row: each one more would double them
N_ORDERS = 32  # of more features; half of them are the others backwards
MOST_SUBSETS = 2_100  # asked about along all orders: of more than 65 features there are fewer orders, two at least
BASE = "(base)"  # the answer where every feature is at 0, the training rows' mean
CELLS = 4_000_000  # numbers in one question to the classifier
NEAREST = 1e-6  # probabilities nearer to 0 or 1, as a forest's votes, count as this near
COLUMNS = ["sample_id", "feature", "class", "value", "shap"]

NOTHING_EXPLAINED = pd.DataFrame(
    {
        **{name: pd.Series(dtype=object) for name in COLUMNS[:3]},
        **{name: pd.Series(dtype=float) for name in COLUMNS[3:]},
        "member": pd.Series(dtype=object),
    }
)

Scores = Callable[[np.ndarray], np.ndarray]  # (n_rows, n_features) to (n_rows, n_scores)


def held_out_shapley(chain: Pipeline, X: pd.DataFrame, *, random_state: int = 0) -> pd.DataFrame:
    """Return the Shapley values of selected features for held-out rows, in log-odds that add up to the answer's.

    What a feature adds is held against the training rows' mean, which is 0 of columns that the chain standardizes (of
    one that it scales from 0 to 1, the least). Of a logistic regression that is the coefficient times the value. Every
    other classifier is asked about subsets of the features, with the others at 0: about all of them if it reads eight
    features or fewer, so that the values are exact; otherwise along 32 orders, 16 at random and each of them backwards.
    Of more than 65 features there are fewer orders, two at least, so that the answer for a row takes no hours.
    The values of a row then still add up to its answer, and are right on average.

    Parameters
    ----------
    chain : Pipeline
        Fitted; its last step classifies what the steps before it scale and select.
    X : DataFrame of shape (n_rows, n_columns)
        Rows that the chain has not seen, under their sample ids.
    random_state : int, default=0
        Seed of the orders.

    Returns
    -------
    DataFrame
        Columns sample_id, feature (or "(base)", what there is without any), class (of two the second, as the
        classifier knows it), value (as the classifier reads it) and shap: log-odds, of more than two classes the
        log-probability of each less the mean of all.

    References
    ----------
    Shapley (1953). A value for n-person games. Contributions to the Theory of Games 2, 307-317.
    Lundberg, Lee (2017). A unified approach to interpreting model predictions. NeurIPS 30, corollary 1 (linear).
    Sundararajan, Najmi (2020). The many Shapley values for model explanation. ICML, PMLR 119 (baseline Shapley).
    Castro, Gómez, Tejada (2009). Polynomial calculation of the Shapley value based on sampling. Computers & Operations
    Research 36(5), 1726-1730. Mitchell, Cooper, Frank, Holmes (2022). Sampling permutations for Shapley value
    estimation. JMLR 23(43) (each order backwards).
    """
    names = list(chain[:-1].get_feature_names_out())
    if not len(X) or not names:
        return NOTHING_EXPLAINED[COLUMNS]
    values = np.asarray(chain[:-1].transform(X), dtype=float)
    classifier, score = chain[-1], partial(log_odds_of, chain[-1])
    if isinstance(classifier, LogisticRegression):
        parts, base = _of_logistic(classifier, values)
    else:
        rng = np.random.default_rng(random_state)
        few, n_orders = len(names) <= MOST_FEATURES, max(2, min(N_ORDERS, MOST_SUBSETS // (len(names) + 1)))
        parts, base = exact_shapley(score, values) if few else sampled_shapley(score, values, rng, n_orders)
    classes = classifier.classes_[-parts.shape[2] :]
    return _long(parts, base, values, X.index, names, [str(one) for one in classes])


def _of_logistic(classifier: LogisticRegression, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficient times value, shape (n_rows, n_features, n_scores), and the intercepts."""
    coefficients, intercepts = classifier.coef_, classifier.intercept_
    if len(coefficients) > 1:
        coefficients, intercepts = coefficients - coefficients.mean(axis=0), intercepts - intercepts.mean()
    return values[:, :, None] * coefficients.T, intercepts


def exact_shapley(scores: Scores, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what each feature adds to those before it, over all orders of them, absent ones at 0.

    Parameters
    ----------
    scores : callable
        Takes rows of shape (n_rows, n_features), returns their scores, shape (n_rows, n_scores).
    values : ndarray of shape (n_rows, n_features)

    Returns
    -------
    parts : ndarray of shape (n_rows, n_features, n_scores)
    base : ndarray of shape (n_scores,)
        Added to a row's parts it is the row's scores.

    Examples
    --------
    >>> parts, base = exact_shapley(lambda rows: rows[:, :1] * rows[:, 1:] + 1, np.array([[2.0, 3.0]]))
    >>> parts[0, :, 0].tolist(), base.tolist()
    ([3.0, 3.0], [1.0])
    """
    n_rows, n_features = values.shape
    masks = (np.arange(2**n_features)[:, None] >> np.arange(n_features)) & 1
    told = _scores_of_subsets(scores, values, masks)
    share = np.array([1 / (n_features * comb(n_features - 1, size)) for size in range(n_features)])
    parts = np.empty((n_rows, n_features, told.shape[2]))
    for feature in range(n_features):
        without = np.flatnonzero(masks[:, feature] == 0)
        added = told[without | 1 << feature] - told[without]
        parts[:, feature] = np.tensordot(share[masks[without].sum(axis=1)], added, axes=1)
    return parts, told[0, 0]


def sampled_shapley(
    scores: Scores, values: np.ndarray, rng: np.random.Generator, n_orders: int = N_ORDERS
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each feature adds to those before it, over some orders of them: as `exact_shapley`, on average.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sampled_shapley(lambda rows: rows[:, :1] * rows[:, 1:] + 1, np.array([[2.0, 3.0]]), rng)[0].ravel().tolist()
    [3.0, 3.0]
    """
    n_features = values.shape[1]
    forwards = [rng.permutation(n_features) for _ in range(n_orders // 2)]
    steps = np.tril(np.ones((n_features + 1, n_features), dtype=bool), -1)  # none, the first, the first two ...
    orders, parts, base = [*forwards, *(order[::-1] for order in forwards)], np.zeros(1), np.empty(0)
    for order in orders:  # one by one: thousands of columns make all of them large
        place = np.argsort(order)
        told = _scores_of_subsets(scores, values, steps[:, place])  # (n_features + 1, n_rows, n_scores)
        parts, base = parts + np.diff(told, axis=0)[place], told[0, 0]
    return (parts / len(orders)).swapaxes(0, 1), base


def _scores_of_subsets(scores: Scores, values: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the scores of all rows with each subset of their features: (n_subsets, n_rows, n_scores)."""
    n_at_once = max(1, CELLS // max(values.size, 1))
    blocks = []
    for start in range(0, len(masks), n_at_once):
        some = masks[start : start + n_at_once]
        told = scores((some[:, None, :] * values).reshape(-1, values.shape[1]))
        blocks.append(told.reshape(len(some), len(values), -1))
    return np.concatenate(blocks)


def log_odds_of(classifier: Classifier, values: np.ndarray) -> np.ndarray:
    """Return a classifier's log-odds, shape (n_rows, 1); of more classes log-probabilities less their mean."""
    names = getattr(classifier, "feature_names_in_", None)
    told = classifier.predict_proba(values if names is None else pd.DataFrame(values, columns=names))
    logs = np.log(np.clip(told, NEAREST, 1 - NEAREST))
    return logs[:, 1:] - logs[:, :1] if logs.shape[1] == 2 else logs - logs.mean(axis=1, keepdims=True)


def _long(
    parts: np.ndarray, base: np.ndarray, values: np.ndarray, ids: pd.Index, names: list[str], classes: list[str]
) -> pd.DataFrame:
    """Return one row per row, feature and class, and what there is without any feature before those of a row."""
    n_rows, n_scores = len(values), len(classes)
    shap = np.concatenate([np.broadcast_to(base, (n_rows, 1, n_scores)), parts], axis=1)
    shown = np.concatenate([np.full((n_rows, 1), np.nan), values], axis=1)
    index = pd.MultiIndex.from_product([ids, [BASE, *names], classes], names=COLUMNS[:3])
    table = pd.DataFrame({"value": np.repeat(shown.ravel(), n_scores), "shap": shap.ravel()}, index=index)
    return table.reset_index()
