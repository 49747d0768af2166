"""Recalibrations on the page: curves before and after, observed over predicted, and the tables beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bundle_fixture import make_bundle

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.read import read_table
from radiofuse.report import write_report
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.experiment.figures import draw_uncertainty
from radiofuse.report.experiment.recalibrations import (
    recalibrated_models,
    recalibration_pictures,
    recalibration_table_of,
)
from radiofuse.report.experiment.uncertainty import uncertainty_picture, uncertainty_table
from radiofuse.report.figures import draw_calibration
from radiofuse.report.pictures import binned
from radiofuse.statistics import calibration_by_uncertainty, recalibration_table


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle whose mean has its log-odds halved, and doubled."""
    folder = make_bundle(
        tmp_path_factory.mktemp("maps") / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",)
    )
    predictions = read_table(folder, "predictions")
    rows = predictions[predictions["model"] == "mean"]
    odds = (rows["probability"] / (1 - rows["probability"])).to_numpy()
    methods = {"temperature": odds**0.5, "isotonic": odds**2}
    after = pd.concat([rows.assign(probability=one / (1 + one), method=name) for name, one in methods.items()])
    after.to_csv(folder / "recalibrated.csv", index=False)
    spreads = rows.assign(mean=0.5, sd=np.where(rows["sample_id"] < "P02", 0.03, 0.12))
    bins = calibration_by_uncertainty(predictions, spreads).assign(method="")
    bins[list(TABLES["calibration_by_uncertainty"].columns)].to_csv(
        folder / "calibration_by_uncertainty.csv", index=False
    )
    recalibration_table(predictions, after, n_resamples=20).to_csv(folder / "recalibrations.csv", index=False)
    return folder


def test_the_page_has_curves_before_and_after_and_the_tables(bundle, tmp_path):
    page = write_report(bundle, tmp_path / "page.html").read_text()
    assert "No patient has a part\nin the own recalibration" in page
    for title in ("As it is", "Temperature", "Isotonic regression"):
        assert f"Calibration of mean, {title}:" in page
    assert "mean as it is, and recalibrated, out of fold" in page
    assert "Log loss of all models, recalibrated" in page
    assert "Calibration of mean by the spread of its refits" in page


def test_the_tables_have_the_numbers_of_the_bundle(bundle):
    contents = read_contents(bundle)
    found = recalibration_table_of(contents)
    assert [name for name, _ in found.groups] == ["Temperature", "Isotonic regression"]
    told = read_table(bundle, "recalibrations").set_index(["method", "metric"])
    rows = {row[0]: row[1:] for row in found.groups[0][1]}
    assert rows["AUC"][2].value == "0.000"
    assert float(rows["Log loss"][1]) == pytest.approx(told.loc[("temperature", "log_loss"), "after"], abs=5e-4)
    assert rows["Calibration error (ECE)"][2].interval == ""
    assert recalibrated_models(contents).header == ("Model", "As it is", "Temperature", "Isotonic regression")


def test_bins_of_spread_are_told_up_to_the_last_one_with_patients_and_empty_ones_are_named(bundle):
    contents = read_contents(bundle)
    (_, rows), picture = uncertainty_table(contents).groups[0], uncertainty_picture(contents)
    assert [row[:2] for row in rows] == [
        ("0.00 to 0.05", "20"),
        ("0.05 to 0.10", "no patients"),
        ("0.10 to 0.15", "20"),
    ]
    assert "0.05 to 0.10 no patients;" in picture.alt
    told = contents.calibration_by_uncertainty.query("model == 'mean' and uncertainty == 'sd of refits'").iloc[:3]
    axes = draw_uncertainty(told)
    assert [text.get_text() for text in axes.texts] == ["20", "no patients", "20"]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx(told["ece"].fillna(0).tolist())


def test_without_recalibrations_there_is_nothing_of_them(bundle):
    contents = read_contents(bundle)
    contents = replace(contents, recalibrated=contents.recalibrated[:0], recalibrations=contents.recalibrations[:0])
    assert recalibration_table_of(contents) is None and recalibrated_models(contents) is None
    assert recalibration_pictures(contents) == []


def test_predicted_lies_on_x_and_observed_on_y():
    """Of 15 samples said to be .2 three are positive, of 15 said to be .9 six: overconfident, below the diagonal."""
    p, y = np.repeat([0.2, 0.9], 15), np.repeat([1, 0, 1, 0], [3, 12, 6, 9])
    ids = [f"s{row:02}" for row in range(30)]
    rows = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "model": "m", "label": y, "probability": p}
    axes = draw_calibration(binned(pd.DataFrame(rows), "m"))
    curve = next(line for line in axes.lines if line.get_marker() == "o")
    np.testing.assert_allclose(curve.get_xdata(), [0.2, 0.9])
    np.testing.assert_allclose(curve.get_ydata(), [0.2, 0.4])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted probability", "Observed share")
