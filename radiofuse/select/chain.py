"""Selectors one after the other, each on what the last one left, with a trace of what each removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.estimators import Seed, Selector
from radiofuse.names import make
from radiofuse.patients.routing import TakesGroups, fit_with_groups, refuse_misaligned
from radiofuse.prepare.impute import fill_gaps
from radiofuse.prepare.validation import read_columns, read_rows
from radiofuse.select.choices import SELECTORS, known_name
from radiofuse.select.column_selector import KeepsColumns
from radiofuse.select.mann_whitney import MannWhitney, MannWhitneySelector
from radiofuse.select.options import set_options
from radiofuse.select.trace import TRACE_COLUMNS, per_column, trace_removals
from radiofuse.select.words import Words, words_of


class StepwiseSelector(TakesGroups, KeepsColumns, BaseEstimator):
    """What chains of selectors share; a chain fills ``_new_steps``: the steps, unfitted and its own.

    A step that cannot take NaN is given the median of the training rows for it, 0 in a column without values.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> Self:
        """Fit the steps one after the other; a step that nothing reached is not fitted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is allowed.
        y : array-like of shape (n_samples,), optional
            Labels, where a step needs them.
        groups : array-like of shape (n_samples,), optional
            Patients, handed to every step that takes them.

        Raises
        ------
        ValueError
            If ``X`` holds an infinite value, or a step refuses the labels.
        """
        return self.fit_tested(X, y, groups, None)

    def fit_tested(
        self, X: ArrayLike, y: ArrayLike | None, groups: ArrayLike | None, tested: MannWhitney | None
    ) -> Self:
        """Fit as ``fit`` does; a first Mann-Whitney step takes the result ``tested`` of these rows and columns."""
        refuse_misaligned(X, y=y, groups=groups)
        X, y = self._validate(X, y)
        self.steps_, self.seen_ = {}, {}
        columns = np.arange(X.shape[1])
        for name, step in self._seeded_steps():
            if not len(columns):
                break
            part = self._part(X, columns, step)
            if tested is not None and not self.steps_ and isinstance(step, MannWhitneySelector):
                step.fit_tested(part, y, tested)
            else:
                fit_with_groups(step, part, y, groups)
            self.steps_[name], self.seen_[name] = step, columns
            columns = columns[step.get_support()]
        self.support_ = np.isin(np.arange(X.shape[1]), columns)
        self.fallback_ = any(getattr(step, "fallback_", False) for step in self.steps_.values())
        return self

    def _validate(self, X: ArrayLike, y: ArrayLike | None) -> tuple[np.ndarray, Any]:
        if y is None:
            return read_columns(self, X, allow_nan=True), None
        return read_rows(self, X, y, allow_nan=True)

    def _seeded_steps(self) -> Iterator[tuple[str, Any]]:
        chance = check_random_state(self.random_state)
        for name, step in self._new_steps():
            if hasattr(step, "random_state"):
                seed = int(chance.randint(np.iinfo(np.int32).max))
                step.random_state = seed if step.random_state is None else step.random_state
            yield name, step

    def _part(self, X: np.ndarray, columns: np.ndarray, step: Any) -> np.ndarray | pd.DataFrame:
        part = X if len(columns) == X.shape[1] else X[:, columns]
        if not get_tags(step).input_tags.allow_nan:
            part = fill_gaps(part)
        if getattr(step, "needs_names", False):
            return pd.DataFrame(part, columns=_check_feature_names_in(self)[columns])
        return part

    @property
    def report_(self) -> pd.DataFrame:
        """One row per input feature.

        Columns feature, pvalue, adjusted_pvalue, auc (of the first step that tests), removed_by (a step, or ""),
        dropped_for (the kept feature it duplicates, or ""), r_with_kept, coef (of the last step that fits
        standardized columns; of several classes the largest), selected. NaN where a step did not see the feature.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self)
        report = pd.DataFrame({"feature": names, **dict.fromkeys(_OF_THE_TEST, np.nan), "removed_by": ""})
        report = report.assign(dropped_for="", r_with_kept=np.nan, coef=np.nan, selected=self.support_)
        test = next((name for name, step in self.steps_.items() if hasattr(step, "pvalues_")), None)
        for name, step in self.steps_.items():
            columns, removed = self.seen_[name], ~step.get_support()
            report.loc[columns[removed], "removed_by"] = name
            if name == test:
                for column, attribute in _OF_THE_TEST.items():
                    report.loc[columns, column] = getattr(step, attribute, np.nan)
            if hasattr(step, "coef_"):
                report["coef"] = np.nan
                report.loc[columns, "coef"] = per_column(step, "coef_")
            if hasattr(step, "kept_partner_"):
                report.loc[columns[removed], "dropped_for"] = names[columns[step.kept_partner_[removed]]]
                report.loc[columns[removed], "r_with_kept"] = step.kept_partner_r_[removed]
        return report

    @property
    def trace_(self) -> pd.DataFrame:
        """One row per removed feature: step, feature, value, why, in_favor_of; see `trace_removals`."""
        check_is_fitted(self)
        names = _check_feature_names_in(self)
        parts = [trace_removals(name, step, names[self.seen_[name]]) for name, step in self.steps_.items()]
        parts = [part for part in parts if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(TRACE_COLUMNS))

    def _html_repr(self) -> str:
        """Return scikit-learn's diagram and, once fitted, what each step left and what was selected."""
        if not hasattr(self, "support_"):
            return super()._html_repr()
        seen = [(name, len(self.seen_[name]), int(step.get_support().sum())) for name, step in self.steps_.items()]
        report = self.report_
        selected = report.loc[report["selected"], ["feature", "pvalue", "auc", "coef"]].rename(columns={"pvalue": "p"})
        steps = notebook.table("Features that each step saw and left", ("step", "saw", "left"), seen)
        return super()._html_repr() + notebook.page(steps, notebook.frame("Selected features", selected))

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


