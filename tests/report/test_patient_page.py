"""One patient's page: every number is one of the answer's, for whom it is changes words alone, nothing hostile runs."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import RequestError
from radiofuse.imaging.viewing import SeenMap, Viewing, view_images
from radiofuse.report import write_patient_page
from radiofuse.report.patient.numbers import TOKEN, unknown_numbers
from radiofuse.report.patient.page import render_patient_page
from radiofuse.report.patient.words import NAMES, READERS
from tests.accessibility import faults
from tests.browser import Browser, started
from tests.report.test_printed_page import drawn_pages

OUTCOME = {
    "call": "mutant",
    "threshold": 0.3718,
    "set": "wildtype or mutant",
    "probability": {"mutant": 0.7712},
    "interval": {"mutant": [0.3145, 0.9021]},
    "interval_level": 0.95,
    "interval_of": "Refits to other patients.",
    "models": {"t1ce": {"mutant": 0.6901}, "flair": {"mutant": 3.4e-38}, "mean": {"mutant": 0.7712}},
    "contributions": {"t1ce": {"mutant": 0.497}, "(intercept)": {"mutant": -0.149}},
}
ANSWER: dict[str, Any] = {
    "written_by": "radiofuse predict --patient",
    "bundle": "/secret/place/bundle",
    "engine": {"radiofuse": "0.9.1"},
    "sample_id": "P-17",
    "images": {"flair": "/secret/place/P-17/flair.nii.gz"},
    "missing": ["t1ce"],
    "outcomes": {
        "idh": OUTCOME,
        "who_grade": {
            "call": "3",
            "threshold": None,
            "probability": {"2": 0.1017, "3": 0.6083, "4": 0.29},
            "models": {},
            "contributions": {},
        },
        "codel_1p19q": {
            "call": None,
            "threshold": 0.5,
            "probability": {"codeleted": None},
            "models": {},
            "contributions": {},
        },
    },
    "volumes_ml": {"WT": 57.3051, "ET": 32.731},
    "failures": [{"sample_id": "P-17", "modality": "t2", "code": "empty_roi", "message": "Anna.nii is zero."}],
    "notes": [
        "Layout: brats.",
        "Files of other kinds left out: Anna M t1.nii.gz.",
        "2 of 6 columns far outside the training range; the calls contradict that codel = codeleted implies idh = "
        "mutant (WHO 2021)",
    ],
    "as_published": [],
    "beside_images": {"age": 56.0, "sex": 0.0, "site": None},
    "dropout_spread": [
        {"network": "flair", "outcome": "idh", "class": "mutant", "mean": 0.7421, "sd": 0.0513, "passes": 20}
    ],
    "applicability": {
        "verdict": "outside",
        "distance": 4.213,
        "limit_95": 2.07,
        "limit_99": 3.31,
        "features": [{"feature": "t1ce__original_firstorder_Mean", "value": 912.4, "low": 10.5, "high": 300.25}],
        "spectra": {"flair": {"verdict": "inside", "distance": 0.21, "limit_95": 0.4, "limit_99": 0.6, "features": []}},
        "note": None,
    },
    "similar": {"n": 15, "shares": {"idh": {"mutant": 0.6, "wildtype": 0.4}}},
    "evaluation": {
        "idh": {"n_patients": 98, "auc": 0.8381, "low": 0.7426, "high": 0.9337, "slope": 0.81, "slope_low": 0.5,
                "slope_high": 1.2}
    },
    "synthetic": True,
}  # fmt: skip


def text_of(page: str) -> str:
    """Return what a reader sees or hears: text, labels and alternatives, without scripts and style."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page.partition("<body>")[2], flags=re.S)
    spoken = " ".join(re.findall(r'(?:alt|aria-label)="([^"]*)"', body))
    return unescape(" ".join((re.sub(r"<[^>]+>", " ", body) + " " + spoken).split()))


@pytest.fixture(scope="module")
def pictures() -> Viewing:
    """Small slices with two regions and a map."""
    grid = sitk.Image(24, 20, 12, sitk.sitkUInt8)
    shape = (12, 20, 24)
    ramp = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    whole, core = np.zeros(shape, bool), np.zeros(shape, bool)
    whole[3:9, 4:15, 5:18], core[5:8, 6:10, 8:12] = True, True
    seen = SeenMap("grad_cam of flair, idh = mutant", "What lowers it is cut off at 0.", ramp / ramp.max())
    gray = {name: (ramp * factor % 255).astype(np.uint8) for name, factor in (("flair", 1.0), ("t1ce", 0.3))}
    return Viewing(grid, gray, {"WT": whole, "TC": core}, [seen])


@pytest.fixture(scope="module")
def answer(pictures: Viewing) -> dict[str, Any]:
    return ANSWER | {"pictures": pictures.told()}


