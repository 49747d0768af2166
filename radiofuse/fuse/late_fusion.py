"""Late fusion as a scikit-learn classifier: members per modality, combiners on their probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Self

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import _fit_context, clone
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from radiofuse.errors import RequestError
from radiofuse.estimators import Classifier, Findings, Folding, Seed
from radiofuse.fuse.combiners import Combiner, build_combiners, weights_table
from radiofuse.fuse.member import Member
from radiofuse.fuse.member_columns import check_columns, find_columns
from radiofuse.fuse.member_fusion import MemberFusion, in_one_thread
from radiofuse.fuse.probabilities import checked
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.work.jobs import results_in_order


class LateFusion(MemberFusion):
    """One classifier per modality, and rules that make one probability of theirs.

    A row in which all columns of a member are NaN lacks that modality: the member is fitted on the
    other rows, and the row is fused from the members it has, their weights renormalized. Combiners
    that learn are shown out-of-fold probabilities only, of models that saw no row of the same patient.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Members: a name and a classifier with ``predict_proba``. In a table the member owns the columns
        that begin with its name and two underscores. A member, or a step of a Pipeline, is handed
        ``groups`` if its ``fit`` takes them, so that patients stay whole in its own folds too.
    combine : str, object or list of these, default="mean"
        Keys of ``COMBINERS`` (mean, vote, regression, linear_regression, nonnegative), paths
        ``package.module:Class``, or objects with ``combine``. The first answers ``predict_proba``;
        all are fitted on the same out-of-fold probabilities.
    columns : dict of str to list or slice, optional
        Columns by member where the name does not tell, by label or position; arrays need it.
    cv : int or splitter, default=5
        Inner folds for combiners that learn; an int means stratified folds of whole patients.
    n_jobs : int, optional
        Members and folds fitted at once; the numbers do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Shuffles the inner folds. Members bring their own.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The second is the positive class.
    members_ : dict of str to estimator
        Fitted on all rows that have the modality, on labels 0 and 1.
    combiners_ : dict of str to object
    weights_ : DataFrame
        Columns fusion, member, weight; the intercept as member "(intercept)".
    columns_ : dict of str to list
        Columns by member.
    out_of_fold_ : DataFrame of shape (n_samples, n_members) or None
        What the combiners learned from; None if none of them learns.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Combiners that learned from in-sample probabilities would trust the member that overfits most.

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
        n_jobs: int | None = None,
        random_state: Seed = None,
    ) -> None:
        self.estimators = estimators
        self.combine = combine
        self.columns = columns
        self.cv = cv
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
            Two classes.
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
            If members, columns or combiners do not fit together.
        CohortError
            If a row has no modality at all, or a member too few rows to be fitted.
        """
        refuse_misaligned(X, y=y, groups=groups)
        target = self._encode(y)
        table = self._table(X, reset=True)
        check_consistent_length(table, target, groups)
        self._check_members()
        self.columns_ = find_columns(table, [name for name, _ in self.estimators], self.columns)
        self.combiners_ = build_combiners(self.combine, taken=self.columns_)
        groups = None if groups is None else np.asarray(groups)
        members = self._members(table, dict(self.estimators))
        calls = [delayed(in_one_thread)(member.fit, target, groups) for member in members]
        fitted = results_in_order(calls, [f"member {name}" for name in self.columns_], n_jobs=self.n_jobs)
        self.members_ = dict(zip(self.columns_, fitted, strict=True))
        self._fit_combiners(members, target, groups)
        self.weights_ = weights_table(self.combiners_, list(self.columns_))
        return self

    def _makes_folds(self) -> bool:
        try:
            combiners = build_combiners(self.combine, taken=())
        except RequestError:  # fit says what is wrong
            return False
        return any(hasattr(combiner, "fit") for combiner in combiners.values())

    def _check_members(self) -> None:
        self._check_names()
        for name, estimator in self.estimators:
            if not hasattr(estimator, "predict_proba"):
                raise RequestError(
                    f"Member {name!r} ({type(estimator).__name__}) has no predict_proba, which a fusion needs. "
                    f"Choose another classifier or wrap it in CalibratedClassifierCV."
                )

    def _fit_combiners(self, members: list[Member], y: np.ndarray, groups: np.ndarray | None) -> None:
        learners = [combiner for combiner in self.combiners_.values() if hasattr(combiner, "fit")]
        self.out_of_fold_ = self._out_of_fold(members, y, groups) if learners else None
        for combiner in learners:
            P = self.out_of_fold_.to_numpy()
            known = ~np.isnan(P).all(axis=1)  # a row's only member may have gone without its inner fold
            combiner.fit(P[known], y[known])

    def _out_of_fold(self, members: list[Member], y: np.ndarray, groups: np.ndarray | None) -> pd.DataFrame:
        folds = inner_folds(self.cv, y, groups, self.random_state)
        tasks = [(member, train, test) for member in members for train, test in folds]
        calls = [delayed(in_one_thread)(member.out_of_fold, train, test, y, groups) for member, train, test in tasks]
        parts = results_in_order(calls, [f"an inner fold of {member.name}" for member, *_ in tasks], n_jobs=self.n_jobs)
        names = [member.name for member in members]
        table = pd.DataFrame(np.nan, index=members[0].block.index, columns=names)
        for (member, _, test), part in zip(tasks, parts, strict=True):
            table.iloc[test, names.index(member.name)] = part
        return table

    def predict_proba_each(self, X: ArrayLike) -> pd.DataFrame:
        """Return the positive class's probability by every member and every combiner.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)
            A table may have its columns in any order, and others besides.

        Returns
        -------
        DataFrame of shape (n_samples, n_members + n_combiners)
            Indexed as ``X``; NaN where a member's modality is absent.

        Raises
        ------
        RequestError
            If the table lacks columns; the message shows the difference. If a member or a combiner answers
            something else than one probability per row.
        CohortError
            If a row has no modality at all.
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        check_columns(table, self.columns_)
        members = self._members(table, self.members_)
        answers = {member.name: in_one_thread(member.probability) for member in members}
        each = pd.DataFrame(answers, index=table.index)
        P = each.to_numpy()
        combined = {name: combiner.combine(P) for name, combiner in self.combiners_.items()}
        return each.assign(**{name: checked(answer, len(P), f"Combiner {name!r}") for name, answer in combined.items()})

    def findings(self) -> Findings:
        """Return what folds should record: the members' columns and chains, and the weights of the combiners.

        Returns
        -------
        Findings
            A member that is no chain of steps, as an encoder that classifies, is not among the chains.
        """
        check_is_fitted(self)
        chains = {name: member for name, member in self.members_.items() if isinstance(member, Pipeline)}
        return Findings(self.columns_, chains, self.weights_)

    def in_sample_weights(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> pd.DataFrame:
        """Return the weights that combiners would have, had they been shown in-sample probabilities.

        Parameters
        ----------
        X, y, groups
            The rows that the fusion was fitted on.

        Returns
        -------
        DataFrame
            Columns as of ``weights_``, the combiners that learn only. No model answers by these weights.

        Raises
        ------
        CohortError
            If a member, as an encoder that classifies, refuses the rows it was fitted on.
        """
        check_is_fitted(self)
        target = (np.asarray(y) == self.classes_[1]).astype(int)
        groups = None if groups is None else np.asarray(groups)
        members = self._members(self._table(X, reset=False), self.members_)
        P = np.column_stack([in_one_thread(member.in_sample, target, groups) for member in members])
        learners = {name: combiner for name, combiner in self.combiners_.items() if hasattr(combiner, "fit")}
        shown = {name: clone(combiner, safe=False).fit(P, target) for name, combiner in learners.items()}
        return weights_table(shown, list(self.columns_))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of both classes by the first combiner.

        Parameters
        ----------
        X : DataFrame or array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Columns in the order of ``classes_``.
        """
        each = self.predict_proba_each(X)
        probability = each[next(iter(self.combiners_))].to_numpy()
        return np.column_stack([1 - probability, probability])
