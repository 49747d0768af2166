"""Are models right as often as they say where they are unsure? Calibration within bins of uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.calibration_errors import calibration_error
from radiofuse.tables.predictions import OutcomeRows, check_predictions, outcomes_of
from radiofuse.tables.wide_predictions import KEYS, OF_SAMPLE, wide_of_model

OF_REFITS, OF_ANSWER = "sd of refits", "1 - highest probability"
COLUMNS = [
    "outcome",
    "model",
    "uncertainty",
    "from_uncertainty",
    "to_uncertainty",
    "n",
    "confidence",
    "accuracy",
    "ece",
]
MOST_SPREAD = 0.5  # no standard deviation of a probability is greater


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "spreads": [pd.DataFrame, None],
        "width": [Interval(Real, 0, 1, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def calibration_by_uncertainty(
    predictions: pd.DataFrame, spreads: pd.DataFrame | None = None, *, width: float = 0.05
) -> pd.DataFrame:
    """Return confidence, accuracy and calibration error of every model within bins of its uncertainty.

    The most probable class of a sample is called; its probability is the confidence.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    spreads : DataFrame, optional
        Columns outcome and class where the predictions have them, model, repeat, sample_id and sd: the standard
        deviation of the class's probability over draws of the model, as over refits to bootstraps of the patients it
        learned from. That of the class that is called counts. Models without any are left out of these bins.
    width : float, default=0.05
        Of a bin.

    Returns
    -------
    DataFrame
        Columns outcome, model, uncertainty, from_uncertainty, to_uncertainty, n (samples, the mean of the repeats),
        confidence, accuracy and ece (`calibration_error` of the calls in 10 bins of their confidence, rows of all
        repeats together). uncertainty says what is binned: "sd of refits" where there are spreads, and always
        "1 - highest probability", which is no spread but the answer itself. Bins hold their upper edge; one without a
        sample has n = 0 and NaN elsewhere.

    Raises
    ------
    RequestError
        The predictions cannot be scored, or spreads lack samples of a model that has some.

    Notes
    -----
    Chance alone keeps the error of a bin above 0, the more the fewer samples it has.

    References
    ----------
    Guo et al. 2017, ICML 34:1321-1330 (calibration error of the class that is called).
    Lakshminarayanan, Pritzel, Blundell 2017, NeurIPS 30 (refits as a measure of what a model does not know).

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 1, 0], "probability": [0.01, 0.98, 0.88, 0.86]})
    >>> calibration_by_uncertainty(table).head(3)[["to_uncertainty", "n", "confidence", "accuracy", "ece"]].round(3)
       to_uncertainty    n  confidence  accuracy    ece
    0            0.05  2.0       0.985       1.0  0.015
    1            0.10  0.0         NaN       NaN    NaN
    2            0.15  2.0       0.870       0.5  0.370
    """
    check_predictions(predictions)
    rows = [
        (outcome.name, model, *line)
        for outcome in outcomes_of(predictions)
        for model in outcome.rows["model"].unique()
        for line in _of_model(outcome, model, spreads, width)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_model(outcome: OutcomeRows, model: str, spreads: pd.DataFrame | None, width: float) -> Iterator[tuple]:
    wide = wide_of_model(outcome, model)
    P = wide[wide.columns.drop(OF_SAMPLE)].to_numpy(dtype=float)
    called, n_repeats = P.argmax(axis=1), wide.index.get_level_values("repeat").nunique()
    right, confidence = (called == wide["code"].to_numpy()).astype(int), P.max(axis=1)
    measures = {OF_ANSWER: (1 - confidence, 1 - 1 / P.shape[1])}
    if spreads is not None and (sd := _sd_of_called(outcome, model, spreads, wide, called)) is not None:
        measures = {OF_REFITS: (sd, MOST_SPREAD), **measures}
    for name, (uncertainty, greatest) in measures.items():
        for line in _bins(right, confidence, uncertainty, greatest, width):
            yield (name, *line[:2], line[2] / n_repeats, *line[3:])


def _sd_of_called(
    outcome: OutcomeRows, model: str, spreads: pd.DataFrame, wide: pd.DataFrame, called: np.ndarray
) -> np.ndarray | None:
    own = spreads[spreads["model"] == model]
    own = own[own["outcome"].astype(str) == outcome.name] if "outcome" in own else own
    if own.empty:
        return None
    if outcome.kind == "binary":  # both classes have the same
        sd = own.set_index(KEYS)["sd"].reindex(wide.index).to_numpy()
    else:
        each = own.pivot(index=KEYS, columns="class", values="sd")[list(outcome.classes)].reindex(wide.index)
        sd = each.to_numpy()[np.arange(len(wide)), called]
    if np.isnan(sd).any():
        raise RequestError(
            f"The spreads of {model} for {outcome.title} lack {np.isnan(sd).sum()} of its {len(sd)} predictions. Give "
            "each prediction a spread, or leave the model out of the spreads."
        )
    return sd


def _bins(
    right: np.ndarray, confidence: np.ndarray, uncertainty: np.ndarray, greatest: float, width: float
) -> Iterator[tuple]:
    """Yield edges, number of rows, mean confidence, accuracy and error of each bin up to the greatest uncertainty."""
    n_bins = int(np.ceil(greatest / width - 1e-9))
    edges = np.round(np.arange(n_bins + 1) * width, 10)
    place = np.searchsorted(edges[1:-1], uncertainty - 1e-12)  # 1 - .95 is a little more than .05
    for k in range(n_bins):
        own = place == k
        if not own.any():
            yield edges[k], edges[k + 1], 0, np.nan, np.nan, np.nan
            continue
        error = calibration_error(right[own], confidence[own])
        yield edges[k], edges[k + 1], int(own.sum()), float(confidence[own].mean()), float(right[own].mean()), error