_OF_THE_TEST = {"pvalue": "pvalues_", "adjusted_pvalue": "adjusted_pvalues_", "auc": "auc_"}


class SelectorChain(_BaseComposition, StepwiseSelector):
    """Any selectors one after the other.

    Parameters
    ----------
    steps : list of (str, selector)
        Names and unfitted selectors, as in a Pipeline; ``<name>__<parameter>`` addresses a parameter.
    random_state : int, RandomState instance or None, default=None
        Seeds every step that has a ``random_state`` and was given none.

    Attributes
    ----------
    steps_ : dict of str to selector
        Fitted. A step that nothing reached is absent.
    seen_ : dict of str to ndarray of int
        For each fitted step the places of the input features that reached it.
    report_ : DataFrame
        One row per input feature: what the steps found.
    trace_ : DataFrame
        One row per removed feature: by which step, why, and in favor of which feature.
    fallback_ : bool
        Whether a step kept a feature that did not pass.

    See Also
    --------
    build_chain : Makes one of names and options.
    ThreeStepSelector : The published chain, with the options of its steps side by side.

    Examples
    --------
    >>> from radiofuse.select import CorrelationSelector, MannWhitneySelector
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> X[:, 4] = X[:, 3] + 0.1 * X[:, 4]
    >>> chain = SelectorChain([("test", MannWhitneySelector()), ("prune", CorrelationSelector())]).fit(X, y)
    >>> chain.trace_[chain.trace_["step"] == "prune"][["feature", "in_favor_of"]].values.tolist()
    [['x3', 'x4']]
    """

    _parameter_constraints: dict = {"steps": [list], "random_state": ["random_state"]}

    def __init__(self, steps: list[tuple[str, Selector]], *, random_state: Seed = None) -> None:
        self.steps = steps
        self.random_state = random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the steps as ``<name>__<parameter>``."""
        return self._get_params("steps", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the steps as ``<name>__<parameter>``."""
        self._set_params("steps", **params)
        return self

    def _makes_folds(self) -> bool:
        return False

    @property
    def words(self) -> Words:
        """What is said of the chain: its steps, one after the other."""
        return self.words_of_classes(None)

    def words_of_classes(self, n_classes: int | None) -> Words:
        """Return what is said of the chain for so many classes."""
        return Words(", then ".join(words_of(step, name, n_classes).title for name, step in self.steps))

    @property
    def needs_names(self) -> bool:
        """Whether a step looks features up by their names."""
        return any(getattr(step, "needs_names", False) for _, step in self.steps)

    def _new_steps(self) -> list[tuple[str, Selector]]:
        self._validate_names([name for name, _ in self.steps])
        for name, step in self.steps:
            if not hasattr(step, "get_support"):
                raise TypeError(f"Step {name!r} is no selector: {step!r} has no get_support. Chain selectors only.")
        return [(name, clone(step)) for name, step in self.steps]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        of_steps = [get_tags(step) for _, step in self.steps if hasattr(step, "get_support")]
        tags.target_tags.required = any(step.target_tags.required for step in of_steps)
        for step in of_steps:
            if step.classifier_tags is not None and not step.classifier_tags.multi_class:
                tags.classifier_tags = step.classifier_tags
        return tags


def build_chain(
    steps: Sequence[str], options: Mapping[str, Mapping[str, Any]], *, random_state: int | None = None
) -> SelectorChain:
    """Return the unfitted chain of selectors called by name.

    Parameters
    ----------
    steps : sequence of str
        Keys of ``radiofuse.select.SELECTORS``, where underscores and hyphens do not count ("mannwhitney"), or
        ``package.module:Class``, a step that is called ``Class``.
    options : mapping
        For the name of each step, as in ``SELECTORS``, its parameters.
    random_state : int, optional
        Of the chain.

    Raises
    ------
    RequestError
        If a name is unknown, named twice, or that of no selector, or a step does not take an option.

    See Also
    --------
    SelectorChain : What it returns.

    Examples
    --------
    >>> chain = build_chain(["mannwhitney", "lasso"], {"lasso": {"rule": "1se"}})
    >>> [name for name, _ in chain.steps], chain.get_params()["lasso__rule"]
    (['mann_whitney', 'lasso'], '1se')
    """
    names = [known_name(step) for step in steps]
    made = [(name.rpartition(":")[2], _make(name, options.get(name, {}))) for name in names]
    called = [name for name, _ in made]
    twice = sorted({name for name in called if called.count(name) > 1})
    if twice:
        raise RequestError(f"Step {twice[0]!r} is named twice; a chain takes each step once.")
    return SelectorChain(made, random_state=random_state)


def _make(name: str, options: Mapping[str, Any]) -> Any:
    step = make(name, SELECTORS, "selector", options)
    if not (hasattr(step, "get_params") and hasattr(step, "get_support")):
        raise RequestError(f"{name!r} is no selector: it has no get_support. Name a scikit-learn selector.")
    set_options(step, options, name)
    return step
