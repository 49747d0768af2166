"""A text that a language model wrote of an answer: what it is told, and whether what it says may be shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radiofuse.report.patient.class_numbers import of_another_class
from radiofuse.report.patient.numbers import unknown_numbers
from radiofuse.report.patient.words import NAMES, Reader
from radiofuse.wording import some

LONGEST = 6000  # characters that are shown
TOLD = ("outcomes", "missing", "volumes_ml", "evaluation", "synthetic", "survival")
OF_OUTCOMES = ("call", "threshold", "set", "probability", "interval", "interval_level", "interval_of", "calibrated")
OF_APPLICABILITY = ("verdict", "distance", "limit_95", "limit_99")
OF_SPREAD = ("network", "outcome", "class", "mean", "sd", "passes")
WORDS_OF_NUMBERS = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(thir|four|fif|six|seven|eigh|nine)teen|"
    r"(twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|dozens?|half|halves|thirds?|quarters?|twice|"
    r"double|triple|tenfold)\b",
    re.IGNORECASE,
)
WORDS_OF_PROGNOSIS = re.compile(
    r"\b(surviv\w*|prognos\w*|life[ -]?(expectancy|span)|lifetime|mortality|deaths?|die[sd]?|dying|months?|years?|"
    r"weeks?|days?|remission|recur\w*|relapse\w*)\b",
    re.IGNORECASE,
)
WORDS_OF_TREATMENT = re.compile(
    r"\b(cur(e[ds]?|able|ing|ative)|heal(s|ed|ing)?|recover\w*|therap\w*|treat\w*|medicines?|medications?|drugs?|"
    r"tablets?|pills?|dos(e|es|age)|mg|milligrams?|chemo\w*|radiation|irradiat\w*|radiotherap\w*|surger(y|ies)|"
    r"surgical\w*|temozolomide|lomustine|bevacizumab|vorasidenib|ivosidenib|harmless|benign)\b",
    re.IGNORECASE,
)
ASK = """You are given the answer of a research model about one brain MRI as JSON. Write three to six short paragraphs
in English for {whom}. Use nothing but this JSON. Write every number in digits exactly as it stands there, rounded at
most, probabilities as percentages; name the class in each sentence that holds its percentage; write no other numbers,
no number words, no markup and no headings. Give no prognosis and no diagnosis, write no word on therapy or cure, and
say that this is research and no finding. Say what was missing and how far the answer can be trusted."""
WHOM: dict[Reader, str] = {
    "doctor": "a physician who knows gliomas",
    "patient": "the patient, who is no physician, in plain and calm words",
}


@dataclass(frozen=True)
class MachineText:
    """What a language model wrote.

    Attributes
    ----------
    model : str
    paragraphs : tuple of str
        None of them where the text was refused.
    refused : str
        Why; "" where it is shown.
    """

    model: str
    paragraphs: tuple[str, ...] = ()
    refused: str = ""


def without_identifiers(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a language model is told of an answer: no id, no path, no date, no note, no name of a file.

    Examples
    --------
    >>> without_identifiers({"sample_id": "P7", "bundle": "/x", "missing": ["t1"], "notes": ["P7"], "outcomes": {}})
    {'outcomes': {}, 'missing': ['t1']}
    """
    kept = {name: told[name] for name in TOLD if told.get(name) is not None}
    kept["outcomes"] = {name: _only(of, OF_OUTCOMES) for name, of in told["outcomes"].items()}
    if told.get("applicability"):
        kept["applicability"] = _only(told["applicability"], OF_APPLICABILITY)
    if told.get("similar"):
        kept["similar"] = _only(told["similar"], ("n", "shares"))
    if told.get("dropout_spread"):
        kept["dropout_spread"] = [_only(row, OF_SPREAD) for row in told["dropout_spread"]]
    return kept


def _only(of: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: of[name] for name in names if of.get(name) is not None}


def checked(text: str, model: str, sent: Mapping[str, Any]) -> MachineText:
    """Return a text that may be shown, or why it may not.

    Parameters
    ----------
    text : str
        As the model wrote it.
    model : str
        Its name.
    sent : mapping
        What it was told.

    Examples
    --------
    >>> sent = {"outcomes": {"idh": {"probability": {"mutant": 0.7712}}}}
    >>> checked("The model holds mutant likely, 77.1%.", "m", sent).paragraphs
    ('The model holds mutant likely, 77.1%.',)
    >>> checked("Likely mutant, 87.1%.", "m", sent).refused
    'It holds numbers that the answer does not: 87.1%.'
    >>> checked("You will live for fourteen months.", "m", sent).refused
    'It speaks of prognosis or time (months), and no table of survival was supplied.'
    """
    text = "".join(one for one in text.strip() if one in "\n\t" or unicodedata.category(one)[0] != "C")
    refused = _why_not(text, sent)
    paragraphs = tuple(" ".join(one.split()) for one in re.split(r"\n\s*\n", text) if one.strip())
    return MachineText(model, (), refused) if refused else MachineText(model, paragraphs)


def _why_not(text: str, sent: Mapping[str, Any]) -> str:
    if not text:
        return "It is empty."
    if len(text) > LONGEST:
        return "It is longer than a page has room for."
    words = WORDS_OF_PROGNOSIS.findall(text)
    if words and not sent.get("survival"):
        said = some(dict.fromkeys(one[0].lower() for one in words))
        return f"It speaks of prognosis or time ({said}), and no table of survival was supplied."
    cures = [found[0].lower() for found in WORDS_OF_TREATMENT.finditer(text)]
    if cures:
        return f"It speaks of therapy or cure ({some(dict.fromkeys(cures))}), of which the answer holds nothing."
    strange = [one for one in text if unicodedata.numeric(one, None) is not None and one not in "0123456789"]
    if strange or WORDS_OF_NUMBERS.search(text):
        return "It writes numbers otherwise than in digits, where they cannot be checked."
    unknown = unknown_numbers(text, sent, NAMES)
    if unknown:
        return f"It holds numbers that the answer does not: {some(dict.fromkeys(unknown))}."
    untied = of_another_class(text, sent)
    return f"It tells {some(dict.fromkeys(untied))} beside no class, or another, than the answer." if untied else ""
