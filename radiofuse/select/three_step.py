"""The published chain as one transformer: Mann-Whitney, then Pearson, then LASSO; for more classes Kruskal-Wallis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Tags

from radiofuse.estimators import Seed, Selector
from radiofuse.select.chain import StepwiseSelector
from radiofuse.select.correlation import CorrelationSelector, Keep
from radiofuse.select.kruskal import KruskalSelector
from radiofuse.select.lasso import LassoSelector, Rule
from radiofuse.select.mann_whitney import MannWhitneySelector
from radiofuse.select.penalized_glm import Family
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words
from radiofuse.statistics.multiplicity import Correction

OF_STEPS: dict[Any, tuple[str, ...]] = {
    MannWhitneySelector: ("alpha", "correction"),
    CorrelationSelector: ("threshold", "keep"),
    LassoSelector: ("cv", "rule", "family", "l1_ratio", "class_weight", "full_path"),
}

_TITLE = "{} with p < alpha, then of features with |r| > threshold one kept, then {}"


class ThreeStepSelector(StepwiseSelector):
    """Mann-Whitney filter, correlation pruning and LASSO, each on what the last one left.

    Of more than two classes, which the published chain does not have, the first step is the Kruskal-Wallis test,
    and the last one the LASSO of family "multinomial", whatever ``family`` says: a feature stays that serves one
    class.

    Parameters
    ----------
    alpha, correction
        See `MannWhitneySelector`.
    threshold, keep
        See `CorrelationSelector`.
    cv, rule, family, l1_ratio, class_weight, full_path
        See `LassoSelector`.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where the test or the LASSO passes nothing; see there.
    random_state : int, RandomState instance or None, default=None
        For ``keep="random"`` and for the inner folds.

    Attributes
    ----------
    steps_ : dict of str to selector
        "mann_whitney" (of more than two classes "kruskal"), "correlation", "lasso": the fitted steps. A step that
        nothing reached is absent.
    report_ : DataFrame
        One row per input feature: feature, pvalue, adjusted_pvalue, auc, removed_by (a step, or ""),
        dropped_for (the kept feature it duplicates, or ""), r_with_kept, coef (on standardized columns; NaN
        where the LASSO did not see the feature; of several classes the largest), selected. No auc of more than
        two classes.
    trace_ : DataFrame
        One row per removed feature: step, feature, value (the number that decided), why, in_favor_of.
    fallback_ : bool
        Whether a step kept a feature that did not pass.
    classes_ : ndarray of shape (n_classes,)
        The labels; of two the second is the positive class.

    See Also
    --------
    SelectorChain : Any selectors one after the other.
    MannWhitneySelector : Its first step.
    CorrelationSelector : Its second step.
    LassoSelector : Its third step.

    References
    ----------
    X. Shi et al., "An intra- and inter-modality fusion model with invariant- and specific-constraints
    using MR images for prediction of glioma isocitrate dehydrogenase mutation status", 2023, section II-D.

    Examples
    --------
    >>> import numpy as np
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

    command_options = {
        option: name
        for step, taken in OF_STEPS.items()
        for option, name in step.command_options.items()
        if name in taken
    }

    _parameter_constraints: dict = {
        **{name: step._parameter_constraints[name] for step, names in OF_STEPS.items() for name in names},
        "on_empty": ON_EMPTY,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        correction: Correction | None = None,
        threshold: float = 0.9,
        keep: Keep = "effect",
        cv: int = 10,
        rule: Rule = "min",
        family: Family = "gaussian",
        l1_ratio: float = 1.0,
        class_weight: Mapping | Literal["balanced"] | None = None,
        full_path: bool = False,
        on_empty: OnEmpty = "strongest",
        random_state: Seed = None,
    ) -> None:
        self.alpha = alpha
        self.correction = correction
        self.threshold = threshold
        self.keep = keep
        self.cv = cv
        self.rule = rule
        self.family = family
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight
        self.full_path = full_path
        self.on_empty = on_empty
        self.random_state = random_state

    @property
    def words(self) -> Words:
        """What is said of the three steps: of those for two classes until more were seen."""
        return self.words_of_classes(len(getattr(self, "classes_", (0, 1))))

    def words_of_classes(self, n_classes: int) -> Words:
        """Return what is said of the three steps for so many classes."""
        tests = ("Mann-Whitney", "LASSO") if n_classes <= 2 else ("Kruskal-Wallis", "multinomial LASSO")
        long = "Mann-Whitney U test" if n_classes <= 2 else "Kruskal-Wallis test"
        return Words(
            _TITLE.format(long, tests[1]),
            heading="the three steps",
            kept=f"after {tests[0]} test, pruning and {tests[1]}",
            removed="does not pass the three steps",
        )

    def _validate(self, X: ArrayLike, y: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
        X, y = super()._validate(X, y)
        self.classes_ = require_classes(y)
        return X, y

    def _new_steps(self) -> list[tuple[str, Selector]]:
        given = {step: {name: getattr(self, name) for name in names} for step, names in OF_STEPS.items()}
        several = len(getattr(self, "classes_", ())) > 2
        test, name = (KruskalSelector, "kruskal") if several else (MannWhitneySelector, "mann_whitney")
        of_lasso = given[LassoSelector] | ({"family": "multinomial"} if several else {})
        return [
            (name, test(**given[MannWhitneySelector], on_empty=self.on_empty)),
            ("correlation", CorrelationSelector(**given[CorrelationSelector])),
            ("lasso", LassoSelector(**of_lasso, on_empty=self.on_empty)),
        ]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
