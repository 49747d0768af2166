"""Figures of a predictions table, on axes of one's own or new ones: the same drawings as in the report."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from radiofuse.errors import RequestError
from radiofuse.report.figures import draw_auc, draw_calibration, draw_net_benefit, draw_roc
from radiofuse.report.kinds import HEADINGS, MODEL
from radiofuse.report.look import drawn
from radiofuse.report.pictures import binned
from radiofuse.statistics import decision_points, roc_points, score_predictions
from radiofuse.tables.predictions import check_slice, rows_of_model
from radiofuse.wording import number


@drawn
def plot_roc(predictions: pd.DataFrame, model: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the ROC curves of all models in a predictions table, one of them with its band.

    Parameters
    ----------
    predictions : DataFrame
        As ``cross_validated_predictions`` returns it, or ``predictions.csv`` read again.
    model : str, optional
        The one drawn heavily, with a pointwise 95% band over resampled patients; by default the first.
    ax : Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    Axes
        Curves averaged over the repeats; the legend gives the AUC. ``axes.figure.savefig("roc.pdf")`` writes it.

    Raises
    ------
    RequestError
        If the table cannot be scored, has no such model, or one label only.

    Examples
    --------
    >>> import pandas as pd
    >>> predictions = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> plot_roc(predictions).get_legend().get_texts()[0].get_text()
    't1 0.75'
    """
    models, first = _models(predictions, model)
    scores = score_predictions(predictions, n_resamples=1)
    aucs = scores[scores["metric"] == "auc"].set_index("model")["value"]
    names = {name: f"{name} {number(aucs[name])}" for name in models}
    others = {names[name]: roc_points(predictions, name, n_resamples=1) for name in models if name != first}
    return draw_roc(roc_points(predictions, first), names[first], others, ax=ax)


@drawn
def plot_calibration(predictions: pd.DataFrame, model: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw observed against predicted shares of one model.

    Parameters
    ----------
    predictions : DataFrame
        As for ``plot_roc``.
    model : str, optional
        By default the first.
    ax : Axes, optional
        As for ``plot_roc``.

    Returns
    -------
    Axes
        A point per group of samples of like probability, with its 95% Wilson interval and number of samples.

    Raises
    ------
    RequestError
        If the table cannot be scored, has no such model, or one label only.

    Examples
    --------
    >>> import pandas as pd
    >>> predictions = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> plot_calibration(predictions).get_ylabel()
    'Observed share'
    """
    _, first = _models(predictions, model)
    return draw_calibration(binned(predictions, first), ax=ax)


@drawn
def plot_aucs(predictions: pd.DataFrame, model: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the AUC of every model in a predictions table with its interval.

    Parameters
    ----------
    predictions : DataFrame
        As for ``plot_roc``.
    model : str, optional
        The one in bold; by default the first.
    ax : Axes, optional
        As for ``plot_roc``.

    Returns
    -------
    Axes
        Intervals as by ``score_predictions``: percentiles over resampled patients, 95%.

    Raises
    ------
    RequestError
        If the table cannot be scored, has no such model, or one label only.

    Examples
    --------
    >>> import pandas as pd
    >>> predictions = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> plot_aucs(predictions).get_xlabel()
    'AUC (0.5 = chance)'
    """
    models, first = _models(predictions, model)
    scores = score_predictions(predictions)
    aucs = scores[scores["metric"] == "auc"].set_index("model").loc[models].reset_index()
    return draw_auc(aucs.assign(kind=MODEL, heading=HEADINGS[MODEL]), first, ax=ax)


@drawn
def plot_decision_curve(predictions: pd.DataFrame, model: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the net benefit of treating by one model, beside treating all and treating none.

    Parameters
    ----------
    predictions : DataFrame
        As for ``plot_roc``.
    model : str, optional
        By default the first.
    ax : Axes, optional
        As for ``plot_roc``.

    Returns
    -------
    Axes
        The mean of the repeats, with a pointwise 95% band over resampled patients.

    Raises
    ------
    RequestError
        If the table cannot be scored, has no such model, or one label only.

    Examples
    --------
    >>> import pandas as pd
    >>> predictions = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> plot_decision_curve(predictions).get_ylabel()
    'Net benefit'
    """
    _, first = _models(predictions, model)
    return draw_net_benefit(decision_points(predictions, first, confidence=0.95), ax=ax)


def _models(predictions: pd.DataFrame, model: str | None) -> tuple[Sequence[str], str]:
    """Return the models of a table that can be drawn, and the one asked for, which is the first unless named."""
    check_slice(predictions, "A figure")
    models = list(dict.fromkeys(predictions["model"]))
    first = models[0] if model is None else model
    if rows_of_model(predictions, first)["label"].nunique() < 2:
        raise RequestError(f"All rows of the model {first!r} have one label; a figure needs both. Add the other class.")
    return models, first
