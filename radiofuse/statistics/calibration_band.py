"""What share of the patients with a probability is of the class: the calibration line with its band."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.statistics.calibration_intervals import resampled_lines
from radiofuse.statistics.inputs import patient_places
from radiofuse.statistics.intervals import draw_seed, multiplicities
from radiofuse.tables.predictions import check_predictions, outcomes_of

COLUMNS = ["outcome", "model", "class", "probability", "observed", "low", "high"]
GRID = np.linspace(-7, 7, 141)  # log-odds: from 0.001 to 0.999, closest at the ends
MOST_WITHOUT = 0.025  # of the resamples; where more have no line the ends of the band are unknown


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def calibration_band(
    predictions: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return which share of the patients with a probability is of the class, with its interval, on a grid.

    The share is that of Cox's line, a logistic regression of the class on the log-odds of the probability, averaged
    over the repeats. The interval is about the share among such patients, not about one of them, and holds as far as
    that line does. Its ends lie on the scale of log-odds, as many standard deviations of the resampled lines apart as
    of a normal variable: percentiles of them hold the share less often than they say.

    Parameters
    ----------
    predictions : DataFrame
        As in ``score_predictions``.
    confidence : float, default=0.95
        Of the interval at each probability.
    n_resamples : int, default=500
        Resamples of the patients; all rows of a patient, in all repeats, travel together.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        Columns outcome, model, class, probability, observed, low and high, for probabilities between the lowest and
        the highest of the predictions; of a model none where more than 2.5 % of the resamples have no line.

    References
    ----------
    Cox (1958). Two further applications of a model for binary regression. Biometrika 45, 562-565.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": range(40), "patient_id": range(40), "repeat": 0, "fold": 0, "model": "t1",
    ...     "label": [0, 1, 0, 1, 1] * 8, "probability": [0.2, 0.3, 0.6, 0.7, 0.8] * 8})
    >>> band = calibration_band(table)
    >>> band[(band["probability"] - 0.5).abs() < 0.01][["probability", "observed", "low", "high"]].round(2).to_numpy()
    array([[0.5 , 0.6 , 0.38, 0.79]])
    """
    check_predictions(predictions)
    parts, seed = [pd.DataFrame(columns=COLUMNS)], draw_seed(random_state)
    for outcome in outcomes_of(predictions):
        for model, of_model in outcome.rows.groupby("model", sort=False):
            for cls in outcome.classes:
                rows = of_model[of_model["class"] == cls] if "class" in of_model else of_model
                band = _band(rows, confidence, n_resamples, seed)
                if band is not None:
                    parts.append(band.assign(outcome=outcome.name, model=model, **{"class": cls})[COLUMNS])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _band(rows: pd.DataFrame, confidence: float, n_resamples: int, seed: int) -> pd.DataFrame | None:
    """Return the line of one model and class and its band; None where it has none."""
    rows = rows[(rows["probability"] > 0) & (rows["probability"] < 1)]  # others have no log-odds, and no line
    if rows.empty:
        return None
    odds = logit(rows["probability"].to_numpy(float))
    at = GRID[(odds.min() <= GRID) & (odds.max() >= GRID)]
    places = patient_places(rows["patient_id"], len(rows))
    counts = multiplicities(places.max() + 1, n_resamples, seed)
    label, repeats = rows["label"].to_numpy(dtype=float), rows["repeat"].to_numpy()
    curves = []
    for repeat in np.unique(repeats):
        own = repeats == repeat
        intercepts, slopes = resampled_lines(label[own], odds[own], counts[places[own]])
        with np.errstate(invalid="ignore"):  # infinite slopes of resamples whose labels are separated
            curves.append(intercepts[:, None] + slopes[:, None] * at)
    mean = np.mean(curves, axis=0)
    known = np.isfinite(mean).all(axis=1)
    if not len(at) or not known[0] or (~known[1:]).mean() > MOST_WITHOUT:
        return None
    reach = norm.ppf((1 + confidence) / 2) * mean[1:][known[1:]].std(axis=0, ddof=1)
    ends = {"low": expit(mean[0] - reach), "high": expit(mean[0] + reach)}
    return pd.DataFrame({"probability": expit(at), "observed": expit(mean[0]), **ends})
