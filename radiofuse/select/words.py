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


def words_of(selector: Any, name: str = "") -> Words:
    """Return a selector's words with its parameters filled in.

    Parameters
    ----------
    selector : selector
        One without words is spoken of by its name and the first line of its docstring.
    name : str, default=""
        What the step is called; by default as its class.

    Examples
    --------
    >>> from radiofuse.select import LassoSelector
    >>> words_of(LassoSelector(rule="1se")).kept
    'with a non-zero LASSO coefficient (lambda.1se)'
    """
    own, class_name = getattr(selector, "words", None), type(selector).__name__
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
