"""Tables on how a run went: its folds, what they selected and chose, and how long it took."""

from __future__ import annotations

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.tables import Table
from radiofuse.wording import count, number

MAX_FOLDS = 60
_SIDES = ("n_train", "n_test")


def folds_table(contents: Contents) -> Table | None:
    """How many patients of each class every fold trains and tests on, under each outcome; the first ones of many."""
    groups = []
    for outcome in contents.outcomes:
        rows = contents.folds[contents.folds["outcome"] == outcome.name]
        by_fold = rows.groupby(["repeat", "fold", "name"], sort=False)
        found = []
        for (repeat, fold, name), own in list(by_fold)[:MAX_FOLDS]:
            sizes = [", ".join(f"{row[0]}: {count(row[1])}" for row in own[["class", n]].to_numpy()) for n in _SIDES]
            found.append((name or str(fold), str(repeat), *sizes))
        if found:
            groups.append((outcome.name if len(contents.outcomes) > 1 else "", tuple(found)))
    header = ("Fold", "Repeat", "Patients trained on", "Patients tested on")
    return Table("Folds, and their patients by class", header, tuple(groups), n_numbers=1) if groups else None


def stability_table(contents: Contents) -> Table | None:
    """How much the selections of the outer folds agree, by modality and model, of one outcome."""
    rows = tuple(
        (
            row.modality,
            count(row.n_features),
            number(row.mean_selected, 1),
            number(row.nogueira),
            number(row.mean_jaccard),
            row.model,
        )
        for row in contents.stability.itertuples()
    )
    header = ("Modality", "Features", "Selected on average", "Stability index", "Mean Jaccard index", "Model")
    return (
        Table("How much the selections of the outer folds agree", header, (("", rows),), n_numbers=4) if rows else None
    )


def choices_table(contents: Contents) -> Table | None:
    """The options that searches chose: for the final model, and how often in the folds."""
    rows = []
    for (model, member, option), own in contents.chosen_options.groupby(["model", "member", "option"], sort=False):
        final, in_folds = own[own["fold"].isna()], own[own["fold"].notna()]
        times = in_folds["value"].value_counts(sort=False)
        said = ", ".join(f"{value}: {n}" for value, n in times.sort_values(ascending=False, kind="stable").items())
        rows.append((member, option, ", ".join(final["value"]), said, model))
    header = ("Member", "Option", "Final model", "Chosen in so many folds", "Model")
    return Table("Options that searches chose", header, (("", tuple(rows)),)) if rows else None


def pseudo_labels_table(contents: Contents) -> Table | None:
    """What self-trained models made of rows without a label: on average over the folds, and for the final model."""
    rows = []
    for model, own in contents.pseudo_labels.groupby("model", sort=False):
        for title, part in (("folds, on average", own[own["fold"].notna()]), ("final model", own[own["fold"].isna()])):
            counts = [number(part[name].mean(), 0) for name in ("n_labeled", "n_unlabeled", "n_hidden", "n_kept")]
            shares = [number(part[name].mean()) for name in ("coverage", "right_of_kept", "right_of_hidden")]
            rows.append((title, *counts, *shares, f"{int(part['learned'].sum())} of {len(part)}", str(model)))
    counted = ("Labeled", "Without a label", "Of these hidden", "Given a pseudo-label")
    right = ("Coverage", "Right where given", "Right in all hidden")
    header = ("Of", *counted, *right, "Stage 2 learned from them in", "Model")
    return Table("Pseudo-labels", header, (("", tuple(rows)),), n_numbers=7) if rows else None


def times_table(contents: Contents) -> Table | None:
    """How long each stage took, and each model in the folds."""
    rows = tuple((row.stage, number(row.seconds, 1), row.outcome, row.model) for row in contents.run_times.itertuples())
    header = ("Stage", "Seconds", "Outcome", "Model")
    return Table("How long the run took", header, (("", rows),), n_numbers=1) if rows else None
