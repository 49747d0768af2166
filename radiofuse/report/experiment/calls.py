"""Precision, recall and calls of the main answer as pictures of the page."""

from __future__ import annotations

import pandas as pd

from radiofuse.report.call_figures import average_precision, plot_confusion, plot_precision_recall
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.kinds import MODALITY, REFERENCE, TRIVIAL
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture, stacked
from radiofuse.statistics import confusion_table, precision_recall_points
from radiofuse.wording import number, percent


def precision_pictures(contents: Contents) -> list[Picture]:
    """The precision-recall curve beside those of single modalities; of several classes one of each against the rest."""
    if not contents.has_several_classes:
        return _precision_picture(contents, "")
    views = {name: contents.of_class(name) for name in contents.classes}
    return [picture for name, view in views.items() for picture in _precision_picture(view, f"{name} against the rest")]


def _precision_picture(contents: Contents, title: str) -> list[Picture]:
    rows = contents.predictions
    own = rows[rows["model"] == contents.primary]
    if own["label"].nunique() < 2:
        return []
    single = [name for name in contents.main_models if contents.kind_of(name) in (MODALITY, REFERENCE)]
    others = [name for name in single if name in set(rows["model"]) - {TRIVIAL, contents.primary}]
    told = "; ".join(f"{name} {number(average_precision(rows, name))}" for name in (contents.primary, *others))
    where = f"{title}: " if title else ""
    caption = (
        f"{where}Precision at each recall of the primary {contents.answer} (heavy line, with a pointwise 95% band) "
        f"beside the single modalities; the legend gives the average precision. Dotted: {percent(own['label'].mean())} "
        "of the samples are positive, the precision of calls at random."
    )
    curves = stacked({name: precision_recall_points(rows, name, n_resamples=1) for name in (contents.primary, *others)})
    uri = uri_of(plot_precision_recall, rows, contents.primary, others=others, title=title)
    return [Picture(uri, f"{where}Precision-recall curves with average precision: {told}.", caption, curves)]


def confusion_picture(contents: Contents) -> Picture | None:
    """What samples of each class are called: of two classes at the threshold that other patients chose."""
    counts = _classes_called(contents) if contents.has_several_classes else _called_at_the_point(contents)
    if counts is None:
        return None
    cells = counts.stack()
    data = cells.rename_axis(["class", "called"]).rename("n").reset_index()
    alt = "; ".join(f"{n:.1f} of class {of} called {called}" for (of, called), n in cells.items())
    how = "the most probable class" if contents.has_several_classes else "the threshold that other patients chose"
    mean = ", the mean of the repeats" if contents.protocol["repeats"] > 1 else ""
    caption = (
        f"Out-of-fold calls of {contents.primary} by {how}: samples{mean}, and the share of each class. Dark cells on "
        "the diagonal from top left are right calls."
    )
    return Picture(uri_of(plot_confusion, counts), f"Confusion matrix: {alt}.", caption, data)


def _called_at_the_point(contents: Contents) -> pd.DataFrame | None:
    rows = contents.operating_points[contents.operating_points["model"] == contents.primary]
    told = rows.set_index("metric")["value"]
    names = (("true_negatives", "false_positives"), ("false_negatives", "true_positives"))
    if not set(names[0] + names[1]) <= set(told.index) or told[[*names[0], *names[1]]].isna().any():
        return None
    classes = list(contents.outcome.classes)
    return pd.DataFrame([[told[name] for name in row] for row in names], index=classes, columns=classes)


def _classes_called(contents: Contents) -> pd.DataFrame | None:
    rows = contents.predictions[contents.predictions["model"] == contents.primary]
    if rows.empty:
        return None
    cells = confusion_table(rows)
    return cells.pivot(index="class", columns="called", values="n").loc[list(contents.classes), list(contents.classes)]
