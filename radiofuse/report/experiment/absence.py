"""The main answer without some of its members, as a table of the page, and what is to be known of its members."""

from __future__ import annotations

from radiofuse.report.absence import absences
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.member_words import collinear_models, tie_words
from radiofuse.report.tables import Table, score_cell
from radiofuse.report.wording import estimate
from radiofuse.wording import count, counted, p_value


def absence_table(contents: Contents) -> Table | None:
    """What the main answer loses without each set of its members, on the same patients; None where nobody asked."""
    found = absences(contents.comparisons, contents.primary, contents.words.get("models", {}))
    sizes = list(dict.fromkeys(len(one.absent) for one in found))
    groups = tuple(
        (
            f"Without {counted(size, 'modality', 'modalities')}",
            tuple(
                (
                    ", ".join(one.absent),
                    score_cell(contents, one.model, "auc"),
                    estimate(one.comparison.difference, one.comparison.low, one.comparison.high),
                    p_value(one.comparison.p_value),
                    p_value(one.comparison.adjusted_p_value),
                    count(one.comparison.n_patients),
                    ", ".join(one.present),
                )
                for one in found
                if len(one.absent) == size
            ),
        )
        for size in sizes
    )
    header = ("Absent", "AUC without", "AUC lost", "p", "p, Holm", "Patients", "There")
    return Table(f"{contents.primary} without some modalities", header, groups, n_numbers=5) if groups else None


def said_of_members(contents: Contents) -> dict[str, str]:
    """Return by model which members repeat each other, and of that of the main answer how often votes tie.

    Nothing of a bundle that names no models.
    """
    words, main = contents.words.get("models", {}), contents.main_model
    if not main or contents.is_shared:
        return {}
    told, ties = collinear_models(contents.predictions, words), tie_words(contents.predictions, contents.primary, words)
    return told | {main: " ".join(part for part in (ties, told.get(main, "")) if part)}
