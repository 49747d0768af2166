"""How the answers of networks join the answer of the other members, so that they do not harm it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal

import numpy as np
from scipy.special import softmax

from radiofuse.errors import RequestError
from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.combiners import Mean
from radiofuse.fuse.contributions import contributions
from radiofuse.fuse.cross_fitted import cross_fitted, folds_of_combiner, log_by_class, log_loss
from radiofuse.fuse.offset_ridge import PENALTIES, choose_penalty, fit_offset_ridge
from radiofuse.names import did_you_mean

Join = Literal["members", "logit", "auto"]


class AddedLogits:
    """The answer of the other members, and the logits of some added to it as far as they are worth it.

    log P(class k) = log-probability of the others' answer + sum_m w_m z_mk + constant, z_mk the log-probability of
    an added member, less its mean over the classes and over the training rows, in units of their spread. A ridge
    penalty draws the weights to 0, where the answer is that of the others alone; its strength, infinity among its
    values, is the one with the least log-loss in folds inside the rows that are learned from. An added member that
    is absent adds nothing; a row with added members alone is answered by their mean. Weights may be negative.

    The others' answer that the logits are added to is out of fold too where the rule learns; to choose the penalty, the
    answers of a fold's training rows are by rules that learned from the fold's other rows as well.

    Parameters
    ----------
    rule : Combiner
        That of the other members, calibrated where that was asked for.
    added : tuple of int
        Places of the members that are added.
    penalties : sequence of float
        Largest first; none: nothing is added.

    Attributes
    ----------
    penalty_ : float
        Infinity where nothing is added.
    added_weights_ : ndarray of shape (n_added,)
    weights_ : ndarray of shape (n_members,) or (n_members, n_classes)
        The rule's weights of its members, equal ones where it learns none, and those of the added logits, each in
        units of its spread: of other units, so that the two kinds are not to be compared.

    References
    ----------
    Wolpert (1992). Stacked generalization. Neural Networks 5, 241-259.
    le Cessie, van Houwelingen (1992). Ridge estimators in logistic regression. Applied Statistics 41, 191-201.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> rng, y = np.random.default_rng(0), np.tile([0, 1], 30)
    >>> told = 0.5 + 0.3 * (y - 0.5) + rng.uniform(-0.2, 0.2, 60)
    >>> P = np.column_stack([told, rng.uniform(0.2, 0.8, 60)])  # the second knows nothing
    >>> rule = AddedLogits(Mean(), (1,)).fit(P, y, None)
    >>> rule.penalty_, bool((rule.combine(P) == P[:, 0]).all())
    (inf, True)
    """

    takes_groups = True
    multi_class = True

    def __init__(self, rule: Any, added: tuple[int, ...], penalties: Sequence[float] = PENALTIES) -> None:
        self.rule = rule
        self.added = added
        self.penalties = penalties

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        added = ", logits of networks added with a ridge penalty" if len(self.penalties) else ""
        return f"{_title(self.rule)}{added}"

    def fit(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> AddedLogits:
        """Learn from out-of-fold probabilities ``P``, labels 0 to K - 1 and the patient of each row."""
        usable = ~_absent(np.delete(P, self.added, axis=1)).all(axis=1)
        P, y, groups = P[usable], y[usable], None if groups is None else groups[usable]
        others = np.delete(P, self.added, axis=1)
        if learns(self.rule):
            fit_combiner(self.rule, others, y, groups)
        self.mean_, self.spread_ = _measured(_log_ratios(P[:, list(self.added)]))
        self._fit_weights(P, others, y, groups)
        return self

    def _fit_weights(self, P: np.ndarray, others: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> None:
        folds = folds_of_combiner(y, groups) if len(self.penalties) else []
        self.penalty_, self.added_weights_ = np.inf, np.zeros(len(self.added))
        if len(folds):
            offset, inputs = log_by_class(cross_fitted(self.rule, others, y, groups, folds)), self._inputs(P)
            self.penalty_ = choose_penalty(offset, inputs, y, folds, self.penalties)
            self.added_weights_ = fit_offset_ridge(offset, inputs, y, self.penalty_)
        own = np.asarray(getattr(self.rule, "weights_", np.full(others.shape[1], 1 / others.shape[1])))
        self.weights_ = np.zeros((P.shape[1], *own.shape[1:]))
        self.weights_[np.setdiff1d(np.arange(P.shape[1]), self.added)] = own
        self.weights_[list(self.added)] = self.added_weights_.reshape(-1, *[1] * (own.ndim - 1))

    def _inputs(self, P: np.ndarray) -> np.ndarray:
        """Return what may be added, (n_samples, n_added, n_classes): 0 of an absent member."""
        return np.nan_to_num((_log_ratios(P[:, list(self.added)]) - self.mean_) / self.spread_[:, None])

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        others, added = np.delete(P, self.added, axis=1), P[:, list(self.added)]
        known = ~_absent(others).all(axis=1)
        answer = np.empty((len(P), *P.shape[2:]))
        answer[~known] = np.nanmean(added[~known], axis=1)
        if known.any():
            answer[known] = self._with_added(self.rule.combine(others[known]), P[known])
        return answer

    def _with_added(self, told: np.ndarray, P: np.ndarray) -> np.ndarray:
        if not self.added_weights_.any():
            return told
        scores = log_by_class(told) + np.einsum("nmk,m->nk", self._inputs(P), self.added_weights_)
        answer = softmax(scores, axis=1)
        return answer[:, 1] if told.ndim == 1 else answer

    def own_contributions(self, P: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return what each member adds and what there is without them, as `contributions` does; None to leave it to it.

        The others' contributions are those to their own answer, and a network's is its weighted logit. Of more than
        two classes the added logits are divided among the classes by a softmax, so that nothing simply adds up.
        """
        if P.ndim == 3 and self.added_weights_.any():
            return None
        others, added = np.delete(P, self.added, axis=1), np.array(self.added, dtype=int)
        known = ~_absent(others).all(axis=1)
        parts, base = np.zeros(P.shape), np.zeros((len(P), *P.shape[2:]))
        places = np.setdiff1d(np.arange(P.shape[1]), self.added)
        if known.any():
            parts[np.ix_(known, places)], base[known] = contributions(self.rule, others[known])
            if self.added_weights_.any():
                inputs = self._inputs(P[known])
                parts[np.ix_(known, added)] = self.added_weights_ * (inputs[:, :, 1] - inputs[:, :, 0])
        if not known.all():
            parts[np.ix_(~known, added)], base[~known] = contributions(Mean(), P[~known][:, added])
        return parts, base

    def of_places(self, places: Sequence[int]) -> Any:
        """Return an unfitted combiner for some of the members alone."""
        return joined_rule(self.rule, _among(self.added, places), len(places), "logit")


