"""What a notebook shows: tables that can be read, in which no text of anybody is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from radiofuse import notebook
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.write import save_bundle
from radiofuse.experiment.evaluation import Results
from radiofuse.extract import Features
from radiofuse.select import CorrelationSelector, MannWhitneySelector, SelectorChain
from radiofuse.selection_run.tables import SelectionTables
from radiofuse.statistics import Comparison, Stability, auc_interval, corrected_resampled_t, mcnemar_test
from tests.bundle.test_bundle import DESCRIPTION
from tests.bundle_tables import tables_of

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'x'"


class Cells(HTMLParser):
    """The tags of a fragment and the text of its cells by row."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.rows, self._open = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self._open = tag in ("td", "th")

    def handle_endtag(self, tag):
        self._open = self._open and tag not in ("td", "th")

    def handle_data(self, data):
        if self._open:
            self.rows[-1][-1] += data


def rows_of(result) -> list[list[str]]:
    html = result._repr_html_()
    seen = Cells(html)
    assert {tag for tag, _ in seen.tags} <= {
        "style",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "p",
    }
    assert not [name for _, attributes in seen.tags for name in attributes if name not in ("class", "scope")]
    return seen.rows


def scores_of(model):
    row = {"metric": "auc", "value": 0.8349, "low": 0.751, "high": 0.909, "n_samples": 9, "n_patients": 9}
    return pd.DataFrame([{"model": model, **row}, {"model": "t1", **row, "value": np.nan}])


def test_an_interval_stands_behind_the_number_whose_it_is():
    interval = auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.6, 0.4, 0.7, 0.9])
    shown = dict(rows_of(interval))
    assert shown["auc"] == f"{interval.auc:.3f} ({interval.low:.3f} to {interval.high:.3f})"
    assert {"low", "high"}.isdisjoint(shown)
    stable = dict(rows_of(Stability(nogueira=0.5, variance=0.01, low=0.3, high=0.7, mean_jaccard=0.4)))
    assert (stable["nogueira"], stable["variance"]) == ("0.500 (0.300 to 0.700)", "0.010")


def test_results_stay_tuples_and_their_numbers_are_written_as_in_a_report():
    answer = corrected_resampled_t([0.02, 0.05, 0.01, 0.04], n_train=75, n_test=25)
    difference, statistic, df, p_value = answer
    shown = dict(rows_of(answer))
    assert shown == {
        "difference": f"{difference:.3f}",
        "statistic": f"{statistic:.3f}",
        "df": f"{df}",
        "p value": f"{p_value:.2g}",
    }
    exact = mcnemar_test([1] * 9, [1] * 9, [0] * 9)
    assert dict(rows_of(exact))["statistic"] == "—"  # the exact test has none


@pytest.mark.parametrize(
    ("value", "name", "written"),
    [
        (12345, "", "12,345"),
        (np.int64(7), "", "7"),
        (np.float64(0.00012), "", "0.00012"),
        (-0.0001, "p_value", "< 0.001"),
        (float("inf"), "", "—"),
        (True, "", "yes"),
        (np.zeros((3, 2)), "", "array of 3 x 2"),
        (None, "", "—"),
    ],
)
def test_values_are_written_for_readers(value, name, written):
    assert notebook.written(value, name) == written


def hostile_results(tmp_path):
    yield Comparison(HOSTILE, "mean", "auc", 0.1, 0.0, 0.2, 0.00001, HOSTILE, 98)
    tables = {"scores": scores_of(HOSTILE), "comparisons": pd.DataFrame({HOSTILE: [HOSTILE]})}
    none = {"predictions": pd.DataFrame(), "fold_scores": pd.DataFrame(), "findings": {}, "stages": {}, "in_folds": {}}
    empty = "tests against_reference operating_points calibration decision_curves ledger best_of_models".split()
    empty += "prediction_sets recalibrated recalibrations spreads calibration_by_uncertainty".split()
    none |= dict.fromkeys(empty, pd.DataFrame())
    yield Results(splits=[], **tables, **none, learning_intervals=scores_of(HOSTILE))
    failures = pd.DataFrame([("a", "t1", "empty_roi", HOSTILE)], columns=["sample_id", "modality", "code", "message"])
    yield Features(pd.DataFrame({f"t1__{HOSTILE}": [1.0, np.nan]}, index=["a", "b"]), failures, None)
    outcome = {"name": HOSTILE, "kind": "binary", "classes": ["0", HOSTILE], "ordered": False}
    about = {**DESCRIPTION, "title": HOSTILE, "outcomes": [outcome], "warnings": [HOSTILE]}
    save_bundle(tmp_path / "b", models={}, recipe="", description=about, tables=tables_of([HOSTILE]))
    yield Bundle(tmp_path / "b", {}, about)
    aucs = {"auc_nested": {HOSTILE: {"value": 0.7, "low": 0.6, "high": 0.8}}, "auc_optimistic": {}}
    row = {"feature": HOSTILE, "modality": "t1", "selected": True, "times_selected": 3, "auc": 0.7, "p": 0.01}
    selection = pd.DataFrame([{**row, "q_bh": 0.02, "median_coef": 0.5, "rank": 1}])
    yield SelectionTables(selection, *[pd.DataFrame()] * 8, record=aucs)


def test_no_text_of_a_table_or_a_name_is_markup(tmp_path):
    for result in hostile_results(tmp_path):
        rows = rows_of(result)
        assert any(HOSTILE in cell for row in rows for cell in row), type(result)


def test_a_fitted_chain_shows_what_each_step_saw_and_left_below_its_diagram():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    X = pd.DataFrame(rng.normal(size=(40, 6)), columns=[HOSTILE, *"bcdef"])
    X[HOSTILE] += 2 * y
    X["f"] = X[HOSTILE] + 0.001 * rng.normal(size=40)
    chain = SelectorChain([("test", MannWhitneySelector()), ("prune", CorrelationSelector())])
    assert "Features that each step saw" not in chain._repr_html_()
    chain.fit(X, y)
    html = chain._repr_html_()
    ours = html[html.rindex('<div class="radiofuse">') :]
    n_tested = int(chain.steps_["test"].get_support().sum())
    rows = Cells(ours).rows
    assert rows[1:3] == [["test", "6", str(n_tested)], ["prune", str(n_tested), str(int(chain.support_.sum()))]]
    assert "<script>alert(1)" not in ours
    assert chain._repr_mimebundle_()["text/html"].endswith(ours)


def test_long_tables_are_cut_with_a_word_and_have_no_color_of_their_own():
    class Long(NamedTuple):
        rows: pd.DataFrame

        def _repr_html_(self) -> str:
            return notebook.page(notebook.frame("Rows", self.rows))

    long = Long(pd.DataFrame({"x": range(1000)}))
    assert len(rows_of(long)) == 1 + notebook.SHOWN_ROWS
    assert "… and 988 more rows" in long._repr_html_()
    assert "#" not in notebook.STYLE and "overflow-x:auto" in notebook.STYLE  # dark and light notebooks, phones
