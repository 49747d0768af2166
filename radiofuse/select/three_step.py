"""The published chain as one transformer: Mann-Whitney, then Pearson, then LASSO."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from radiofuse.select.binary import binary_target_tags, require_binary_target
from radiofuse.select.correlation import CorrelationSelector
from radiofuse.select.lasso import LassoSelector
from radiofuse.select.mann_whitney import MannWhitneySelector
from radiofuse.select.reproducibility import ReproducibilitySelector
from radiofuse.select.shortfall import ON_EMPTY


class ThreeStepSelector(SelectorMixin, BaseEstimator):
    """Mann-Whitney filter, correlation pruning and LASSO, each on what the last one left.

    Parameters
    ----------
    alpha, adjust
        See `MannWhitneySelector`.
    threshold, order
        See `CorrelationSelector`.
    cv, rule
        See `LassoSelector`.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.
    random_state : int, RandomState instance or None, default=None
        For ``order="random"`` and for the inner folds.

    Attributes
    ----------
    steps_ : dict of str to selector
        "mann_whitney", "correlation", "lasso": the fitted steps. A step that nothing reached is absent.
    report_ : DataFrame
        One row per input feature: feature, pvalue, qvalue, auc, passed_mann_whitney,
        kept_after_correlation, dropped_for (the kept feature it duplicates, or ""), r_with_kept,
        coef (on standardized columns; NaN where the LASSO did not see the feature), selected.
    fallback_ : bool
        Whether a step had to fill up.
    classes_ : ndarray of shape (2,)
        The labels; the second is the positive class.

    References
    ----------
    X. Shi et al., "An intra- and inter-modality fusion model with invariant- and specific-constraints
    using MR images for prediction of glioma isocitrate dehydrogenase mutation status", 2023, section II-D.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> X[:, 4] = X[:, 3] + 0.1 * X[:, 4]
    >>> selector = ThreeStepSelector(random_state=0).fit(X, y)
    >>> selector.get_support(indices=True)
    array([4])
    >>> selector.report_.loc[3, ["feature", "dropped_for"]].tolist()
    ['x3', 'x4']
    """

    _parameter_constraints: dict = {
        **{name: MannWhitneySelector._parameter_constraints[name] for name in ("alpha", "adjust")},
        **{name: CorrelationSelector._parameter_constraints[name] for name in ("threshold", "order")},
        **{name: LassoSelector._parameter_constraints[name] for name in ("cv", "rule")},
        "on_empty": ON_EMPTY,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        alpha=0.05,
        adjust="none",
        threshold=0.9,
        order="effect",
        cv=10,
        rule="min",
        on_empty="strongest",
        random_state=None,
    ):
        self.alpha = alpha
        self.adjust = adjust
        self.threshold = threshold
        self.order = order
        self.cv = cv
        self.rule = rule
        self.on_empty = on_empty
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Fit the steps one after the other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Two classes.
        groups : array-like of shape (n_samples,), optional
            Patients, kept whole in the inner folds of the LASSO.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes of two members each, or ``X`` is not finite.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.classes_ = require_binary_target(y)
        self.steps_ = {}
        seen = {}
        columns = np.arange(X.shape[1])
        for name, step, routed in self._chain(groups):
            if not len(columns):
                break
            self.steps_[name], seen[name] = step.fit(X[:, columns], y, **routed), columns
            columns = columns[step.get_support()]
        self.support_ = np.isin(np.arange(X.shape[1]), columns)
        self.fallback_ = any(getattr(step, "fallback_", False) for step in self.steps_.values())
        self.report_ = self._describe(seen)
        return self

    def _chain(self, groups):
        order_seed, fold_seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=2)
        return [
            ("mann_whitney", MannWhitneySelector(alpha=self.alpha, adjust=self.adjust, on_empty=self.on_empty), {}),
            (
                "correlation",
                CorrelationSelector(threshold=self.threshold, order=self.order, random_state=order_seed),
                {},
            ),
            (
                "lasso",
                LassoSelector(cv=self.cv, rule=self.rule, on_empty=self.on_empty, random_state=fold_seed),
                {"groups": groups},
            ),
        ]

    def _describe(self, seen: dict[str, np.ndarray]) -> pd.DataFrame:
        """Put the numbers of each step, known for the columns it has ``seen``, into one table."""
        names = _check_feature_names_in(self)
        filter_ = self.steps_["mann_whitney"]
        report = pd.DataFrame(
            {
                "feature": names,
                "pvalue": filter_.pvalues_,
                "qvalue": filter_.qvalues_,
                "auc": filter_.auc_,
                "passed_mann_whitney": filter_.get_support(),
                "kept_after_correlation": False,
                "dropped_for": "",
                "r_with_kept": np.nan,
                "coef": np.nan,
                "selected": self.support_,
            }
        )
        if "correlation" in seen:
            pruning, columns = self.steps_["correlation"], seen["correlation"]
            dropped = ~pruning.get_support()
            report.loc[columns, "kept_after_correlation"] = ~dropped
            report.loc[columns[dropped], "dropped_for"] = names[columns[pruning.kept_partner_[dropped]]]
            report.loc[columns, "r_with_kept"] = pruning.kept_partner_r_
            report.loc[seen["lasso"], "coef"] = self.steps_["lasso"].coef_
        return report

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        return binary_target_tags(super().__sklearn_tags__())


SELECTORS = {
    "three_step": ThreeStepSelector,
    "mann_whitney": MannWhitneySelector,
    "correlation": CorrelationSelector,
    "lasso": LassoSelector,
    "reproducibility": ReproducibilitySelector,
}