@pytest.mark.parametrize("reader", READERS)
def test_every_number_of_the_page_is_one_of_the_answer(answer: dict[str, Any], pictures: Viewing, reader: str) -> None:
    text = text_of(render_patient_page(answer, pictures, reader))
    assert unknown_numbers(text, answer, NAMES) == []
    for number in ("77.1%", "31.4%", "90.2%", "95%", "37.2%", "57.3", "20", "74.2%", "5.1%", "60.8%", "15", "0.84"):
        assert number in text
    other = copy.deepcopy(answer)
    other["outcomes"]["idh"]["probability"]["mutant"] = 0.7712 - 0.002
    del other["outcomes"]["idh"]["models"]
    assert "77.1%" in unknown_numbers(text, other, NAMES)


def test_wording_differs_and_values_do_not(answer: dict[str, Any], pictures: Viewing) -> None:
    doctor, patient = (text_of(render_patient_page(answer, pictures, reader)) for reader in ("doctor", "patient"))
    numbers = [{found[0].strip() for found in TOKEN.finditer(text)} for text in (doctor, patient)]
    assert numbers[1] <= numbers[0] and len(numbers[1]) > 20
    assert "log-odds" in doctor and "log-odds" not in patient
    assert "whether a gene called IDH is changed" in patient and "t1ce__original" not in patient


@pytest.mark.parametrize("reader", READERS)
def test_the_page_says_what_bears_on_trusting_it(answer: dict[str, Any], pictures: Viewing, reader: str) -> None:
    page = render_patient_page(answer, pictures, reader)
    text = text_of(page)
    assert faults(page) == []
    assert text.count("Research use only") >= 3 and "position: fixed" in page
    assert "Not for any patient" in text and "Outside the training cohort" in text
    assert "codel = codeleted implies idh = mutant (WHO 2021)" in text
    assert "the model read age 56.0 and sex F. It reads site too, which it was not told." in text
    assert "t1ce was" in text and "t2 could not be used" in text
    assert "secret" not in page and "flair.nii.gz" not in page and "Anna" not in page
    assert "Refits to other patients." in text and "wildtype or mutant" in text
    assert ("As there are several, the model does not know." in text) == (reader == "patient")


def test_what_an_answer_does_not_hold_is_said_and_not_made_up() -> None:
    bare = {name: ANSWER[name] for name in ("sample_id", "missing", "failures")} | {
        "outcomes": {"idh": {**OUTCOME, "interval": None, "set": None, "contributions": {}}}
    }
    text = text_of(render_patient_page(bare, None))
    assert "is not known" in text and "Pictures" not in text and "interval" not in text
    assert unknown_numbers(text, bare) == []
    for spoiled, words in [
        ({"outcomes": {"idh": {"call": "1"}}}, "The outcome idh lacks threshold"),
        ({"outcomes": {"idh": OUTCOME | {"probability": {"mutant": "<b>"}}}}, "probability, mutant: .* got '<b>'"),
        ({"notes": [7]}, "notes, item 1: text was expected"),
        ({"similar": {"n": 10}}, "similar: "),
    ]:
        with pytest.raises(RequestError, match=words):
            render_patient_page(bare | spoiled, None)
    with pytest.raises(RequestError, match="lacks outcomes"):
        render_patient_page({"sample_id": "P", "missing": [], "failures": []}, None)
    with pytest.raises(RequestError, match="doctor or patient, not for 'nurse'"):
        render_patient_page(bare, None, "nurse")


def test_images_lie_upright_on_one_grid_with_nested_outlines(tmp_path: Path) -> None:
    voxels = np.zeros((10, 30, 26), np.float32)
    voxels[1:9, 5:25, 4:22] = 100
    voxels[6:8, 7:12, 6:10] = 900  # in the upper half, in front, on the patient's right
    mask = np.zeros(voxels.shape, np.uint8)
    mask[4:7, 8:14, 7:12], mask[5, 9:11, 8:10], mask[4, 9, 9] = 2, 3, 1
    for name, values in (("t1", voxels), ("seg", mask)):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((1.0, 1.0, 3.0))
        sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), tmp_path / f"{name}.nii.gz")
    seen = view_images(
        {"t1": str(tmp_path / "t1.nii.gz"), "t2": "no.nii"}, str(tmp_path / "seg.nii.gz"), "NCR=1 ED=2 ET=3"
    )
    assert {name: int(region.sum()) for name, region in seen.regions.items()} == {"WT": 90, "TC": 5, "ET": 4}
    brightest = np.unravel_index(seen.sequences["t1"].astype(int).argmax(), seen.sequences["t1"].shape)
    depth, height, width = seen.sequences["t1"].shape
    assert brightest[0] > depth / 2 and brightest[1] < height / 2 and brightest[2] < width / 2
    assert seen.grid.GetSpacing() == (1.0, 1.0, 3.0) and (depth, height, width) == (10, 28, 26)
    assert seen.notes and seen.notes[0].startswith("t2 cannot be shown") and "no.nii" not in seen.notes[0]
    at = {"t1": str(tmp_path / "t1.nii.gz")}, str(tmp_path / "seg.nii.gz")
    for coding, label, sizes in [
        ("", 2, {"mask": 85}),  # what the model reads, and no more
        ("", "any", {"mask": 90}),
        ("", None, {"drawn": 90}),
        ("ET=3", "any", {"ET": 4}),  # no whole tumor of a coding that knows of no edema
        ("NCR=1 ET=3", "any", {"TC": 5, "NCR": 1, "ET": 4}),
    ]:
        seen = view_images(*at, coding, label)
        assert {name: int(region.sum()) for name, region in seen.regions.items()} == sizes