class ChosenJoin:
    """The others alone, networks as further members, or their logits added: whichever had the least log-loss.

    Each is held against out-of-fold answers of the members, one that learns also against its own: on rows of other
    folds. Of equal ones the first is taken: the others alone.

    Parameters
    ----------
    rule : Combiner
        That of the members, calibrated where that was asked for.
    added : tuple of int
        Places of the networks among the members.

    Attributes
    ----------
    chosen_ : str
        "alone", "members" or "logit".
    losses_ : dict of str to float
        Log-loss of each.
    combiner_ : Combiner
        The chosen one, fitted to all rows.
    weights_ : ndarray of shape (n_members,) or (n_members, n_classes)

    References
    ----------
    van der Laan, Polley, Hubbard (2007). Super learner. Statistical Applications in Genetics and Molecular Biology 6,
    25: the discrete super learner takes the candidate with the least cross-validated loss.

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> rng, y = np.random.default_rng(0), np.tile([0, 1], 30)
    >>> told = 0.5 + 0.3 * (y - 0.5) + rng.uniform(-0.2, 0.2, 60)
    >>> P = np.column_stack([told, rng.uniform(0.2, 0.8, 60)])  # the second knows nothing
    >>> ChosenJoin(Mean(), (1,)).fit(P, y, None).chosen_
    'alone'
    """

    takes_groups = True
    multi_class = True

    def __init__(self, rule: Any, added: tuple[int, ...]) -> None:
        self.rule = rule
        self.added = added

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return f"{_title(self.rule)}, networks joined as their log-loss says"

    def fit(self, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> ChosenJoin:
        """Learn from out-of-fold probabilities ``P``, labels 0 to K - 1 and the patient of each row."""
        folds = folds_of_combiner(y, groups)
        candidates = {
            "alone": AddedLogits(self.rule, self.added, ()),
            "members": deepcopy(self.rule),
            "logit": AddedLogits(deepcopy(self.rule), self.added),
        }
        tried = candidates if len(folds) else {}
        self.losses_ = {name: log_loss(cross_fitted(rule, P, y, groups, folds), y) for name, rule in tried.items()}
        self.chosen_ = min(self.losses_, key=self.losses_.__getitem__, default="alone")
        self.combiner_ = candidates[self.chosen_]
        if learns(self.combiner_):
            fit_combiner(self.combiner_, P, y, groups)
        self.weights_ = getattr(self.combiner_, "weights_", np.full(P.shape[1], 1 / P.shape[1]))
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        return self.combiner_.combine(P)

    def own_contributions(self, P: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the contributions to the answer of the chosen combiner."""
        return contributions(self.combiner_, P)

    def of_places(self, places: Sequence[int]) -> Any:
        """Return an unfitted combiner for some of the members alone."""
        return joined_rule(self.rule, _among(self.added, places), len(places), "auto")


def joined_rule(rule: Any, added: tuple[int, ...], n_members: int, join: Join) -> Any:
    """Return a combiner of all members that lets some join as asked.

    The rule itself where there are no others, or where it answers by one member alone: networks are among them.

    Parameters
    ----------
    rule : Combiner
        Unfitted.
    added : tuple of int
        Places of those that join.
    n_members : int
    join : {"members", "logit", "auto"}

    Examples
    --------
    >>> from radiofuse.fuse.combiners import Mean
    >>> type(joined_rule(Mean(), (1,), 2, "logit")).__name__, type(joined_rule(Mean(), (0, 1), 2, "logit")).__name__
    ('AddedLogits', 'Mean')
    """
    if join == "members" or len(added) in (0, n_members) or getattr(rule, "of_one_member", False):
        return rule
    return AddedLogits(rule, added) if join == "logit" else ChosenJoin(rule, added)


def joined_rules(combiners: Mapping[str, Any], members: Sequence[str], added: Sequence[str], join: Join) -> dict:
    """Return each of several combiners with the added members joined as asked.

    >>> from radiofuse.fuse.combiners import Mean
    >>> joined_rules({"mean": Mean()}, ["t1", "t1deep"], ["t1deep"], "auto")["mean"].added
    (1,)
    """
    strange = [name for name in added if name not in members]
    if strange and join != "members":
        meant = did_you_mean(strange[0], members) or f" Choose from {', '.join(members)}."
        raise RequestError(f"added names {strange[0]!r}, which is no member of the fusion.{meant}")
    places = tuple(place for place, name in enumerate(members) if name in added)
    return {name: joined_rule(combiner, places, len(members), join) for name, combiner in combiners.items()}


def _among(added: Sequence[int], places: Sequence[int]) -> tuple[int, ...]:
    return tuple(number for number, place in enumerate(places) if place in added)


def _absent(P: np.ndarray) -> np.ndarray:
    """Say which members each row lacks, (n_samples, n_members)."""
    return np.isnan(P) if P.ndim == 2 else np.isnan(P).any(axis=2)


def _log_ratios(P: np.ndarray) -> np.ndarray:
    """Return each member's log-probabilities less their mean over the classes, (n_samples, n_members, n_classes)."""
    logs = log_by_class(P.reshape(-1) if P.ndim == 2 else P).reshape(*P.shape[:2], -1)
    return logs - logs.mean(axis=2, keepdims=True)


def _measured(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means, (n_members, n_classes), and spreads, (n_members,), over the rows that have a member; 1 for none."""
    known = ~np.isnan(logits)
    n_known = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, logits, 0).sum(axis=0) / n_known
    variance = (np.where(known, logits - mean, 0) ** 2).sum(axis=0) / n_known
    spread = np.sqrt(variance.mean(axis=1))
    return mean, np.where(spread > 0, spread, 1)


def _title(rule: Any) -> str:
    return getattr(rule, "title", type(rule).__name__)
