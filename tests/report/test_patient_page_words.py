"""What one patient's page says of the answer: a group's share as a group's, and all that bears on trusting it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.bundle.intervals import intervals_of
from radiofuse.imaging.viewing import Viewing
from radiofuse.report.patient.numbers import share, unknown_numbers
from radiofuse.report.patient.page import render_patient_page
from radiofuse.report.patient.words import NAMES, READERS
from tests.accessibility import faults
from tests.bundle.test_probability_intervals import bundle
from tests.report.test_patient_page import ANSWER, OUTCOME, text_of


def page_of(reader: str = "doctor", **changed: Any) -> str:
    return text_of(render_patient_page(copy.deepcopy(ANSWER) | changed, None, reader))


def idh(**changed: Any) -> dict[str, Any]:
    return {"idh": OUTCOME | changed}


@pytest.mark.parametrize("reader", READERS)
def test_an_interval_is_told_of_a_group_and_drawn_apart_from_the_probability(reader: str) -> None:
    outcomes = idh(probability={"mutant": 0.9}, interval={"mutant": [0.499, 0.871]}, calibrated={"mutant": 0.701})
    page = render_patient_page(ANSWER | {"outcomes": outcomes}, None, reader)
    text = text_of(page)
    assert "of idh = mutant, 70.1% were of it" in text.replace("for idh", "of idh")
    assert "95% interval 49.9% to 87.1%" in text and "range goes with" not in text
    first = page.partition('<div class="bar"')[2].partition("</div>")[0]
    assert 'class="reach"' not in first and 'class="bar group"' in page
    assert "interval" not in first
    untold = page_of(reader, outcomes=idh(interval={"mutant": [0.499, 0.871]}))
    assert "49.9% to 87.1% were of it (95% interval)" in untold


def test_a_class_is_named_with_its_outcome() -> None:
    outcomes = idh(call="0", probability={"1": 0.424}, threshold=0.6, interval=None, models={}, contributions={})
    assert "How likely the model holds it that idh is 1: 42.4%. idh = 1 is called from 60.0% on." in page_of(
        "patient", outcomes=outcomes
    )
    assert "Called idh = 0. Probability of idh = 1: 42.4%." in page_of(outcomes=outcomes)


@pytest.mark.parametrize("reader", READERS)
def test_a_probability_just_below_its_threshold_is_told_apart_from_it(reader: str) -> None:
    text = page_of(reader, outcomes=idh(call="wildtype", probability={"mutant": 0.27235}, threshold=0.27241))
    assert "27.23%" in text and "from 27.24% on" in text


@pytest.mark.parametrize("reader", READERS)
def test_contradictions_are_told_whatever_the_bundle_s_folder_is_called(reader: str) -> None:
    text = page_of(reader, bundle="/srv/models/codel")
    assert "codel = codeleted implies idh = mutant (WHO 2021)" in text
    notes = [*ANSWER["notes"], "the calls contradict that a = 1 implies b = 2; Anna.nii.gz was left out"]
    text = page_of(reader, notes=notes)
    assert "a = 1 implies b = 2" in text and "Anna" not in text


def test_a_folder_of_slices_is_not_named_and_a_sequence_is() -> None:
    images = {"flair": "/x/Mueller", "t1ce": "/x/t1ce"}
    text = page_of(images=images, notes=["Mueller is older", "the image of t1ce is unlike those of training"])
    assert "Mueller" not in text and "image of t1ce is unlike" in text


@pytest.mark.parametrize("reader", READERS)
def test_an_image_outside_is_told_as_such_though_the_features_lie_inside(reader: str) -> None:
    spectra = {"flair": {"verdict": "outside", "distance": 2.0, "limit_95": 0.4, "limit_99": 0.6, "features": []}}
    of = ANSWER["applicability"] | {"features_verdict": "inside", "spectra": spectra}
    text = page_of(reader, applicability=of)
    assert "Inside the training cohort" not in text
    assert text.count("That is so of flair as a picture") == 2  # above everything, and where it is explained
    assert "none of them is like this patient" in text
    assert "That is so of" not in page_of(reader)  # the features say it themselves


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("the image of flair is unlike those of training, most in noise", "A picture is of another kind"),
        ("its mask was made by U-Net, those of training by an expert", "outlined by others"),
        ("site B is new to the model", "from a place that the model did not learn from"),
        ("The answer to idh is mean_updated, updated on B (40 patients)", "adjusted to patients of another place"),
        ("whether the model was trained on it cannot be told without the key", "cannot be told. If it did"),
        ("refused: an encoder was trained on it", "that is why it does not answer"),
    ],
)
def test_each_note_that_bears_on_trust_has_a_plain_sentence(note: str, said: str) -> None:
    assert said in page_of("patient", notes=[note]) and said not in page_of("patient", notes=[])


def test_scores_before_an_update_and_of_several_classes_are_told_as_such() -> None:
    own = ANSWER["evaluation"]["idh"] | {"level": 0.95, "interval_of": "had other patients been there"}
    for reader in READERS:
        text = page_of(reader, evaluation={"idh": own | {"before_update": True}})
        assert "before its probabilities were updated" in text
        assert "(95% interval 0.74 to 0.93, had other patients been there)" in text
        assert "before its" not in page_of(reader, evaluation={"idh": own})
        assert "How often the model is right" not in text
    several = {"who_grade": own | {"of_each_class": True}}
    assert "the property" not in page_of("patient", evaluation=several)
    assert "taken for each class and averaged" in page_of("patient", evaluation=several)
    assert "mean AUC of each class against the rest" in page_of(evaluation=several)


def test_answers_without_a_sequence_are_told_only_where_there_are_answers() -> None:
    assert "The answers that there are were made without." in page_of("patient")
    unanswered = {"codel": ANSWER["outcomes"]["codel_1p19q"]}
    assert "made without" not in page_of("patient", outcomes=unanswered)
    said = "t1ce is missing: the answer is made without t1ce, which has no probability."
    assert said in page_of(without={"t1ce": said})


def test_an_empty_set_is_explained() -> None:
    assert "it does not know" in page_of("patient", outcomes=idh(set="none"))
    assert "Answers that the model cannot rule out" not in page_of("patient", outcomes=idh(set="none"))
    assert "empty; the probability is unusual" in page_of(outcomes=idh(set="none"))


def test_five_regions_have_lines(pictures_of_five: Viewing) -> None:
    page = render_patient_page(ANSWER, pictures_of_five)
    assert all(f'data-region="R{n}"' in page for n in range(5))


@pytest.fixture
def pictures_of_five() -> Viewing:
    grid = sitk.Image(6, 6, 3, sitk.sitkUInt8)
    voxels = sitk.GetArrayFromImage(grid)
    regions = {f"R{n}": voxels == 0 for n in range(5)}
    for n, region in enumerate(regions.values()):
        region[:, n:, :] = False
        region[1, 0, 0] = True
    return Viewing(grid, {"t1": voxels}, regions)


@pytest.mark.parametrize("reader", READERS)
def test_an_answer_by_a_calibration_line_tells_its_share_beside_a_probability_far_from_it(
    tmp_path: Path, reader: str
) -> None:
    told = intervals_of(bundle(tmp_path, shift=-2.0), "idh", pd.Series({"1": 0.7}))
    (low, high), known = told["interval"]["1"], told["calibrated"]["1"]
    assert high < 0.7
    text = page_of(reader, outcomes=idh(call="1", probability={"1": 0.7}, models={}, contributions={}, **told))
    assert f"idh = 1, {share(known)} were of it (95% interval {share(low)} to {share(high)})" in text
    plain = "These shares are of a group of people."
    assert "70.0%" in text and "may lie outside of" in text
    assert (plain in text, "calibration line" in text) == ((True, False) if reader == "patient" else (False, True))


def test_what_takes_trust_from_a_number_stands_beside_it_too() -> None:
    asked = {"applicability": {"verdict": "inside"}, "missing": []}
    for reader, outside in (("patient", "Your pictures are unlike"), ("doctor", "The patient lies outside")):
        at = (
            render_patient_page(ANSWER, None, reader)
            .partition('<section class="outcome">')[2]
            .partition("</section>")[0]
        )
        assert outside in at and "and the answer was made without t1ce: do not rely on this number." in at
        assert "do not rely" not in page_of(reader, **asked)
        assert "The answer was made without t1ce." in page_of(reader, **asked | {"missing": ["t1ce"]})


DRAWN = {"network": "weighed", "volumes_ml": {"WT": 30.91, "ET": 0.366}, "looked_at": 0.004, "note": "its edge"}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("is_given", [True, False])
def test_regions_that_a_network_drew_are_told_as_its_own_and_hide_no_segmentation(
    reader: str, is_given: bool, pictures_of_five: Viewing
) -> None:
    if not is_given:
        pictures_of_five.regions.clear()
    labels = np.zeros((3, 6, 6), np.uint8)
    labels[1, 2:4, 2:5], labels[1, 3, 3] = 2, 3
    pictures_of_five.draw("weighed", labels, pictures_of_five.grid, "NCR=1 ED=2 ET=3")
    pictures_of_five.draw("idle", labels * 0, pictures_of_five.grid, "NCR=1 ED=2 ET=3")
    assert {name: int(one.sum()) for name, one in pictures_of_five.drawn["weighed"].items()} == {
        "WT": 6,
        "TC": 1,
        "ET": 1,
    }
    told = ANSWER | {"drawn_regions": [DRAWN], "pictures": pictures_of_five.told()}
    page = render_patient_page(told, pictures_of_five, reader)
    names = (*NAMES, "t1", *pictures_of_five.regions)
    assert unknown_numbers(text_of(page), told, names) == [] and faults(page) == []
    who = "the network weighed drew it" if reader == "doctor" else "the computer (weighed) drew it"
    assert f"as {who}" in page and "30.9" in page and "0.4%" in page and "idle" not in page
    assert ("looked at by no expert" in page) == (reader == "doctor")
    shown = 'data-region="weighed: WT"><path'  # at first, and on paper
    assert (shown in page) == (not is_given)
    on_paper = page.partition('id="montage"')[2]
    assert on_paper.partition("</svg>")[0].count("<g>") == (5 if is_given else 3)
    assert pictures_of_five.first_shown == 1
