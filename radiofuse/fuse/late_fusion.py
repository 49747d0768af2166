"""Late fusion as a scikit-learn classifier: members per modality, combiners on their probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Self

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from radiofuse.errors import RequestError
from radiofuse.estimators import Classifier, Folding, Seed
from radiofuse.fuse.answers import weights_table
from radiofuse.fuse.asked_members import AsksMembers, Protocol, in_sample_answers
from radiofuse.fuse.by_pattern import Missing, by_pattern
from radiofuse.fuse.choices import build_combiners, calibrated, fit_combiner, learns, refuse_rules_for_two
from radiofuse.fuse.combiners import Combiner
from radiofuse.fuse.explains import Explains
from radiofuse.fuse.joining import Join, joined_rules
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_columns import check_columns, find_columns
from radiofuse.fuse.member_fusion import MemberFusion, in_one_thread
from radiofuse.fuse.out_of_fold import known_rows, out_of_fold_table
from radiofuse.fuse.probabilities import checked, refuse_silent
from radiofuse.fuse.subsets import list_subsets
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.tables.answers import answers_table
from radiofuse.work.shared_calls import shared_results


class LateFusion(AsksMembers, Explains, MemberFusion):
    """One classifier per modality, and rules that make one probability of theirs.

    A row in which all columns of a member are NaN lacks that modality: the member is fitted on the
    other rows, and the row is fused from the members it has, their weights renormalized. Combiners
    that learn are shown out-of-fold probabilities only, of models that saw no row of the same patient.

    Labels may be numbers or text, of two classes or more.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Members: a name and a classifier with ``predict_proba``. In a table the member owns the columns
        that begin with its name and two underscores. A member, or a step of a Pipeline, is handed
        ``groups`` if its ``fit`` takes them, so that patients stay whole in its own folds too.
    combine : str, object or list of these, default="mean"
        Keys of ``COMBINERS``, paths ``package.module:Class``, or objects with ``combine``. The first answers
        ``predict_proba``; all are fitted on the same out-of-fold probabilities. For more than two classes an own one
        must say that it knows them (``multi_class = True``).
    columns : dict of str to list or slice, optional
        Columns by member where the name does not tell, by label or position; arrays need it.
    cv : int or splitter, default=5
        Inner folds for combiners that learn; an int means stratified folds of whole patients.
    calibrate : bool, default=False
        Whether "mean", whose answers lie nearer to the middle than what held in patients its members had not seen,
        is calibrated on the out-of-fold probabilities: of two classes by slope and intercept of its log-odds, which
        leaves the order of the rows alone, of more by a temperature. Members are then fitted in the inner folds also
        where no combiner learns weights. An own combiner that learns nothing is calibrated where it has the attribute
        ``hedges = True``.
    subsets : bool, default=False
        Also answer as if only some members were there, by the first combiner for every combination of two
        members or more, called ``mean(t1+flair)``: what is said of a patient who lacks the others, by a combiner that
        learns as ``missing`` says. With "refit" there are rules for all combinations then, however many members.
    added : sequence of str, default=()
        Members, as networks, that join the answer of the others as ``join`` says.
    join : {"members", "logit", "auto"}, default="members"
        "members": as all others; "logit": their logits are added to the others' answer, with a ridge penalty toward
        adding nothing, chosen on the out-of-fold probabilities (`AddedLogits`); "auto": not at all, as members or by
        logits, whichever had the least log-loss (`ChosenJoin`).
    missing : {"renormalize", "refit", "distill"}, default="renormalize"
        How a combiner that learns answers rows that lack a modality: by its weights of the others, renormalized; with
        "refit" by weights learned anew for every pattern of presence (`ByPattern`); with "distill" by a student, for
        each pattern, of what it says of patients who have all modalities (`Distilled`).
    protocol : {"out_of_fold", "as_published"}, default="out_of_fold"
        "as_published" shows combiners what members say of their own training rows, and so trusts who overfits most.
    n_jobs : int, optional
        Members and folds fitted at once; the numbers do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Shuffles the inner folds. Members bring their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted. Of two the second is the positive class.
    subsets_ : list of Subset
        The combinations of members that are answered for, if they were asked for.
    members_ : dict of str to estimator
        Fitted on all rows that have the modality, on labels 0, 1 and so on: places in ``classes_``.
    combiners_ : dict of str to object
    weights_ : DataFrame
        Columns fusion, member, weight; the intercept as member "(intercept)". Where weights differ by class
        there is a column class before the weight, empty for a weight that holds for all.
    columns_ : dict of str to list
        Columns by member.
    out_of_fold_ : DataFrame of shape (n_samples, n_members) or (n_samples, n_members * n_classes), or None
        What the combiners learned from, and were calibrated on; None if none of them was, and as published. Of more
        than two classes the columns are pairs of member and class.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    ConstraintFusion : Fuses the selected features, in a small network.

    References
    ----------
    Wolpert (1992). Stacked generalization. Neural Networks 5(2), 241-259.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 30)
    >>> table = pd.DataFrame({"t1__a": rng.normal(size=60) + y, "t2__a": rng.normal(size=60) + 2 * y})
    >>> table.loc[3, "t1__a"] = np.nan
    >>> members = [("t1", LogisticRegression()), ("t2", LogisticRegression())]
    >>> fusion = LateFusion(members, combine=["mean", "nonnegative"], random_state=0).fit(table, y)
    >>> fusion.predict_proba_each(table).columns.to_list()
    ['t1', 't2', 'mean', 'nonnegative']
    >>> fusion.weights_.round(2).to_string(index=False).splitlines()[:3]
    ['     fusion member  weight', '       mean     t1    0.50', '       mean     t2    0.50']
    """

    _parameter_constraints: dict = {
        "estimators": [list],
        "combine": [str, list, HasMethods("combine")],
        "columns": [dict, None],
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split", "get_n_splits"])],
        "calibrate": ["boolean"],
        "subsets": ["boolean"],
        "added": ["array-like"],
        "join": [StrOptions({"members", "logit", "auto"})],
        "missing": [StrOptions({"renormalize", "refit", "distill"})],
        "protocol": [StrOptions({"out_of_fold", "as_published"})],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Classifier]],
        *,
        combine: str | Combiner | Sequence[str | Combiner] = "mean",
        columns: Mapping[str, list | slice] | None = None,
        cv: Folding = 5,
        calibrate: bool = False,
        subsets: bool = False,
        added: Sequence[str] = (),
        join: Join = "members",
        missing: Missing = "renormalize",
        protocol: Protocol = "out_of_fold",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimators = estimators
        self.combine = combine
        self.columns = columns
        self.cv = cv
        self.calibrate = calibrate
        self.subsets = subsets
        self.added = added
        self.join = join
        self.missing = missing
        self.protocol = protocol
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the members, and the combiners that learn.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A block of NaN in a row means that the modality is absent.
        y : array-like of shape (n_samples,)
            Two classes or more.
        groups : array-like of shape (n_samples,), optional
            The patient of each row; rows of one patient stay in one inner fold. Default: one row each.
            ``GridSearchCV`` and ``cross_validate`` hand them on under scikit-learn's metadata routing only:
            call ``sklearn.set_config(enable_metadata_routing=True)`` first; a combiner that learns refuses else.

        Returns
        -------
        self

        Raises
        ------
        RequestError
            If members, columns or combiners do not fit together, or there are more classes than a combiner knows.
        CohortError
            If a row has no modality at all, a member no row of some class, or a class too few patients for the
            inner folds.
        """
        table, target, groups = self._learned_from(X, y, groups)
        refuse_silent(self.estimators)
        self.columns_ = find_columns(table, [name for name, _ in self.estimators], self.columns)
        rules = build_combiners(self.combine, taken=self.columns_)
        refuse_rules_for_two(rules, len(self.classes_))
        rules = calibrated(rules) if self.calibrate else rules
        rules = joined_rules(rules, list(self.columns_), self.added, self.join)
        self.combiners_ = by_pattern(rules, self.missing, every=self.subsets)
        members = self._members(table, dict(self.estimators))
        calls = [delayed(in_one_thread)(member.fit, target, groups) for member in members]
        names, keys = [f"member {name}" for name in self.columns_], lambda: [m.key(target, groups) for m in members]
        fitted = shared_results(calls, names, keys, n_jobs=self.n_jobs)
        self.members_ = dict(zip(self.columns_, fitted, strict=True))
        self._fit_combiners(members, target, groups)
        self.weights_ = weights_table(self.combiners_, list(self.columns_), self.classes_)
        return self

    def _makes_folds(self) -> bool:
        try:
            combiners = build_combiners(self.combine, taken=())
        except RequestError:  # fit says what is wrong
            return False
        joins = self.join != "members" and len(self.added) > 0
        return joins or any(learns(combiner, calibrate=self.calibrate) for combiner in combiners.values())

    def _fit_combiners(self, members: list[Member], y: np.ndarray, groups: np.ndarray | None) -> None:
        learners = [combiner for combiner in self.combiners_.values() if learns(combiner)]
        self.out_of_fold_ = None
        shown = self._shown_to_combiners(members, y, groups) if learners else ()
        for combiner in learners:
            fit_combiner(combiner, *shown)
        self.subsets_ = list_subsets(next(iter(self.combiners_)), list(self.columns_)) if self.subsets else []

    def _shown_to_combiners(self, members: list[Member], y: np.ndarray, groups: np.ndarray | None) -> tuple:
        """Return the answers that combiners learn from, and the labels and patients of these rows."""
        if self.protocol == "as_published":
            return in_sample_answers(members, y, groups), y, groups
        folds = inner_folds(self.cv, y, groups, self.random_state, classes=self.classes_)
        self.out_of_fold_ = out_of_fold_table(members, folds, y, groups, n_jobs=self.n_jobs)
        P, known = self._by_member(self.out_of_fold_), known_rows(self.out_of_fold_, y, self.classes_)
        return P[known], y[known], None if groups is None else groups[known]

    def predict_proba_each(self, X: ArrayLike) -> pd.DataFrame:
        """Return the probabilities by every member and every combiner.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A table may have its columns in any order, and others besides.

        Returns
        -------
        DataFrame of shape (n_samples, n_members + n_combiners)
            Of the positive class, indexed as ``X``; NaN where a member's modality is absent. Of more than two
            classes the columns are pairs of answer and class, in the order of ``classes_``.

        Raises
        ------
        RequestError
            If the table lacks columns; the message shows the difference. If a member or a combiner answers
            something else than one probability per row, or per row and class.
        CohortError
            If a row has no modality at all.
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        check_columns(table, self.columns_)
        members = self._members(table, self.members_)
        answers = {member.name: in_one_thread(member.probability) for member in members}
        P = self._by_member(answers_table(answers, table.index, self.classes_))
        for name, combiner in self.combiners_.items():
            answers[name] = checked(combiner.combine(P), len(P), len(self.classes_), f"Combiner {name!r}")
        for subset in self.subsets_:
            answers[subset.name] = subset.answer(next(iter(self.combiners_.values())), P, len(self.classes_))
        return answers_table(answers, table.index, self.classes_)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class by the first combiner.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        each = self.predict_proba_each(X)
        probability = each[next(iter(self.combiners_))].to_numpy()
        return np.column_stack([1 - probability, probability]) if probability.ndim == 1 else probability
