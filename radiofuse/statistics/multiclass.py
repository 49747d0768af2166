"""Scores of predictions with three or more classes, each with an interval over patients.

Every metric is computed for all resamples at once; on single rows the values are those of scikit-learn.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.inputs import check_multiclass, patient_places
from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities
from radiofuse.statistics.multiclass_outcome import MulticlassOutcome
from radiofuse.statistics.scores import score_draws
from radiofuse.tables.class_rows import ClassRepeat


@validate_params(
    {
        "classes": ["array-like", None],
        "patients": ["array-like", None],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "confidence": RESAMPLING_RULES["confidence"],
        "random_state": RESAMPLING_RULES["random_state"],
        "ordered": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def score_multiclass(
    label: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    patients: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
    ordered: bool = False,
) -> pd.DataFrame:
    """Score probabilities of several classes, each metric with an interval.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        Class of each row.
    probabilities : array-like of shape (n_samples, n_classes)
        Probability of each class; rows add up to 1. Called is the most probable class, the first of equals.
    classes : array-like of shape (n_classes,), optional
        Class of each column; the sorted labels by default.
    patients : array-like of shape (n_samples,), optional
        Patient of each row; all rows of a patient are resampled together. Without it each row is a patient.
    n_resamples : int, default=1000
        Resamples of the patients with replacement.
    confidence : float, default=0.95
        Coverage of the percentile intervals.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.
    ordered : bool, default=False
        Whether the classes, as the columns hold them, have an order, and there is a weighted kappa.

    Returns
    -------
    DataFrame
        Columns metric, value, low, high. The metrics:

        - auc, weighted_auc: each class against the rest, averaged, plainly or by its rows;
        - auc_hand_till: Hand and Till's M, the mean over pairs of classes, which prevalence does not move;
        - accuracy, balanced_accuracy, and macro and weighted precision, recall and f1: plain means over the classes
          that are there or called, or by their rows; precision is 0 for a class that is not called;
        - mcc, kappa, and weighted_kappa of ordered classes (quadratic weights);
        - log_loss (probabilities cut to what a float can tell from 0), brier (0 to 2, summed over the classes) and
          ece (of the most probable class, 15 bins; without an interval).

        An AUC is NaN where a class has no row; such resamples are left out of its interval. Balanced accuracy
        is the mean recall of the classes that have rows. Intervals of metrics at their bounds are those of
        `score_predictions`.

    Raises
    ------
    RequestError
        Probabilities that do not fit the classes, lie outside 0 to 1, or do not add up to 1.

    References
    ----------
    Hand and Till 2001, Mach Learn 45:171-186. Brier 1950, Mon Weather Rev 78:1-3. Gorodkin 2004, Comput Biol
    Chem 28:367-374 (correlation). Cohen 1968, Psychol Bull 70:213-220 (weighted kappa). Guo et al. 2017, ICML
    34:1321-1330 (ECE). Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13.

    Examples
    --------
    >>> scores = score_multiclass(["a", "b", "c", "c"],
    ...     [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]], n_resamples=100)
    >>> scores.set_index("metric").value[["accuracy", "auc_hand_till", "brier"]].round(4).to_dict()
    {'accuracy': 0.75, 'auc_hand_till': 0.875, 'brier': 0.5}
    """
    refuse_misaligned(label=label, probabilities=probabilities, patients=patients)
    column, probabilities, _ = check_multiclass(label, probabilities, classes)
    places, names = patient_places(patients, len(column)), [str(k) for k in range(probabilities.shape[1])]
    counts = multiplicities(places.max() + 1, n_resamples, draw_seed(random_state))
    outcome = MulticlassOutcome([ClassRepeat(column, probabilities, places)], names, names if ordered else None)
    scores, _ = score_draws(outcome, counts, confidence)
    rows = [(metric, *estimate) for cls, metric, *estimate in scores if cls == outcome.whole]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])
