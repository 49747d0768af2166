"""What holds for every figure: axes in and out, and the same bytes as matplotlib writes."""

from __future__ import annotations

import base64
import inspect
import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radiofuse import report
from radiofuse.report.figures import draw_roc
from radiofuse.report.look import legend_below, new_axes, style, uri_of

PLOTS = sorted(name for name in dir(report) if name.startswith("plot_"))
IDS = [f"p{number:02}" for number in range(24)]
PREDICTIONS = pd.DataFrame(
    {
        **{"sample_id": IDS, "patient_id": IDS, "repeat": 0, "fold": 0, "model": "a $\\frac{b$"},
        **{"label": np.arange(24) % 2, "probability": np.linspace(0.1, 0.9, 24)},
    }
)
CURVE = pd.DataFrame(dict.fromkeys(("false_positive_rate", "true_positive_rate", "low", "high"), [0.0, 0.4, 1.0]))


@pytest.mark.parametrize("name", PLOTS)
def test_every_public_figure_takes_axes_and_returns_axes(name):
    signature = inspect.signature(getattr(report, name))
    assert signature.parameters["ax"].default is None
    assert signature.parameters["ax"].kind is inspect.Parameter.KEYWORD_ONLY
    assert signature.return_annotation == "Axes"


@pytest.mark.parametrize("name", ["plot_aucs", "plot_calibration", "plot_decision_curve", "plot_roc"])
def test_a_figure_of_predictions_is_drawn_on_the_axes_that_it_is_given(name):
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    assert getattr(report, name)(PREDICTIONS, ax=right) is right
    assert right.lines and not left.lines and not figure.legends
    figure.draw_without_rendering()  # a name that is no formula is none on axes of one's own either
    new = getattr(report, name)(PREDICTIONS)
    assert isinstance(new, Axes) and new.figure is not figure


def test_a_figure_is_drawn_once_and_has_the_bytes_that_savefig_writes():
    written = io.BytesIO()
    with style():
        figure = draw_roc(CURVE, "fusion 0.81", {"t1 0.70": CURVE}).figure
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    drawing = uri_of(draw_roc, CURVE, "fusion 0.81", {"t1 0.70": CURVE})
    assert base64.b64decode(drawing.partition(",")[2]) == written.getvalue()
    assert drawing.figure.dpi == figure.dpi


def test_a_legend_stands_below_the_name_of_the_axis():
    with style():
        axes = new_axes(3)
        axes.plot([0, 1], [0, 1], label="model")
        axes.set_xlabel("Penalty")
        legend_below(axes, 1)
        axes.figure.draw_without_rendering()
    assert axes.get_legend().get_window_extent().y1 < axes.xaxis.label.get_window_extent().y0
    assert axes.get_legend().get_window_extent().y0 > 0
