"""A filled form as a page and as a table."""

from __future__ import annotations

from itertools import groupby

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.sentences import banners
from radiofuse.report.forms.fact import HUMAN, Fact
from radiofuse.report.forms.filled import FORMS, Form, Item, band
from radiofuse.report.page import render
from radiofuse.report.tables import Row, Table
from radiofuse.wording import percent

HEADER = ("Item", "What it asks for", "Answer", "Where", "Sentence, or what is missing")
OWN_WORDS = (
    "Items are told by their number and in our own short words: read them beside the checklist itself, for the numbers "
    "were entered without it at hand. A yes says that the run's files hold what the item asks for; the pointer says "
    "where."
)
OF_WEIGHTS = (
    "The weights came into the program without the publication at hand (they sum to 1): compare them with it before "
    "you quote a score, and judge every answer yourself."
)


def as_table(form: Form) -> Table:
    """Return the items by section, each with its answer, its pointers and its sentence."""
    groups = tuple(
        (section, tuple(_row(item, fact) for item, fact in entries))
        for section, entries in groupby(form.entries, key=lambda entry: entry[0].section)
    )
    return Table(f"{form.title}, filled from the run", HEADER, groups)


def _row(item: Item, fact: Fact) -> Row:
    return item.number, item.words, fact.answer, "; ".join(map(str, fact.pointers)), fact.sentence


def score_words(form: Form) -> str:
    """Return the least and the greatest score with their bands; empty for a form without weights."""
    if form.score is None:
        return ""
    least, most = form.score
    return (
        f"{form.title} score: {percent(least)} ({band(least)}) from the items that the run answers, {percent(most)} "
        f"({band(most)}) if all that needs a human were yes. {OF_WEIGHTS}"
    )


def as_page(form: Form, contents: Contents) -> str:
    """Return the form as HTML; whatever a title or a label holds is text."""
    counts = form.counts
    rows = tuple((answer, str(n)) for answer, n in counts.items())
    return render(
        "forms/form.html",
        title=f"{form.title}: {contents.about['title']}",
        lead=f"{len(form.entries)} items; {counts[HUMAN]} of them need a human.",
        banners=banners(contents),
        source=FORMS[form.name][1],
        counts=Table("Items by answer", ("Answer", "Items"), (("", rows),), n_numbers=1),
        score=score_words(form),
        items=as_table(form),
        run=contents.about["title"],
        version=contents.about["radiofuse_version"],
    )
