"""Every kind of page can be read by whoever sees little, few colors or nothing, or has no mouse: WCAG 2.1 AA."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_fixture import make_bundle
from matplotlib.colors import to_hex

from radiofuse import report
from radiofuse.report import call_figures, look
from radiofuse.report.forms.write import write_forms
from radiofuse.report.selection import figures as of_selections
from tests.accessibility import GRAPHICS, TEXT, contrast, faults, pale_pairs

SHEETS = sorted(Path(str(files(report))).rglob("*.css"))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: str(path.relative_to(path.parents[1])))
def test_every_text_can_be_told_from_every_background(sheet):
    css = re.sub(r"^\.(stack|swatch|montage)\b.*$", "", tokens(sheet) + sheet.read_text(), flags=re.M)  # hold pictures
    assert not pale_pairs(css)
    assert pale_pairs(css + ":root { --paler: #8a949e; } i { color: var(--paler); }")  # else nothing was compared


def tokens(sheet: Path) -> str:
    """Return the names of colors that a sheet takes from the one that every page has."""
    page = Path(str(files(report))) / "page.css"
    return "" if sheet == page else re.search(r":root \{.*?\}", page.read_text(), re.S)[0]


def test_letters_on_pictures_can_be_told_from_them():
    css = (Path(str(files(report))) / "patient" / "page.css").read_text()
    letters = re.search(r"^\.stack \.side \{.*?color: (#\w+)", css, re.M)[1]
    ground = re.search(r"^\.stack \{.*?background: (#\w+)", css, re.M)[1]
    assert contrast(letters, ground) >= TEXT


def test_what_figures_draw_can_be_told_from_paper():
    texts = {look.INK, look.GREY}
    drawn = {look.GREY, look.PRIMARY, look.OTHER, of_selections.WARM, *look.CURVE_COLORS}
    drawn |= {style["color"] for style in (*look.KIND_STYLE.values(), *of_selections.STAGES)}
    assert not [color for color in texts if contrast(color, "#ffffff") < TEXT]
    assert not [color for color in drawn if contrast(color, "#ffffff") < GRAPHICS]
    cells = [to_hex(call_figures.SHARES(share)) for share in np.linspace(0, 1, 11)]
    assert not [color for color in cells if contrast(look.INK, color) < TEXT]


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    bundle = make_bundle(folder / "run" / "bundle", n_patients=40, n_repeats=1, modalities=("t1", "t2"))
    forms = write_forms(bundle, forms=["metrics"])
    predictions = pd.read_csv(bundle / "predictions.csv", dtype={"class": str})
    written = {
        "experiment": report.write_report(bundle),
        "experiment that names patients": report.write_report(bundle, folder / "named.html", portraits={}),
        "forms": forms / "metrics.html",
        "predictions": report.write_report(predictions, folder / "predictions.html"),
    }
    return {name: path.read_text() for name, path in written.items()}


@pytest.mark.parametrize("name", ["experiment", "experiment that names patients", "forms", "predictions"])
def test_a_page_has_names_for_all_that_is_on_it(pages, name):
    assert not faults(pages[name])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('<html lang="en">', "<html>", "no language"),
        ('<th scope="row">', "<th>", "a th without scope"),
        ("</h1>", "</h1><h4>deep</h4>", "h4 follows h1"),
        ('alt="', 'title="', "an image without words"),
        ("<caption>", "<p>", "no caption of every table"),
        ('tabindex="0" role="region"', "", "a place to scroll"),
        ("<main>", '<main><textarea id="x"></textarea>', "a field without a label"),
        ("<main>", '<main><a href="#gone">there</a>', "a link to #gone"),
    ],
)
def test_a_planted_fault_is_found(pages, old, new, said):
    html = pages["predictions"]
    assert old in html
    close = {"<caption>": ("</caption>", "</p>")}.get(old)
    spoiled = html.replace(old, new)
    spoiled = spoiled.replace(*close) if close else spoiled
    assert any(fault.startswith(said) for fault in faults(spoiled))
