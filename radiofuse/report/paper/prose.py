"""Sentences with their references, as Markdown: whatever a title, a label or a warning holds is text there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from radiofuse.report.paper.references import in_words, keys_of

_MARKED = re.compile(r"([\\`*_{}\[\]<>#|@$&!~^])")


@dataclass(frozen=True)
class Sentence:
    """One or a few sentences, and the methods in them that have a publication."""

    text: str
    methods: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A heading, and what stands under it; lists have a line for each sentence."""

    heading: str
    sentences: tuple[Sentence, ...]
    as_list: bool = False


def section(heading: str, sentences: Iterable[Sentence | str], *, as_list: bool = False) -> Section:
    """Return a section of the sentences that say something."""
    said = [one if isinstance(one, Sentence) else Sentence(one) for one in sentences]
    return Section(heading, tuple(one for one in said if one.text), as_list)


def cited(sections: Iterable[Section]) -> list[str]:
    """Return the keys of all publications that the sections cite, in the order of the text."""
    return keys_of(method for one in sections for sentence in one.sentences for method in sentence.methods)


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the sections under a title, with citations as pandoc reads them and the list of what is cited.

    >>> print(as_markdown("a*b", [section("Statistics", [Sentence("By <b>.", ("holm",))])]).partition("## Ref")[0])
    # Methods: a\\*b
    <BLANKLINE>
    ## Statistics
    <BLANKLINE>
    By \\<b\\> [@holm1979].
    <BLANKLINE>
    <BLANKLINE>
    """
    parts = [f"# Methods: {_escaped(title)}\n"]
    for one in sections:
        lines = [f"{'- ' * one.as_list}{_with_citations(sentence)}" for sentence in one.sentences]
        parts.append(f"## {_escaped(one.heading)}\n\n" + ("\n" if one.as_list else " ").join(lines) + "\n")
    listed = "\n".join(f"- `{key}`: {_escaped(in_words(key))}" for key in sorted(cited(sections)))
    return "\n".join([*parts, f"## References\n\nAs BibTeX in `references.bib`.\n\n{listed}\n"])


def as_paragraphs(sections: Sequence[Section]) -> list[tuple[str, list[str]]]:
    """Return headings with paragraphs, citations as numbers, and the list of what is cited at the end.

    >>> as_paragraphs([section("Statistics", [Sentence("By Holm.", ("holm",))])])[0]
    ('Statistics', ['By Holm [1].'])
    """
    number = {key: place for place, key in enumerate(cited(sections), 1)}
    told = []
    for one in sections:
        said = [_with_numbers(sentence, number) for sentence in one.sentences]
        told.append((one.heading, said if one.as_list else [" ".join(said)]))
    return [*told, ("References", [f"{place}. {in_words(key)}" for key, place in number.items()])]


def _with_numbers(sentence: Sentence, number: Mapping[str, int]) -> str:
    places = sorted(number[key] for key in keys_of(sentence.methods))
    marks = f" [{', '.join(map(str, places))}]" * bool(places)
    return f"{sentence.text[:-1]}{marks}." if sentence.text.endswith(".") else sentence.text + marks


def _escaped(text: str) -> str:
    """Return text in which Markdown sees no mark and no markup, on one line."""
    return _MARKED.sub(r"\\\1", " ".join(text.split()))


def _with_citations(sentence: Sentence) -> str:
    text, keys = _escaped(sentence.text), keys_of(sentence.methods)
    if not keys:
        return text
    marks = f" [{'; '.join(f'@{key}' for key in keys)}]"
    return f"{text[:-1]}{marks}." if text.endswith(".") else text + marks
