"""The built-in combiners by name, and those that a fusion was asked for."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from radiofuse.errors import RequestError
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.combiners import Combiner
from radiofuse.names import make

COMBINERS = {
    "mean": "radiofuse.fuse.combiners:Mean",
    "vote": "radiofuse.fuse.combiners:Vote",
    "regression": "radiofuse.fuse.combiners:Regression",
    "linear_regression": "radiofuse.fuse.combiners:LinearRegression",
    "nonnegative": "radiofuse.fuse.combiners:Nonnegative",
    "ridge_mean": "radiofuse.fuse.ridge_mean:RidgeMean",
    "logit_mean": "radiofuse.fuse.classical_rules:LogitMean",
    "vote_prior": "radiofuse.fuse.vote_ties:VoteByPrior",
    "vote_abstain": "radiofuse.fuse.vote_ties:VoteOrAbstain",
    "best": "radiofuse.fuse.weighted_means:BestMember",
    "auc_weighted": "radiofuse.fuse.weighted_means:AucWeighted",
    "rank_average": "radiofuse.fuse.rank_average:RankAverage",
    "product": "radiofuse.fuse.classical_rules:Product",
    "maximum": "radiofuse.fuse.classical_rules:Maximum",
    "minimum": "radiofuse.fuse.classical_rules:Minimum",
    "confidence": "radiofuse.fuse.classical_rules:Confidence",
    "decision_templates": "radiofuse.fuse.decision_templates:DecisionTemplates",
    "dempster_shafer": "radiofuse.fuse.decision_templates:DempsterShafer",
    "stacking": "radiofuse.fuse.stacking:Stacking",
    "bayesian_average": "radiofuse.fuse.weighted_means:BayesianAverage",
    "greedy_selection": "radiofuse.fuse.weighted_means:GreedySelection",
}


def combiner_name(entry: str | Combiner) -> str:
    """Return what a combiner is called in tables: its key, or its class's name.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> combiner_name("mean"), combiner_name("package.module:LogitMean"), combiner_name(Mean())
    ('mean', 'LogitMean', 'Mean')
    """
    return entry.rpartition(":")[2] if isinstance(entry, str) else type(entry).__name__


def build_combiners(combine: Any, *, taken: Container[str]) -> dict[str, Any]:
    """Return unfitted combiners by the name they have in tables.

    Parameters
    ----------
    combine : str, object or list of these
        Keys of ``COMBINERS``, paths, or objects, which are cloned.
    taken : container of str
        Names that the answer has already.

    Raises
    ------
    RequestError
        If there is none, or a name is unknown, taken or comes twice.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Vote
    >>> list(build_combiners(["mean", Vote()], taken=["t1"]))
    ['mean', 'Vote']
    """
    combiners: dict[str, Any] = {}
    for entry in combine if isinstance(combine, list) else [combine]:
        name, named = combiner_name(entry), isinstance(entry, str)
        combiner = make(entry, COMBINERS, "combiner") if named else clone(entry, safe=False)
        if name in combiners or name in taken:
            raise RequestError(f"Two columns of the answer would be called {name!r}: rename the member or combiner.")
        combiners[name] = combiner
    if not combiners:
        raise RequestError(f"combine is empty; choose from {', '.join(COMBINERS)}.")
    return combiners


def learns(combiner: Any, *, calibrate: bool = False) -> bool:
    """Say whether a combiner, or a class of them, is to be shown out-of-fold probabilities.

    Parameters
    ----------
    combiner : Combiner
    calibrate : bool, default=False
        Whether rules that hedge are calibrated, which learns too.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean, Regression
    >>> learns(Regression), learns(Mean()), learns(Mean(), calibrate=True)
    (True, False, True)
    """
    return hasattr(combiner, "fit") or (calibrate and getattr(combiner, "hedges", False))


def fit_combiner(combiner: Any, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> Any:
    """Fit a combiner that learns; one that chooses something in folds of its own is told each row's patient.

    Parameters
    ----------
    combiner : Combiner
        With ``fit(P, y)``, or ``fit(P, y, groups)`` where it has the attribute ``takes_groups = True``.
    P : ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
        Out-of-fold probabilities.
    y : ndarray of shape (n_samples,)
        Labels 0, 1 and so on.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.

    Returns
    -------
    combiner
        The same one.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Nonnegative
    >>> P = np.array([[0.1, 0.5], [0.2, 0.5], [0.9, 0.5]])
    >>> fit_combiner(Nonnegative(), P, np.array([0, 0, 1]), None).weights_
    array([1., 0.])
    """
    if getattr(combiner, "takes_groups", False):
        combiner.fit(P, y, groups)
    else:
        combiner.fit(P, y)
    return combiner


def calibrated(combiners: Mapping[str, Any]) -> dict[str, Any]:
    """Return the combiners with those calibrated that learn nothing and hedge."""
    return {
        name: Calibrated(combiner) if learns(combiner, calibrate=True) and not learns(combiner) else combiner
        for name, combiner in combiners.items()
    }


def rule_of(combiner: Any) -> Any:
    """Return a combiner without its calibration and its copies by pattern: the one that has the weights."""
    rule = combiner.rule if getattr(combiner, "by_pattern", False) else combiner
    return rule.rule if isinstance(rule, Calibrated) else rule


def refuse_rules_for_two(combiners: Mapping[str, Any], n_classes: int) -> None:
    """Refuse a combiner that does not say that it knows more than two classes where there are more.

    Raises
    ------
    RequestError

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> refuse_rules_for_two({"mean": Mean()}, 3)
    """
    ignorant = [name for name, combiner in combiners.items() if not getattr(combiner, "multi_class", False)]
    if n_classes > 2 and ignorant:
        raise RequestError(
            f"Combiner {ignorant[0]!r} knows two classes, and y holds {n_classes}. Choose from "
            f"{', '.join(COMBINERS)}; or teach it probabilities of shape (n_samples, n_members, n_classes) and "
            "say so by the attribute multi_class = True."
        )
