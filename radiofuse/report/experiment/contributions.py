"""What each member contributed to the fused answers of held-out patients, as a table of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.tables import Row, Table
from radiofuse.wording import number, percent


def contributions_table(contents: Contents) -> Table | None:
    """Return how much members contributed to the answers for patients of each class, and how often for that class.

    None where the main model fuses no members.
    """
    groups = tuple((f"Patients of class {name}", _rows(part)) for name, part in _by_class(contents))
    header = ("Member", "Mean size", "Spoke for the class")
    caption = "What members contributed to the answers for held-out patients, in log-odds"
    return Table(caption, header, groups, n_numbers=2) if groups else None


def _by_class(contents: Contents) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each class and what was contributed for it to the answers for its own patients."""
    known = contents.predictions.drop_duplicates(["sample_id", "class"])[["sample_id", "class", "label"]]
    told = contents.contributions.merge(known, on=["sample_id", "class"])
    told = told[~told["member"].str.startswith("(")]
    if contents.has_several_classes:
        yield from told[told["label"] == 1].groupby("class", sort=False)
        return
    for place, name in enumerate(contents.outcome.classes):
        own = told[told["label"] == place]
        if len(own):
            yield name, own.assign(log_odds=own["log_odds"] * (1 if place else -1))


def _rows(part: pd.DataFrame) -> tuple[Row, ...]:
    each = part.groupby("member", sort=False)["log_odds"]
    return tuple((member, number(own.abs().mean()), percent(float((own > 0).mean()))) for member, own in each)
