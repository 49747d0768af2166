"""One modality's chain: impute, scale, select, classify. It is fitted inside the fold as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.pipeline import Pipeline

from radiofuse.classify import CLASSIFIERS
from radiofuse.classify.tuned_chain import TunedChain, refuse_mixup, refuse_smote
from radiofuse.errors import RequestError
from radiofuse.names import lookup, make
from radiofuse.prepare.clinical_scale import CLINICAL_SCALES, NEED_NAMES
from radiofuse.prepare.impute import MedianImputer
from radiofuse.prepare.scale import TrainingScaler
from radiofuse.select import PROJECTIONS, SELECTORS, SelectorChain, build_chain
from radiofuse.select.options import set_options
from radiofuse.tables import columns


def modality_classifier(
    classifier: str = "logistic",
    *,
    select: str | Sequence[str] | None = "three_step",
    random_state: int | None = None,
    select_options: Mapping[str, Any] | None = None,
    classify_options: Mapping[str, Any] | None = None,
    encoder: BaseEstimator | None = None,
    harmonizer: BaseEstimator | None = None,
    tuning: Mapping[str, Any] | None = None,
) -> Pipeline:
    """Return the unfitted chain of one modality: impute, scale, select, classify.

    It learns two classes or more, numbers or text, where the selection does.

    Parameters
    ----------
    classifier : str, default="logistic"
        A key of ``radiofuse.classify.CLASSIFIERS`` or ``package.module:Class``.
    select : str, sequence of str or None, default="three_step"
        A key of ``radiofuse.select.SELECTORS`` or ``PROJECTIONS``, or ``package.module:Class``; several are a
        `SelectorChain`; None keeps every column.
    random_state : int, optional
        Handed to every step that has one; a `SelectorChain` draws the seeds of its selectors from it.
    select_options, classify_options : mapping, optional
        Parameters of the selector and the classifier, by name. Of several selectors a mapping for each, by its name.
    encoder : transformer, optional
        Put in front as step ``encode``: a ``CropEncoder`` turns the modality's crop into features.
    harmonizer : transformer, optional
        Put before all others as step ``harmonize``: takes the sites' effects from features.
    tuning : mapping, optional
        Parameters of a `TunedChain` by name: ``search``, ``search_score``, ``oversample`` and ``mixup``.

    Returns
    -------
    Pipeline
        Steps ``impute`` (median), ``scale`` (mean 0, variance 1; 0 for what is constant in the
        training rows), ``select``, ``classify``.

    Raises
    ------
    RequestError
        If a name or an option is unknown, or an option has a value that its step refuses.

    See Also
    --------
    radiofuse.fuse.LateFusion : Fuses the classifiers of several modalities.
    radiofuse.select.build_chain : A chain of selectors for it.

    Examples
    --------
    >>> list(modality_classifier("logistic").named_steps)
    ['impute', 'scale', 'select', 'classify']
    """
    steps = {
        "impute": MedianImputer(),
        "scale": TrainingScaler(),
        "select": _selector(select, select_options or {}),
        "classify": _classifier(classifier, random_state, classify_options),
    }
    before = [(name, step) for name, step in (("harmonize", harmonizer), ("encode", encoder)) if step is not None]
    parts = [*before, *steps.items()]
    chain = TunedChain(parts, **tuning) if tuning else Pipeline(parts)
    if getattr(steps["select"], "needs_names", False):
        for name in ("impute", "scale"):
            steps[name].set_output(transform="pandas")
    set_options(steps["classify"], classify_options or {}, "classify")
    _refuse_unknown_search(steps["classify"], (tuning or {}).get("search") or {})
    if (tuning or {}).get("oversample") == "smote":
        refuse_smote(steps["classify"])
    if (tuning or {}).get("mixup") is not None:
        refuse_mixup(steps["classify"])
    return chain.set_params(**dict.fromkeys(_seeds_of(chain), random_state))


def _refuse_unknown_search(classifier: BaseEstimator, search: Mapping[str, Sequence[Any]]) -> None:
    """Raise if a classifier has no such option, or does not take one of the values to try."""
    for name, values in search.items():
        for value in values:
            set_options(clone(classifier), {name: value}, "classify")


def clinical_classifier(*, scale: str = "z_score", random_state: int | None = None) -> Pipeline:
    """Return the clinical-only arm: the ``clinical__`` columns, imputed and scaled, into logistic regression.

    Parameters
    ----------
    scale : str, default="z_score"
        A key of ``radiofuse.prepare.clinical_scale.CLINICAL_SCALES``.
    random_state : int, optional

    Examples
    --------
    >>> clinical_classifier(scale="min_max")["scale"]
    UnitRangeScaler()
    """
    pattern = f"^{columns.CLINICAL}{columns.SEPARATOR}"
    chosen = make_column_transformer(("passthrough", make_column_selector(pattern)), verbose_feature_names_out=False)
    chain = modality_classifier("logistic", select=None, random_state=random_state)
    chain.set_params(scale=CLINICAL_SCALES[scale]())
    if scale in NEED_NAMES:
        for step in (chosen, chain["impute"]):
            step.set_output(transform="pandas")
    return Pipeline([("columns", chosen), *chain.steps])


def _classifier(name: str, random_state: int | None, options: Mapping[str, Any] | None) -> Any:
    if name in CLASSIFIERS:
        return lookup(name, CLASSIFIERS, "classifier")(random_state)
    return make(name, CLASSIFIERS, "classifier", options)


def _selector(select: str | Sequence[str] | None, options: Mapping[str, Any]) -> Any:
    if select is None or isinstance(select, str):
        selector = "passthrough" if select is None else make(select, SELECTORS | PROJECTIONS, "selector", options)
        set_options(selector, options, "select")
        _refuse_empty("select", selector)
        return selector
    chain = build_chain(select, options)
    for name, step in chain.steps:
        _refuse_empty(name, step)
    return chain


def _refuse_empty(step: str, selector: Any) -> None:
    """Raise if a selector may leave nothing to classify."""
    if getattr(selector, "on_empty", None) == "intercept":
        raise RequestError(
            f'Step {step!r}: on_empty = "intercept" may leave the classifier no feature; choose "strongest".'
        )


def _seeds_of(chain: Pipeline) -> list[str]:
    """Return the parameters that seed the steps; selectors in a chain get theirs from the chain, when it is fitted."""
    names = [name for name in chain.get_params() if name == "random_state" or name.endswith("__random_state")]
    if not isinstance(chain.named_steps["select"], SelectorChain):
        return names
    return [name for name in names if not name.startswith("select__") or name == "select__random_state"]
