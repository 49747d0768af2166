"""Samples that are called wrongly: by name and with pictures only where asked for, and those of the predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from bundle_fixture import make_bundle
from page_parser import Page
from typer.testing import CliRunner

from radiofuse.commands.report import app
from radiofuse.errors import RequestError
from radiofuse.imaging.portrait import SIDE, SMALL, Portrait
from radiofuse.report import write_report
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.experiment.misclassified import threshold_of, wrongly_called


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("wrong") / "bundle", n_patients=60, n_repeats=2)


def by_hand(bundle):
    rows = pd.read_csv(bundle / "predictions.csv", dtype={"class": str})
    rows = rows[rows["model"] == "mean"]
    points = pd.read_csv(bundle / "operating_points.csv")
    threshold = points[(points["model"] == "mean") & (points["metric"] == "threshold")]["value"].iloc[0]
    each = rows.groupby("sample_id")[["label", "probability"]].mean()
    return each[(each["probability"] >= threshold) != (each["label"] == 1)], threshold


def test_they_are_those_whose_mean_answer_is_on_the_other_side_of_the_threshold(bundle):
    contents = read_contents(bundle)
    expected, threshold = by_hand(bundle)
    told = wrongly_called(contents)
    assert threshold_of(contents) == threshold
    assert set(told["sample_id"]) == set(expected.index)
    assert len(told) > 3
    own = expected.loc[told["sample_id"]]
    np.testing.assert_allclose(told["probability"], np.where(own["label"], own["probability"], 1 - own["probability"]))
    assert told["probability"].is_monotonic_increasing
    assert told["wrong_in"].between(0, 1).all()


def test_the_page_names_them_only_when_asked(bundle, tmp_path):
    names = by_hand(bundle)[0].index
    silent = write_report(bundle, tmp_path / "silent.html").read_text()
    assert not [name for name in names if name in silent]
    page = Page(write_report(bundle, tmp_path / "named.html", portraits={}).read_text())
    assert all(name in page.text for name in names)
    assert "hand it on only to those who may know" in page.text


def test_pictures_stand_beside_those_they_are_of(bundle, tmp_path):
    (first, *_) = wrongly_called(read_contents(bundle))["sample_id"]
    flat = np.zeros((SIDE, SIDE), np.uint8)
    one = Portrait(flat, flat > 0, np.zeros([SMALL] * 3, np.float32), (1, 1, 1), (9, 9, 9), "LPS", 0, 1, {1: 2.0}, 0.1)
    page = Page(write_report(bundle, tmp_path / "p.html", portraits={(first, "t1"): one}).read_text())
    (shown,) = [one for tag, one in page.tags if tag == "img" and one["src"].startswith("data:image/jpeg")]
    assert shown["alt"] == f"Slices with most tumor of {first}: t1."


def test_what_cannot_be_asked_for_is_refused(bundle, tmp_path):
    for options, words in ((["--pictures", "c.csv"], "--misclassified"), ([], None)):
        result = CliRunner().invoke(app, [str(bundle), "--out", str(tmp_path / "a.html"), *options])
        assert (result.exit_code == 2) == (words is not None), result.output
        assert words is None or words in result.stderr
    with pytest.raises(RequestError):
        write_report(pd.DataFrame(), None)
