"""What a selector is called, and what is said of the features that it keeps and removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from radiofuse.names import title_of
from radiofuse.statistics.multiplicity import CORRECTIONS


@dataclass(frozen=True)
class Words:
    """What reports, tables and the screen say of a selector, which brings them as the class attribute ``words``.

    ``kept`` and ``removed`` may name parameters of the selector in braces; ``{p}`` is "p", or says how it is adjusted.

    Attributes
    ----------
    title : str
        In a sentence: "Mann-Whitney U test".
    heading : str
        Of a column, after "After": "Mann-Whitney".
    kept : str
        Behind the number of features that are left: "with {p} < {alpha:g} in the Mann-Whitney test".
    removed : str
        Why a feature fell: "{p} is not below alpha".
    """

    title: str
    heading: str = ""
    kept: str = ""
    removed: str = ""


def words_of(selector: Any, name: str = "", n_classes: int | None = None) -> Words:
    """Return a selector's words with its parameters filled in.

    Parameters
    ----------
    selector : selector
        One without words is spoken of by its name and the first line of its docstring.
    name : str, default=""
        What the step is called; by default as its class.
    n_classes : int, optional
        Of the label that it is for, where it has not seen one: a selector whose steps depend on it brings
        ``words_of_classes``.

    Examples
    --------
    >>> from radiofuse.select import LassoSelector
    >>> words_of(LassoSelector(rule="1se")).kept
    'with a non-zero LASSO coefficient (lambda.1se)'
    """
    asked = n_classes is not None and hasattr(selector, "words_of_classes")
    own = selector.words_of_classes(n_classes) if asked else getattr(selector, "words", None)
    class_name = type(selector).__name__
    name = name or class_name
    words = own if isinstance(own, Words) else Words(title_of(type(selector)) or name)
    parameters = selector.get_params(deep=False)
    parameters["p"] = _pvalue(parameters.get("correction"))
    return Words(
        words.title,
        words.heading or name,
        words.kept.format(**parameters) or f"after {name}",
        words.removed.format(**parameters) or f"not selected by {class_name}",
    )


def _pvalue(correction: str | None) -> str:
    return "p" if correction is None else f"p adjusted after {CORRECTIONS[correction]}"
