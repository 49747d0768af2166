"""The ledger in a report: what its table and its figure say, and nothing of it where it was not asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bundle_fixture import make_bundle
from page_parser import Page

from radiofuse.bundle.format import TABLES
from radiofuse.report import write_report
from radiofuse.report.experiment.figures import draw_ledger
from radiofuse.report.look import WIDTH_IN, uri_of

CAPTION = "What shortcuts would have claimed"
LEDGER = pd.DataFrame(
    [
        ("idh", "a", "features selected on all patients <b>", "mean", "auc", 0.8, 0.93, 0.13, 0.08, 0.18, ""),
        ("idh", "b", "the threshold tuned", "mean", "balanced_accuracy", 0.7, 0.71, 0.01, 0.0, 0.04, "threshold .4"),
        ("idh", "c", "no number " * 12, "mean", "auc", np.nan, np.nan, np.nan, np.nan, np.nan, ""),
    ],
    columns=list(TABLES["ledger"].columns),
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    bundle = make_bundle(tmp_path_factory.mktemp("ledger") / "bundle", n_patients=30, n_repeats=1)
    assert CAPTION not in write_report(bundle).read_text()
    LEDGER.to_csv(bundle / "ledger.csv", index=False)
    return Page(write_report(bundle).read_text())


def test_the_table_says_both_numbers_and_the_difference(page):
    header, first, second, third = page.tables[CAPTION]
    assert header[:4] == ["Shortcut", "Honest", "With the shortcut", "Difference"]
    assert first == ["features selected on all patients <b>", "0.80", "0.93", "0.13 (0.08 to 0.18)", "AUC", "mean", "—"]
    assert second[4:] == ["Balanced accuracy", "mean", "threshold .4"]
    assert third[1:4] == ["—", "—", "—"]


def test_the_figure_has_words_for_those_who_cannot_see_it(page):
    (alt,) = [tags["alt"] for tag, tags in page.tags if tag == "img" and "Honest and claimed" in tags["alt"]]
    assert "features selected on all patients <b>: 0.93, honestly 0.80; the threshold tuned: 0.71" in alt
    assert "The widest gap, 0.13 (0.08 to 0.18), is that of: features selected" in page.text


def test_nothing_in_the_figure_is_cut_off_or_lies_on_another_number():
    rows = LEDGER.iloc[:2].assign(honest=[0.2, 0.99], optimistic=[1.0, 0.985])
    figure = uri_of(draw_ledger, rows).figure
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    width = figure.get_size_inches()[0] * figure.dpi
    assert width == WIDTH_IN * figure.dpi
    assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
