"""Step three: which features carry the label together? The LASSO, its penalty chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_consistent_length

from radiofuse.errors import CohortError, RequestError
from radiofuse.estimators import Seed
from radiofuse.patients.routing import TakesGroups, refuse_misaligned
from radiofuse.prepare.standardize import center_and_scale
from radiofuse.prepare.validation import class_labels, read_rows
from radiofuse.select.binary import binary_target_tags
from radiofuse.select.column_selector import ColumnSelector
from radiofuse.select.lasso_path import lasso_path_cv
from radiofuse.select.penalized_fit import PathEdgeWarning, PenalizedFit
from radiofuse.select.penalized_glm import FAMILIES, Family, penalized_path_cv
from radiofuse.select.penalty_folds import stratified_folds
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.select.words import Words

Rule = Literal["min", "1se"]


class LassoSelector(TakesGroups, ColumnSelector):
    """Keep the features with a non-zero LASSO coefficient on the label.

    By default the least-squares LASSO of the published chain on the 0/1 label. Columns are standardized
    inside each inner fold, the grid of penalties is common to all folds, and the path ends 20 penalties
    after its error has risen more than one standard error above the minimum. Inner folds are dealt by
    the position of the rows, so keep the rows in a stated order (by id) for the same answer.

    Parameters
    ----------
    cv : int, default=10
        Inner folds, stratified and shuffled; as many as the smallest class has members where it has fewer.
    rule : {"min", "1se"}, default="min"
        The penalty with the least error, or the largest within one standard error of it. The first is
        the published one and moves with the folds; the second keeps fewer features, often none.
    family : {"gaussian", "binomial", "multinomial"}, default="gaussian"
        Least squares on a label of 0 and 1, logistic regression, or logistic regression of several
        classes, of which a feature needs to serve one.
    l1_ratio : float, default=1.0
        Share of the LASSO in the penalty, above 0; the rest is ridge (elastic net).
    class_weight : dict, "balanced" or None, default=None
        Weights of the rows by class, positive; they enter the loss, the standardization and the
        cross-validated error.
    n_alphas : int, default=100
        Penalties from the first that lets a feature enter down to a thousandth of it.
    full_path : bool, default=False
        Run the whole grid of penalties instead of ending past the minimum.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.
    random_state : int, RandomState instance or None, default=None
        Deals the rows to the inner folds.

    Attributes
    ----------
    alphas_, cv_mean_, cv_se_ : ndarray of shape (n_alphas_run,)
        Penalties run, error over the inner folds (squared error, or deviance), and its standard error.
    coef_path_ : ndarray of shape (n_alphas_run, n_features_in_) or (n_alphas_run, n_classes, n_features_in_)
        Coefficients of the standardized columns on all training rows; the second shape for "multinomial".
    intercept_path_ : ndarray of shape (n_alphas_run,) or (n_alphas_run, n_classes)
        Intercepts beside them.
    n_nonzero_, dev_ratio_ : ndarray of shape (n_alphas_run,)
        Features with a non-zero coefficient, and share of the null deviance explained on all training rows.
    alpha_min_, alpha_1se_, alpha_ : float
        The penalty by either rule, and the one chosen.
    coef_min_, coef_1se_, coef_ : ndarray of shape (n_features_in_,) or (n_classes, n_features_in_)
        Coefficients there.
    intercept_ : float or ndarray of shape (n_classes,)
        Intercept at the penalty chosen.
    mean_, scale_ : ndarray of shape (n_features_in_,)
        What standardizes the columns, weighted where the rows are; 1 as the scale of a constant column.
    stopped_early_ : bool
        Whether the path ended before the grid did.
    inner_folds_ : ndarray of shape (n_samples,)
        The inner fold in which each row was held out.
    n_folds_ : int
        How many there are.
    fallback_ : bool
        Whether a feature with a zero coefficient had to stand in.
    classes_ : ndarray of shape (n_classes,)
        The labels; of two the second counts as 1.

    See Also
    --------
    StabilitySelector : Keeps what the LASSO lets in for most halves of the patients.
    ThreeStepSelector : Tests and prunes before the LASSO.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal Statistical
    Society B 58 (1996) 267-288.
    J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear models via
    coordinate descent", Journal of Statistical Software 33 (2010) 1-22.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> LassoSelector(rule="1se", random_state=0).fit(X, y).get_support(indices=True)
    array([3])
    """

    words = Words(
        "LASSO",
        heading="LASSO",
        kept="with a non-zero LASSO coefficient (lambda.{rule})",
        removed="its coefficient is 0 at the chosen penalty",
    )
    command_options = {"inner": "cv", "rule": "rule", "family": "family", "full_path": "full_path"}

    _parameter_constraints: dict = {
        "cv": [Interval(Integral, 2, None, closed="left")],
        "rule": [StrOptions({"min", "1se"})],
        "family": [StrOptions(set(FAMILIES))],
        "l1_ratio": [Interval(Real, 0, 1, closed="right")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "n_alphas": [Interval(Integral, 1, None, closed="left")],
        "full_path": ["boolean"],
        "on_empty": ON_EMPTY,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        cv: int = 10,
        rule: Rule = "min",
        family: Family = "gaussian",
        l1_ratio: float = 1.0,
        class_weight: Mapping | Literal["balanced"] | None = None,
        n_alphas: int = 100,
        full_path: bool = False,
        on_empty: OnEmpty = "strongest",
        random_state: Seed = None,
    ) -> None:
        self.cv = cv
        self.rule = rule
        self.family = family
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight
        self.n_alphas = n_alphas
        self.full_path = full_path
        self.on_empty = on_empty
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Choose the penalty, then fit all rows with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Two classes; more with ``family="multinomial"``.
        groups : array-like of shape (n_samples,), optional
            Patients; the rows of one are never in two inner folds.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes of two members each, or ``X`` is not finite.
        RequestError
            If ``class_weight`` has a weight that is not positive.
        """
        refuse_misaligned(X, y=y, groups=groups)
        X, y = read_rows(self, X, y)
        codes = self._encode(y)
        if groups is not None:
            groups = np.asarray(groups)
            check_consistent_length(X, groups)
        weights = self._row_weights(y)
        self.mean_, scale = center_and_scale(X, weights / weights.sum())
        self.scale_ = np.where(np.isinf(scale), 1.0, scale)
        self.inner_folds_ = stratified_folds(codes, groups, self.cv, check_random_state(self.random_state))
        self.n_folds_ = int(self.inner_folds_.max()) + 1
        fit = self._follow_path(X, codes, weights)
        self._keep_path(fit)
        if fit.least_at_edge:
            self._warn_of_edge()
        nonzero = np.any(np.atleast_2d(self.coef_ != 0), axis=0)
        self._settle(nonzero, fit.strength)
        return self

    def _encode(self, y: np.ndarray) -> np.ndarray:
        self.classes_ = class_labels(y)
        codes = np.searchsorted(self.classes_, y)
        if len(self.classes_) < 2:
            raise CohortError("The training table", ["The LASSO needs two classes, but y holds 1 class. Add rows."])
        if len(self.classes_) > 2 and self.family != "multinomial":
            raise CohortError(
                "The training table",
                [
                    f"The LASSO of family {self.family!r} compares two classes, but y holds {len(self.classes_)} "
                    'classes. Pass a binary label, or family="multinomial".'
                ],
            )
        return codes

    def _row_weights(self, y: np.ndarray) -> np.ndarray:
        if self.class_weight is None:
            return np.ones(len(y))
        weights = compute_sample_weight(self.class_weight, y)
        if not np.all(weights > 0):
            raise RequestError(
                f"class_weight: expected positive numbers, got {self.class_weight!r}; leave a class out of the rows "
                "if it is not to count."
            )
        return weights

    def _follow_path(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> PenalizedFit:
        shared: dict[str, Any] = {"sample_weight": weights, "n_alphas": self.n_alphas, "full_path": self.full_path}
        if self.family == "gaussian" and self.l1_ratio == 1:
            return lasso_path_cv(X, codes, self.inner_folds_, **shared)
        return penalized_path_cv(X, codes, self.inner_folds_, family=self.family, l1_ratio=self.l1_ratio, **shared)

    def _keep_path(self, fit: PenalizedFit) -> None:
        self.alphas_, self.cv_mean_, self.cv_se_ = fit.alphas, fit.cv_mean, fit.cv_se
        self.coef_path_, self.intercept_path_ = fit.coef_path, fit.intercept_path
        self.n_nonzero_, self.dev_ratio_, self.stopped_early_ = fit.n_nonzero, fit.dev_ratio, fit.stopped_early
        least, sparse, chosen = (fit.index(rule) for rule in ("min", "1se", self.rule))
        self.alpha_min_, self.alpha_1se_, self.alpha_ = (float(fit.alphas[k]) for k in (least, sparse, chosen))
        self.coef_min_, self.coef_1se_, self.coef_ = (fit.coef_path[k] for k in (least, sparse, chosen))
        self.intercept_ = fit.intercept_path[chosen]

    def _warn_of_edge(self) -> None:
        warnings.warn(
            f"{type(self).__name__}: the cross-validated error is least at the last of {len(self.alphas_)} penalties, "
            "so a smaller one may be better; the data may be separable, or rows of one patient be in several folds.",
            PathEdgeWarning,
            stacklevel=4,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = binary_target_tags(super().__sklearn_tags__())
        tags.classifier_tags.multi_class = self.family == "multinomial"
        return tags
