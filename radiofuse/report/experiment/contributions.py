"""What each member contributed to the fused answers of held-out patients, as a table and figures of the page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.figures import draw_contributions
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture
from radiofuse.report.tables import Row, Table
from radiofuse.report.wording import shortened
from radiofuse.wording import number, percent

_AXIS_CHARACTERS = 14


def contributions_table(contents: Contents) -> Table | None:
    """Return how much members contributed to the answers for patients of each class, and how often for that class.

    None where the main model fuses no members.
    """
    groups = tuple((f"Patients of class {name}", _rows(part)) for name, part in _by_class(contents))
    header = ("Member", "Mean size", "Spoke for the class")
    caption = f"What members contributed to the answers for held-out patients, in {_scale(contents)}"
    return Table(caption, header, groups, n_numbers=2) if groups else None


def contribution_pictures(contents: Contents) -> list[Picture]:
    """Return how contributions are distributed over held-out patients of either class; of several classes, of each."""
    told = _of_members(contents)
    told = told[np.isfinite(told["log_odds"])]
    names = [name for name in contents.classes if name in set(told["class"])]
    captions = [_caption(contents, name) if name == names[0] else f"The same for {name}." for name in names]
    return [
        _picture(contents, name, told[told["class"] == name], caption)
        for name, caption in zip(names, captions, strict=True)
    ]


def _picture(contents: Contents, name: str, told: pd.DataFrame, caption: str) -> Picture:
    several = contents.has_several_classes
    others = "all others" if several else f"patients of class {contents.outcome.classes[0]}"
    each = told.groupby(["member", "label", "sample_id"], sort=False)["log_odds"].mean()  # over the repeats
    members = {
        member: {f"patients of class {name}": _values(each, member, 1), others: _values(each, member, 0)}
        for member in told["member"].unique()
    }
    medians = "; ".join(f"{member} {_medians(groups)}" for member, groups in members.items())
    alt = f"Contributions to {name}, medians of its patients and of the others: {medians}."
    drawn = told.drop(columns=["sample_id"])  # the page names no patient
    axis = f"Added to the {_scale(contents)} of {shortened(name, _AXIS_CHARACTERS)}"
    return Picture(uri_of(draw_contributions, members, f"Class {name}" if several else "", axis), alt, caption, drawn)


def _caption(contents: Contents, name: str) -> str:
    return (
        f"What each member added to the {_scale(contents)} of {name}, out of fold, the mean of the repeats of each "
        "sample: right of 0 it spoke for that class. Box: middle half of the samples; line: middle 90%; thick mark: "
        "median. The further the two boxes of a member lie apart, the more it told. All numbers are in "
        "contributions.csv."
    )


def _values(each: pd.Series, member: str, label: int) -> np.ndarray:
    return each[(each.index.get_level_values(0) == member) & (each.index.get_level_values(1) == label)].to_numpy()


def _medians(groups: dict[str, np.ndarray]) -> str:
    return " and ".join(number(float(np.median(values))) if len(values) else "none" for values in groups.values())


def _scale(contents: Contents) -> str:
    return "log-probability" if contents.has_several_classes else "log-odds"


def _of_members(contents: Contents) -> pd.DataFrame:
    """Return contributions of members, without what there is without any, with the label of each sample and class."""
    known = contents.predictions.drop_duplicates(["sample_id", "class"])[["sample_id", "class", "label"]]
    told = contents.contributions.merge(known, on=["sample_id", "class"])
    return told[~told["member"].str.startswith("(")]


def _by_class(contents: Contents) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each class and what was contributed for it to the answers for its own patients."""
    told = _of_members(contents)
    for place, name in enumerate(contents.outcome.classes):
        if contents.has_several_classes:
            own = told[(told["label"] == 1) & (told["class"] == name)]
        else:
            own = told[told["label"] == place]
            own = own.assign(log_odds=own["log_odds"] * (1 if place else -1))
        if len(own):
            yield name, own


def _rows(part: pd.DataFrame) -> tuple[Row, ...]:
    each = part.groupby("member", sort=False)["log_odds"]
    return tuple((member, number(own.abs().mean()), percent(float((own > 0).mean()))) for member, own in each)
