"""Efron and Tibshirani's .632 and .632+ bootstrap of a whole pipeline, by the patients each resample left out."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.evaluate.refits import Refits, refit_on_resamples
from radiofuse.progress import Progress
from radiofuse.statistics.metrics import auc
from radiofuse.statistics.multiclass_metrics import areas_against_rest
from radiofuse.work.kept import Kept

SHARE_IN_BAG = 0.632  # 1 - 1/e: the chance that a patient is in a resample


class Bootstrap632(NamedTuple):
    """A score between that of the training patients and that of patients left out."""

    value: float
    apparent: float  # trained and scored on all patients
    out_of_bag: float  # of the models of resamples, on the patients they left out
    no_information: float  # what the model's answers would score if they had nothing to do with the labels
    weight: float  # of out_of_bag in the value: .632, or up to 1 for the .632+ of a model that overfits; see Notes

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {
        "model": [HasMethods(["fit", "predict_proba"])],
        "X": ["array-like"],
        "y": ["array-like"],
        "groups": ["array-like", None],
        "metric": [StrOptions({"auc", "accuracy", "brier"})],
        "plus": ["boolean"],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "indices": ["array-like", None],
        "n_jobs": [Integral, None],
        "on_done": [callable, None],
        "kept": [Kept, None],
    },
    prefer_skip_nested_validation=True,
)
def bootstrap_632(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    metric: str = "auc",
    plus: bool = True,
    n_resamples: int = 200,
    random_state: int | np.random.RandomState | None = None,
    indices: ArrayLike | None = None,
    n_jobs: int | None = None,
    on_done: Progress | None = None,
    kept: Kept | None = None,
) -> Bootstrap632:
    """Estimate how a model scores on new patients, by refitting all of it on resamples of the patients.

    Parameters
    ----------
    model, X, y, groups, n_resamples, random_state, indices, n_jobs, on_done, kept
        As in `optimism_corrected`.
    metric : {"auc", "accuracy", "brier"}, default="auc"
        Accuracy calls a row positive from probability .5 on, of several classes the most probable one; 1 - accuracy
        is the error rate. The AUC of several classes is the mean of each against the rest; their Brier score is
        summed over the classes.
    plus : bool, default=True
        The .632+ estimate, which trusts the training patients the less the more the model overfits; otherwise .632.

    Returns
    -------
    Bootstrap632
        Accuracy and Brier score out of bag are means over rows of the mean over the resamples that left the row
        out (Efron's leave-one-out bootstrap); the AUC, which is of pairs, is the mean over the resamples of the
        AUC among the patients left out, where all labels are.

    Raises
    ------
    RequestError
        Labels that are no classes, fewer than two patients of a label, unusable indices, or so few resamples that a
        row was never left out.

    See Also
    --------
    optimism_corrected : Subtracts the optimism of refits.
    cross_validated_predictions : Predictions of patients that no model saw.

    Notes
    -----
    The .632+ of a loss is ``.632 + (least(out_of_bag, no_information) - apparent) * .368 * .632 R / (1 - .368 R)``
    [1]_, where R, the relative overfitting, is taken of the same lesser value, so that it lies in 0 to 1, and is 0
    if that is no more than the apparent loss. Out of bag a model may do worse than without information: the plain
    .632 in the sum holds the loss as it is, so that the estimate may do worse than without information as well.
    (``bootest`` of R's ipred takes R of the loss as it is: beyond 1, and the estimate beyond out of bag.) Of the
    AUC [2]_ one below .5 counts as .5 throughout, and ``weight`` is that of .5.

    References
    ----------
    .. [1] Efron and Tibshirani 1997, J Am Stat Assoc 92:548-560, eq. 17, 24 and 27 to 32.
    .. [2] Sahiner, Chan and Hadjiiski 2008, Med Phys 35:1559-1570.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = make_classification(60, n_features=8, n_informative=2, flip_y=0.3, random_state=0)
    >>> found = bootstrap_632(DecisionTreeClassifier(random_state=0), X, y, n_resamples=20, random_state=0)
    >>> found.apparent, found.out_of_bag < found.value < 0.8, found.no_information
    (1.0, True, 0.5)
    """
    drawn: dict[str, Any] = {"n_resamples": n_resamples, "random_state": random_state, "indices": indices}
    refits = refit_on_resamples(model, X, y, groups, **drawn, n_jobs=n_jobs, on_done=on_done, kept=kept)
    apparent, out_of_bag, chance = losses = _pair_losses(refits) if metric == "auc" else _row_losses(refits, metric)
    trusted = min(out_of_bag, chance) if metric == "auc" and plus else out_of_bag
    loss, weight = _combined(apparent, trusted, chance, plus=plus)
    value, seen, unseen, none = (float(1 - one if metric != "brier" else one) for one in (loss, *losses))
    return Bootstrap632(value, seen, unseen, none, weight)


def _combined(apparent: float, out_of_bag: float, no_information: float, *, plus: bool) -> tuple[float, float]:
    """Return the estimate of a loss and the weight of the rows left out."""
    weight, worst = SHARE_IN_BAG, min(out_of_bag, no_information)
    if plus and worst > apparent:
        overfit = (worst - apparent) / (no_information - apparent)
        more = SHARE_IN_BAG / (1 - (1 - SHARE_IN_BAG) * overfit) - SHARE_IN_BAG
        weight += more * (worst - apparent) / (out_of_bag - apparent)
    return (1 - weight) * apparent + weight * out_of_bag, weight


def _pair_losses(refits: Refits) -> tuple[float, float, float]:
    """Return 1 - AUC: apparent, out of bag, and without information."""
    areas = [
        _auc(refits.label[times == 0], probability[times == 0])
        for probability, times in zip(np.moveaxis(refits.resampled, 1, 0), refits.counts.T, strict=True)
    ]
    existing = [area for area in areas if not np.isnan(area)]
    if not existing:
        raise RequestError("No resample left out patients of all labels; ask for more resamples.")
    return float(1 - _auc(refits.label, refits.apparent)), float(1 - np.mean(existing)), 0.5


def _row_losses(refits: Refits, metric: str) -> tuple[float, float, float]:
    """Return the mean loss of the rows: apparent, out of bag, and of every answer with every label."""
    left_out = refits.counts == 0
    never = int((~left_out.any(axis=1)).sum())
    if never:
        raise RequestError(
            f"{never} of {len(left_out)} rows are in all {left_out.shape[1]} resamples; ask for more resamples."
        )
    loss = partial(_squared if metric == "brier" else _wrong, several=refits.apparent.ndim == 2)
    losses = loss(refits.label[:, None], refits.resampled)
    out_of_bag = np.mean((losses * left_out).sum(axis=1) / left_out.sum(axis=1))
    no_information = np.mean(sum(share * loss(np.array(k), refits.apparent) for k, share in _shares(refits.label)))
    return float(np.mean(loss(refits.label, refits.apparent))), float(out_of_bag), float(no_information)


def _shares(label: np.ndarray) -> list[tuple[int, float]]:
    """Return the labels, from the last to the first, with the share of each."""
    share = label.mean()
    shares = [1 - share, share] if label.max() == 1 else np.bincount(label) / len(label)
    return list(enumerate(shares))[::-1]


def _auc(label: np.ndarray, probability: np.ndarray) -> float:
    if probability.ndim == 1:
        return float(auc(label, probability))
    return areas_against_rest(label, probability, np.ones((len(label), 1)))[None, "auc"].item()


def _squared(label: np.ndarray, probability: np.ndarray, several: bool) -> np.ndarray:
    if several:
        of_class = label[..., None] == np.arange(probability.shape[-1])
        return ((of_class - probability) ** 2).sum(axis=-1)
    return (label - probability) ** 2


def _wrong(label: np.ndarray, probability: np.ndarray, several: bool) -> np.ndarray:
    call = probability.argmax(axis=-1) if several else probability >= 0.5
    return (call != label).astype(float)
