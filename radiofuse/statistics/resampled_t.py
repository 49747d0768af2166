"""Is one model better than another over the folds? Student's t with a variance that knows folds share patients."""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.statistics.delong import standardized
from radiofuse.statistics.metrics import METRICS, score
from radiofuse.tables.predictions import check_slice, rows_of_model


class ResampledT(NamedTuple):
    """Corrected resampled t-test of the mean difference over folds."""

    difference: float  # mean over the folds
    statistic: float
    df: int
    p_value: float  # two-sided

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {
        "differences": ["array-like"],
        "n_train": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "n_test": [Interval(Real, 0, None, closed="neither"), "array-like"],
    },
    prefer_skip_nested_validation=True,
)
def corrected_resampled_t(differences: ArrayLike, n_train: ArrayLike, n_test: ArrayLike) -> ResampledT:
    """Test whether the mean difference of two models over folds is 0.

    Training sets of different folds share most of their patients, so differences of folds are correlated and
    their variance over the number of folds is too small. The variance is taken times ``1/J + n_test/n_train``
    instead of ``1/J``. The usual paired t-test is anti-conservative and is not offered.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of one model minus that of the other, in each fold of each repeat; `fold_differences` makes them.
    n_train, n_test : number or array-like of shape (n_folds,)
        Patients trained and tested on; of an array the mean counts.

    Returns
    -------
    ResampledT
        Of differences that are all equal, the statistic is 0 and the p-value 1 where they are 0; otherwise both are
        NaN and a warning is logged.

    Raises
    ------
    RequestError
        Fewer than two differences, or one that is not finite.

    See Also
    --------
    fold_differences : What it is handed.
    compare_models : By resampling whole patients.

    References
    ----------
    Nadeau and Bengio 2003, Mach Learn 52:239-281, eq. 10. Bouckaert and Frank 2004, PAKDD, LNCS 3056:3-12
    (repeated cross-validation).

    Examples
    --------
    >>> found = corrected_resampled_t([0.02, 0.05, 0.01, 0.04, 0.03], n_train=80, n_test=20)
    >>> round(found.statistic, 3), found.df, round(found.p_value, 3)
    (2.828, 4, 0.047)
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or values.size < 2 or not np.isfinite(values).all():
        raise RequestError(
            f"The test needs one finite difference for each of 2 folds or more, and got shape {values.shape} with "
            f"{(~np.isfinite(values)).sum()} not finite; use fewer folds where a test fold lacks a label."
        )
    inflation = 1 / values.size + np.mean(np.asarray(n_test)) / np.mean(np.asarray(n_train))
    variance = inflation * values.var(ddof=1) if np.ptp(values) else 0.0  # rounding leaves some to equal ones
    mean, df = float(values.mean()), values.size - 1
    statistic = standardized(mean, variance)
    return ResampledT(mean, statistic, df, float(2 * stdtr(df, -abs(statistic))))


def corrected_interval(
    values: np.ndarray, n_train: float, n_test: float, *, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of the mean over folds, with the variance of `corrected_resampled_t`.

    Parameters
    ----------
    values : ndarray of shape (n_folds, ...)
        One number, or several, per fold of each repeat; NaN where a fold has none.
    n_train, n_test : float
        Patients trained and tested on, on average.
    confidence : float, default=0.95
        Coverage.

    Returns
    -------
    low, high : ndarray
        NaN where fewer than two folds have a number.

    References
    ----------
    Nadeau and Bengio 2003, Mach Learn 52:239-281, eq. 10.

    Examples
    --------
    >>> low, high = corrected_interval(np.array([0.02, 0.05, 0.01, 0.04, 0.03]), n_train=80, n_test=20)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0006, 0.0594)
    """
    there = np.isfinite(values)
    n_folds = there.sum(axis=0)
    known = np.maximum(n_folds, 2)
    mean = np.where(there, values, 0).sum(axis=0) / known
    squares = np.where(there, (values - mean) ** 2, 0).sum(axis=0)
    half = stdtrit(known - 1, (1 + confidence) / 2) * np.sqrt(squares / (known - 1) * (1 / known + n_test / n_train))
    half = np.where(n_folds > 1, half, np.nan)
    return mean - half, mean + half


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "a": [str],
        "b": [str],
        "metric": [StrOptions(set(METRICS))],
        "threshold": [Interval(Real, 0, 1, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def fold_differences(
    predictions: pd.DataFrame, a: str, b: str, *, metric: str = "auc", threshold: float = 0.5
) -> pd.DataFrame:
    """Score two models in every fold of every repeat.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one class of one outcome: `radiofuse.tables.slice_of` picks it.
    a, b : str
        Names in the column ``model``.
    metric : str, default="auc"
        A metric of `score_predictions`.
    threshold : float, default=0.5
        A row is called positive from this probability on.

    Returns
    -------
    DataFrame
        Columns repeat, fold, difference (a minus b; NaN where the fold lacks a label the metric needs), n_train
        and n_test, the patients among the rows that both models predict.

    Raises
    ------
    RequestError
        An unknown model, or no sample in common.

    See Also
    --------
    corrected_resampled_t : Tests them.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0,
    ...     "fold": [0, 0, 0, 1, 1, 1], "label": [0, 0, 1, 0, 1, 1]})
    >>> table = pd.concat([rows.assign(model="t1", probability=[0.1, 0.7, 0.3, 0.6, 0.9, 0.4]),
    ...                    rows.assign(model="fused", probability=[0.1, 0.2, 0.3, 0.5, 0.9, 0.4])])
    >>> fold_differences(table, "fused", "t1")
       repeat  fold  difference  n_train  n_test
    0       0     0         0.5        3       3
    1       0     1         0.0        3       3
    """
    check_slice(predictions, "A difference by fold")
    key = ["repeat", "fold", "sample_id"]
    rows = rows_of_model(predictions, a).merge(
        rows_of_model(predictions, b)[[*key, "probability"]], on=key, suffixes=("_a", "_b")
    )
    if rows.empty:
        raise RequestError(f"Models {a} and {b} predict no sample in the same fold; run them on the same splits.")
    n_patients = rows.groupby("repeat")["patient_id"].nunique()
    folds = []
    for (repeat, fold), part in rows.groupby(["repeat", "fold"]):
        value_a, value_b = (
            score(metric, part["label"].to_numpy(), part[f"probability_{model}"].to_numpy(), threshold=threshold)
            for model in "ab"
        )
        n_test = part["patient_id"].nunique()
        folds.append((repeat, fold, float(value_a - value_b), int(n_patients[repeat]) - n_test, n_test))
    return pd.DataFrame(folds, columns=["repeat", "fold", "difference", "n_train", "n_test"])
