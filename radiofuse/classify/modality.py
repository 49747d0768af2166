"""One modality's chain: impute, scale, select, classify. It is fitted inside the fold as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from radiofuse.classify import CLASSIFIERS
from radiofuse.errors import RequestError
from radiofuse.names import lookup, make
from radiofuse.prepare.impute import MedianImputer
from radiofuse.prepare.scale import TrainingScaler
from radiofuse.select import SELECTORS
from radiofuse.tables import columns


def modality_classifier(
    classifier: str = "logistic",
    *,
    select: str | None = "three_step",
    random_state: int | None = None,
    select_options: Mapping[str, Any] | None = None,
    classify_options: Mapping[str, Any] | None = None,
    encoder: BaseEstimator | None = None,
) -> Pipeline:
    """Return the unfitted chain of one modality: impute, scale, select, classify.

    Parameters
    ----------
    classifier : str, default="logistic"
        A key of ``radiofuse.classify.CLASSIFIERS`` or ``package.module:Class``.
    select : str or None, default="three_step"
        A key of ``radiofuse.select.SELECTORS`` or ``package.module:Class``; None keeps every column.
    random_state : int, optional
        Handed to every step that has one.
    select_options, classify_options : mapping, optional
        Parameters of the selector and the classifier, by name.
    encoder : transformer, optional
        Put in front as step ``encode``: a ``CropEncoder`` turns the modality's crop into features.

    Returns
    -------
    Pipeline
        Steps ``impute`` (median), ``scale`` (mean 0, variance 1; 0 for what is constant in the
        training rows), ``select``, ``classify``.

    Raises
    ------
    RequestError
        If a name or an option is unknown, or an option has a value that its step refuses.

    Examples
    --------
    >>> list(modality_classifier("logistic").named_steps)
    ['impute', 'scale', 'select', 'classify']
    """
    steps = {
        "impute": MedianImputer(),
        "scale": TrainingScaler(),
        "select": "passthrough" if select is None else make(select, SELECTORS, "selector", select_options),
        "classify": _classifier(classifier, random_state, classify_options),
    }
    chain = Pipeline([*([("encode", encoder)] if encoder is not None else []), *steps.items()])
    if getattr(steps["select"], "needs_names", False):
        for name in ("impute", "scale"):
            steps[name].set_output(transform="pandas")
    _set_options(chain, "select", select_options or {})
    _set_options(chain, "classify", classify_options or {})
    seeds = {name: random_state for name in chain.get_params() if name.endswith("__random_state")}
    return chain.set_params(**seeds)


def clinical_classifier(*, random_state: int | None = None) -> Pipeline:
    """Return the clinical-only arm: the ``clinical__`` columns, imputed and scaled, into logistic regression."""
    pattern = f"^{columns.CLINICAL}{columns.SEPARATOR}"
    chosen = make_column_transformer(("passthrough", make_column_selector(pattern)), verbose_feature_names_out=False)
    chain = modality_classifier("logistic", select=None, random_state=random_state)
    return Pipeline([("columns", chosen), *chain.steps])


def _classifier(name: str, random_state: int | None, options: Mapping[str, Any] | None) -> Any:
    if name in CLASSIFIERS:
        return lookup(name, CLASSIFIERS, "classifier")(random_state)
    return make(name, CLASSIFIERS, "classifier", options)


def _set_options(chain: Pipeline, step: str, options: Mapping[str, Any]) -> None:
    part = chain.named_steps[step]
    known = part.get_params() if hasattr(part, "get_params") else {}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise RequestError(f"Step {step!r} ({part}) has no option {unknown[0]!r}; its options are {sorted(known)}.")
    chain.set_params(**{f"{step}__{name}": value for name, value in options.items()})
    if hasattr(part, "_parameter_constraints"):
        _check_values(part)
    if options.get("on_empty") == "intercept":
        raise RequestError(
            f'Step {step!r}: on_empty = "intercept" may leave the classifier no feature; choose "strongest".'
        )


def _check_values(part: BaseEstimator) -> None:
    """Refuse wrong values now; scikit-learn does so when the first fold is fitted."""
    try:
        part._validate_params()
    except InvalidParameterError as error:
        raise RequestError(f"{error}") from None
