"""Prediction sets: the classes that cannot be ruled out, so that the true one is among them as often as asked for."""

from __future__ import annotations

import logging
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.closed_intervals import clopper_pearson_interval
from radiofuse.tables.predictions import check_predictions, outcomes_of
from radiofuse.tables.wide_predictions import OF_SAMPLE, wide_of_model
from radiofuse.wording import some

COLUMNS = ["outcome", "model", "class", "level", "limit", "coverage", "low", "high", "single", "several", "none"]
ALL_CLASSES = ""
logger = logging.getLogger(__name__)


@validate_params(
    {
        "code": ["array-like"],
        "probability": ["array-like"],
        "level": [Interval(Real, 0, 1, closed="neither")],
        "patients": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def conformal_limits(
    code: ArrayLike, probability: ArrayLike, *, level: float = 0.9, patients: ArrayLike | None = None
) -> np.ndarray:
    """Return from how much doubt on each class is left out of a prediction set.

    The doubt of a class is 1 less its probability. Its limit is that doubt of the class's own patients that a share
    ``level`` of them does not exceed, a little higher for their number, so that of new patients of the class, drawn
    like these, at least that share keeps the class in the set: class by class, however rare it is.

    Parameters
    ----------
    code : array-like of shape (n_samples,)
        The place of each sample's class.
    probability : array-like of shape (n_samples, n_classes)
        Of models that had no part of the sample: out of fold, or of held-out patients.
    level : float, default=0.9
        The share.
    patients : array-like of shape (n_samples,), optional
        The patient of each sample; of several samples of a class the greatest doubt counts, once.

    Returns
    -------
    ndarray of shape (n_classes,)
        Infinity where a class has too few patients for the level, fewer than level / (1 - level): it is never left out.

    References
    ----------
    Vovk (2012). Conditional validity of inductive conformal predictors. ACML, PMLR 25, 475-490: class by class.
    Sadinle, Lei, Wasserman (2019). Least ambiguous set-valued classifiers with bounded error levels. JASA 114, 223-234.

    Examples
    --------
    >>> positive = np.linspace(0.05, 0.95, 19)
    >>> code = (positive > 0.3).astype(int)
    >>> conformal_limits(code, np.column_stack([1 - positive, positive]), level=0.8).round(2)
    array([0.3, 0.6])
    """
    code, probability = np.asarray(code, dtype=int), np.asarray(probability, dtype=float)
    if probability.ndim != 2 or len(code) != len(probability) or np.isnan(probability).any():
        raise RequestError(
            f"probability must have a row for each of {len(code)} samples, a column per class and no gap; it has the "
            f"shape {probability.shape}. Leave out samples without an answer."
        )
    place, n_patients = _numbered(len(code), patients)
    worst = np.full((probability.shape[1], n_patients), -np.inf)  # of each class a patient's most doubtful sample
    np.maximum.at(worst, (code, place), 1 - probability[np.arange(len(code)), code])
    return np.array([_limit(of_class[of_class > -np.inf], level) for of_class in worst])


def _numbered(n_samples: int, patients: ArrayLike | None) -> tuple[np.ndarray, int]:
    """Return the patient of each sample as a number from 0, and how many there are."""
    if patients is None:
        return np.arange(n_samples), n_samples
    place, names = pd.factorize(np.asarray(patients))
    return place, len(names)


def _limit(doubts: np.ndarray, level: float) -> float:
    rank = int(np.ceil((len(doubts) + 1) * level - 1e-9))  # of 10 patients and .9 it is 10, not 11 by rounding
    return float(np.sort(doubts)[rank - 1]) if rank <= len(doubts) else np.inf


def prediction_sets(probability: ArrayLike, limits: ArrayLike) -> np.ndarray:
    """Return which classes cannot be ruled out.

    Parameters
    ----------
    probability : array-like of shape (n_samples, n_classes)
    limits : array-like of shape (n_classes,)
        As `conformal_limits` returns them.

    Returns
    -------
    ndarray of bool, shape (n_samples, n_classes)
        A row of several classes says that the model does not know; one of none that the sample is like none of them.

    Examples
    --------
    >>> prediction_sets([[0.9, 0.1], [0.5, 0.5]], [0.6, 0.7]).tolist()
    [[True, False], [True, True]]
    """
    return 1 - np.asarray(probability, dtype=float) <= np.asarray(limits) + 1e-12


def conformal_table(predictions: pd.DataFrame, level: float = 0.9) -> pd.DataFrame:
    """Return how often the prediction sets of every model hold the true class, and how often they are of one class.

    The limits of a fold are found in the predictions of the same repeat for the patients outside it, those for new
    patients in all predictions of a repeat, averaged over the repeats.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    level : float, default=0.9

    Returns
    -------
    DataFrame
        A row per class, and one of all classes, whose class is empty: outcome, model, class, level, limit (for new
        patients), coverage with the exact interval low to high (of the number of patients, as if repeats were one),
        and the shares of sets of a single class, of several, and of none. A model whose patients outside some fold
        lack a class, as where one part is held out, is named in a warning instead.

    Raises
    ------
    RequestError
        The predictions cannot be scored.

    Notes
    -----
    That a class is covered as often as asked for holds for limits of patients that no model was fitted to. The models
    of the other folds were fitted to this fold too, which costs little: Vovk (2015). Cross-conformal predictors. Annals
    of Mathematics and Artificial Intelligence 74, 9-28.

    Examples
    --------
    >>> rng, ids = np.random.default_rng(0), [f"p{row}" for row in range(100)]
    >>> label = np.arange(100) % 2
    >>> table = pd.DataFrame({"outcome": "idh", "class": "mutant", "sample_id": ids, "patient_id": ids, "repeat": 0,
    ...     "fold": np.arange(100) // 20, "model": "t1", "label": label,
    ...     "probability": np.clip(0.3 + 0.4 * label + rng.normal(0, 0.2, 100), 0, 1)})
    >>> conformal_table(table).set_index("class").loc["mutant", ["coverage", "single"]].to_dict()
    {'coverage': 0.9, 'single': 0.86}
    """
    check_predictions(predictions)
    rows, left_out = [], []
    for outcome in outcomes_of(predictions):
        for model in outcome.rows["model"].unique():
            found = _covered(wide_of_model(outcome, model).reset_index("repeat"), level)
            left_out += [] if found else [f"{model} of {outcome.name}" if outcome.name else model]
            rows += [(outcome.name, model, *one) for one in found]
    if left_out:
        logger.warning("No prediction sets of %s: outside of some fold a class has no prediction.", some(left_out))
    return pd.DataFrame(rows, columns=COLUMNS)


def _covered(wide: pd.DataFrame, level: float) -> list[tuple]:
    names = list(wide.columns.drop(["repeat", *OF_SAMPLE]))
    parts = []
    for (repeat, _), tested in wide.groupby(["repeat", "fold"]):
        of_repeat = wide[wide["repeat"] == repeat]
        others = of_repeat[~of_repeat["patient_id"].isin(tested["patient_id"])]
        if others["code"].nunique() < len(names):
            return []
        parts.append(tested.assign(**dict(zip(names, _sets(tested, others, names, level).T, strict=True))))
    held_out = pd.concat(parts)
    finally_ = np.mean([_limits(of_repeat, names, level) for _, of_repeat in wide.groupby("repeat")], axis=0)
    whose = [(ALL_CLASSES, np.nan, held_out), *_by_class(held_out, names, finally_)]
    return [(name, level, limit, *_shares(part, names)) for name, limit, part in whose]


def _by_class(held_out: pd.DataFrame, names: list[str], limits: np.ndarray) -> list[tuple[str, float, pd.DataFrame]]:
    return [
        (name, float(limit), held_out[held_out["code"] == place])
        for place, (name, limit) in enumerate(zip(names, limits, strict=True))
    ]


def _sets(tested: pd.DataFrame, others: pd.DataFrame, names: list[str], level: float) -> np.ndarray:
    return prediction_sets(tested[names], _limits(others, names, level))


def _limits(rows: pd.DataFrame, names: list[str], level: float) -> np.ndarray:
    return conformal_limits(rows["code"], rows[names], level=level, patients=rows["patient_id"])


def _shares(part: pd.DataFrame, names: list[str]) -> tuple[float, ...]:
    sets, code = part[names].to_numpy(dtype=bool), part["code"].to_numpy()
    coverage, sizes = float(sets[np.arange(len(sets)), code].mean()), sets.sum(axis=1)
    low, high = clopper_pearson_interval(coverage, part["patient_id"].nunique(), 0.95)
    return coverage, float(low), float(high), *(float(share.mean()) for share in (sizes == 1, sizes > 1, sizes == 0))