def test_what_lies_elsewhere_is_said_to_be_left_out(tmp_path: Path) -> None:
    voxels = np.zeros((6, 12, 12), np.float32)
    voxels[1:5, 2:10, 2:10] = np.arange(8, dtype=np.float32) + 5
    for name, values, origin in [("t1", voxels, 0), ("t2", voxels[:5], 500), ("seg", voxels > 7, 500)]:
        image = sitk.GetImageFromArray(values.astype(np.uint8 if name == "seg" else np.float32))
        image.SetOrigin((0.0, origin, 0.0))
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    paths = {name: str(tmp_path / f"{name}.nii.gz") for name in ("t1", "t2", "seg")}
    seen = view_images({name: paths[name] for name in ("t1", "t2")}, paths["seg"])
    assert [*seen.sequences] == ["t1"] and not seen.regions
    assert [note.partition(" ")[0] for note in seen.notes] == ["t2", "The"] and "outlines nothing" in seen.notes[1]


def test_hostile_names_do_not_run(answer: dict[str, Any], pictures: Viewing) -> None:
    bad = '</script><img src=x onerror=alert(1)>"'
    told = answer | {"sample_id": bad, "outcomes": {bad: OUTCOME | {"probability": {bad: 0.5}}}, "missing": [bad]}
    shown = Viewing(pictures.grid, {bad: pictures.sequences["flair"]}, {bad: pictures.regions["WT"]})
    page = render_patient_page(told, shown)
    assert "<img src=x" not in page and page.count("</script>") == 2


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def test_slices_scroll_by_keys_without_errors_or_requests(
    browser: Browser, answer: dict[str, Any], pictures: Viewing, tmp_path: Path
) -> None:
    page = write_patient_page(answer, pictures, tmp_path / "page.html")
    browser.open(page.as_uri(), 390, 844)
    assert browser.value("document.getElementById('counter').textContent") == f"{pictures.first_shown + 1} of 12"
    assert browser.value("getComputedStyle(document.getElementById('montage')).display") == "none"
    assert browser.value("getComputedStyle(document.querySelector('.map')).display") == "none"  # until one is chosen
    first = browser.value("document.querySelector('.slice').src")
    browser.value("document.getElementById('tiles').focus()")
    browser.press("ArrowUp")
    browser.until(f"document.getElementById('counter').textContent === '{pictures.first_shown + 2} of 12'")
    assert browser.value("document.querySelector('.slice').src") != first
    assert "with WT" in browser.value("document.querySelector('.slice').alt")
    browser.press("End")
    browser.until("document.getElementById('counter').textContent === '12 of 12'")
    assert browser.value("document.querySelector('[data-region=WT] path').getAttribute('d')") == ""
    browser.value("{const m = document.getElementById('map'); m.value = '0'; m.dispatchEvent(new Event('change'))}")
    assert browser.value("!document.querySelector('.map').hidden && document.querySelector('.map').src.length > 50")
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert browser.errors == [] and browser.requests == [page.as_uri()]


def test_every_printed_page_says_research_use_only(
    browser: Browser, answer: dict[str, Any], pictures: Viewing, tmp_path: Path
) -> None:
    page = write_patient_page(answer, pictures, tmp_path / "page.html")
    browser.open(page.as_uri())
    pages = drawn_pages(browser.pdf(tmp_path / "page.pdf").read_bytes())
    heights = [re.findall(rb"(\S+) Tm", drawn) for drawn in pages]
    lines = set.intersection(*map(set, heights))  # what stands at one place of every page is in its margin
    assert len(pages) > 2 and len(lines) == 1
    assert browser.value("getComputedStyle(document.querySelector('.every-page')).display") == "none"
