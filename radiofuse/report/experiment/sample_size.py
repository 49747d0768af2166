"""How many patients a run has for its candidate features, in words and as a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import ALL_READ, CAUTIOUS, OF_RUN
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.tables import Row, Table
from radiofuse.wording import count, counted


def size_words(contents: Contents) -> list[str]:
    """Return sentences on each class that has probabilities; none for a run that does not say."""
    sizes = contents.sample_sizes
    all_read = sizes["reads"] == ALL_READ
    whole = sizes[all_read] if all_read.any() else sizes  # one modality is all that there is
    return [
        f"{f'{name} against the rest: ' if contents.has_several_classes else ''}{_said(rows)}"
        for name, rows in whole.groupby("class", sort=False)
    ]


def _said(rows: pd.DataFrame) -> str:
    first, need = rows.iloc[0], rows.set_index("assumed")["n"]
    ratio = f"{first['events_per_feature']:.2g}"
    had = (
        f"{count(first['n_events'])} of {counted(first['n_patients'], 'patient')} are of the rarer class, and "
        f"selection starts from {counted(first['n_features'], 'feature')}: {ratio} such patients for each."
    )
    cautious = f"{counted(need[CAUTIOUS], 'patient')} if it explained 15% of what can be explained (Nagelkerke’s R²)"
    if not np.isfinite(need[OF_RUN]):
        return f"{had} A regression on all of them at once would need {cautious}."
    return (
        f"{had} A regression on all of them at once would need {counted(need[OF_RUN], 'patient')} if it reached the "
        f"AUC of this run, and {cautious}."
    )


def size_table(contents: Contents) -> Table | None:
    """Events per candidate feature and the patients that each criterion asks for, by what the model reads."""
    groups = tuple(
        (
            f"{name} against the rest" if contents.has_several_classes else "",
            tuple(_row(reads, own) for reads, own in rows.groupby("reads", sort=False)),
        )
        for name, rows in contents.sample_sizes.groupby("class", sort=False)
    )
    header = ("Features of", "Candidates", "Patients of the rarer class for each", *_NEEDS)
    return Table("Candidate features, and the patients they ask for", header, groups, n_numbers=7) if groups else None


_NEEDS = ("Needed at this AUC", "for the shrinkage", "for the optimism", "for the overall risk", "Needed at R² 0.15")


def _row(reads: Any, rows: pd.DataFrame) -> Row:
    by_assumption = rows.set_index("assumed")
    first, own = rows.iloc[0], by_assumption.loc[OF_RUN]
    of_criteria = (count(own[name]) for name in ("n", "n_shrinkage", "n_optimism", "n_intercept"))
    each = f"{first['events_per_feature']:.2g}"
    return str(reads), count(first["n_features"]), each, *of_criteria, count(by_assumption.loc[CAUTIOUS, "n"])
