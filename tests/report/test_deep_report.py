"""Reports of runs with encoders, constraint fusions, other features to compare with, and published tables."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from bundle_fixture import (
    ARMS,
    CONSTRAINED,
    DEEP,
    FUSIONS,
    MODALITIES,
    edit_about,
    edit_protocol,
    make_bundle,
    words_of,
)
from page_parser import Page

from radiofuse.errors import BundleError
from radiofuse.report import write_report
from radiofuse.report.experiment import protocol_words, sentences
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.kinds import ARM, ARM_MEMBER, FUSION, MODALITY, OTHER, REFERENCE

MAIN, COLLAPSED = "Scores with intervals, out of fold", "Scores of single modalities on other features, out of fold"
ADDED, WEIGHTS = "What each part adds (Shi et al. 2023, Table I)", "Weights (Shi et al. 2023, Table IV)"
ARM_FUSIONS = [f"{arm}_{fusion}" for arm in ARMS for fusion in FUSIONS]
ARM_MEMBERS = [f"{arm}_{modality}" for arm in ARMS for modality in MODALITIES]


@pytest.fixture(scope="module")
def deep_bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("deep") / "bundle", n_patients=60, n_repeats=1, deep=True)


@pytest.fixture(scope="module")
def html(deep_bundle):
    return write_report(deep_bundle).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture
def bundle(deep_bundle, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(deep_bundle, tmp_path / "bundle")


def text_of(bundle) -> str:
    return Page(write_report(bundle).read_text(encoding="utf-8")).text


def words_on(bundle) -> str:
    """What the page says of encoders and features, without the page and its pictures."""
    contents = read_contents(bundle)
    parts = [contents.of(outcome) for outcome in contents.outcomes]
    told = [
        told(contents) for told in (protocol_words.encoder, protocol_words.encoder_fitting, sentences.before_the_folds)
    ]
    return " ".join([sentences.summary(parts), *told])


def models_in(rows: list[list[str]]) -> list[str]:
    return [row[0].removesuffix(" primary") for row in rows[1:] if len(row) > 1]


def read_cell(cell: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+\.\d+", cell)]


def test_every_model_has_the_kind_that_its_name_says(deep_bundle):
    contents = read_contents(deep_bundle)
    kinds = {FUSION: [*FUSIONS, *CONSTRAINED], MODALITY: [*MODALITIES], ARM: ARM_FUSIONS, ARM_MEMBER: ARM_MEMBERS}
    kinds[REFERENCE] = ["clinical", "trivial"]
    assert {kind: [m for m in contents.models if contents.kind_of(m) == kind] for kind in kinds} == kinds


def test_a_name_that_the_description_does_not_know_is_another_model(bundle):
    edit_protocol(bundle, words=words_of(MODALITIES, FUSIONS, arms=["radiomics"]))
    contents = read_contents(bundle)
    assert contents.kind_of("deep_t1") == OTHER
    assert contents.kind_of("radiomics_t1") == ARM_MEMBER


def test_main_tables_hold_the_fusions_and_a_fold_out_the_single_modalities_on_other_features(page, html):
    assert models_in(page.tables[MAIN]) == [*FUSIONS, *CONSTRAINED, *MODALITIES, *ARM_FUSIONS, "clinical", "trivial"]
    headings = ["Fusions", "Single modalities", "Fusions on other features", "For comparison"]
    assert [row[0] for row in page.tables[MAIN] if len(row) == 1] == headings
    assert models_in(page.tables[COLLAPSED]) == ARM_MEMBERS
    inside = html[html.index("<details>") : html.index("</details>")]
    assert COLLAPSED in inside
    assert MAIN not in inside
    assert [tag for tag, attributes in page.tags if tag == "details" and "open" in attributes] == []


def test_comparisons_stand_under_the_same_headings_each_once(deep_bundle, page):
    main = page.tables["AUC of mean minus that of each other model"]
    collapsed = page.tables["AUC of mean minus that of each other model, on other features"]
    compared = pd.read_csv(deep_bundle / "comparisons.csv")["b"]
    assert sorted(models_in(main) + models_in(collapsed)) == sorted(compared)
    assert models_in(collapsed) == ARM_MEMBERS
    assert ["Fusions on other features"] in main


def test_pictures_leave_out_the_single_modalities_on_other_features(page):
    texts = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    auc, *curves = [text for text in texts if text.startswith(("AUC", "ROC"))]
    assert "constrained_method2 0." in auc
    assert "radiomics_nonnegative 0." in auc
    assert len(curves) == 3
    assert [name for name in re.findall(r"(\w+) 0\.", curves[2]) if name != "mean"] == ["deep_mean", "radiomics_mean"]
    assert not [text for text in (auc, *curves) if any(f"{name} " in text for name in ARM_MEMBERS)]


def test_the_best_single_modality_is_none_of_other_features(bundle):
    scores = pd.read_csv(bundle / "scores.csv")
    scores.loc[(scores["model"] == "deep_t1") & (scores["metric"] == "auc"), "value"] = 0.999
    scores.to_csv(bundle / "scores.csv", index=False)
    assert "The best single modality was t1ce" in text_of(bundle)


def test_published_scores_stand_beside_this_runs(deep_bundle, page):
    rows = pd.read_csv(deep_bundle / "published.csv").query("metric not in ['weight', 'in_sample']")
    header, *shown = page.tables[ADDED]
    assert header[1::2] == ["AUC", "Accuracy", "Precision", "Recall", "F1"]
    assert set(header[2::2]) == {"published"}
    assert [row[0] for row in shown] == list(rows["row"].drop_duplicates())
    assert shown[-1][0] == "Trivial rule"
    cells = [cell for row in shown for cell in row[1:]]
    for ours, theirs, row in zip(cells[::2], cells[1::2], rows.itertuples(), strict=True):
        assert read_cell(ours) == pytest.approx([row.value, row.low, row.high], abs=0.005 + 1e-12)
        assert theirs == ("" if pd.isna(row.published) else f"{row.published:.2f}")


def test_published_weights_stand_beside_out_of_fold_and_in_sample_ones(deep_bundle, page):
    weights = pd.read_csv(deep_bundle / "fusion_weights.csv").query("fusion == 'regression'")
    header, *shown = page.tables[WEIGHTS]
    assert header == ["Member", "Final model", "In sample", "published"]
    for (member, ours, in_sample, theirs), row in zip(shown, weights.itertuples(), strict=True):
        assert member == row.member
        assert read_cell(ours) == pytest.approx([row.weight, row.low, row.high], abs=0.005 + 1e-12)
        assert float(in_sample) == pytest.approx(row.in_sample, abs=0.005 + 1e-12)
        assert theirs == ("-0.28" if member == "(intercept)" else "0.49")
    assert "no model answers by them" in page.text


class Cells(HTMLParser):
    """The classes of the cells that hold a text."""

    def __init__(self, html: str, wanted: str):
        super().__init__()
        self.wanted, self.open, self.found = wanted, "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag in ("td", "th"):
            self.open = dict(attrs).get("class") or ""

    def handle_data(self, data):
        if data.strip() == self.wanted:
            self.found.append(self.open)


def test_published_values_have_muted_cells_of_their_own(html):
    section = html[html.index('<section id="published">') : html.index('<section id="curves">')]
    assert set(Cells(section, "0.82").found) >= {"number published"}
    assert set(Cells(section, "-0.28").found) == {"number published"}
    assert section.count("<h2>Beside the published values</h2>") == 1
    assert "another cohort" in " ".join(section.split())


def test_hostile_text_in_published_tables_stays_text(bundle):
    words = "<script>alert(1)</script>"
    rows = pd.read_csv(bundle / "published.csv")
    rows.assign(table=words + rows["table"], source=words, row=words + rows["row"]).to_csv(
        bundle / "published.csv", index=False
    )
    page = Page(write_report(bundle).read_text(encoding="utf-8"))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count(words) >= 10


def test_without_published_tables_and_arms_nothing_of_them_is_said(tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    page = Page(write_report(bundle).read_text(encoding="utf-8"))
    assert "details" not in {tag for tag, _ in page.tags}
    for word in ("Beside the published", "In sample", "other features", "Encoder", "pentagons"):
        assert word not in page.text
    assert "#published" not in [attributes.get("href") for _, attributes in page.tags]
    assert "from radiomic features of 1 modality" in page.text


def test_the_file_of_published_tables_must_be_there(bundle):
    (bundle / "published.csv").unlink()
    with pytest.raises(BundleError, match=r"bundle lacks the file published\.csv\."):
        write_report(bundle)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            [
                "san10_small for each modality",
                "its embedding stands beside the other features, before selection; epochs = 15, learning_rate = 0.001",
                "encoders that never saw them (3-fold), aligned to the axes of the one for new patients.",
            ],
        ),
        ({"output": "logit", "training": {}}, ["its logit stands beside", "never saw them (3-fold). "]),
        ({"protocol": "as_published"}, ["As published, training patients carry the output of the very encoder"]),
        (
            {"channels": ["t1ce", "flair"], "slices": "middle", "options": {"width": 0.5}, "intensities": "nyul"},
            [
                "san10_small on t1ce and flair as its channels",
                "trained on the axial slices of the middle, without a mask",
                "width = 0.5, intensities = nyul, epochs = 15",
            ],
        ),
        ({"join": "logit"}, ["its logit is added to the answer of the other members", "whom it was not trained on."]),
        ({"join": "auto"}, ["not at all, as a member of its own or by its logit", "whom it was not trained on."]),
        ({"join": "members"}, ["a member of the fusion of its own", "only for patients whom it was not trained on."]),
    ],
)
def test_the_protocol_says_how_the_encoders_were_trained(bundle, changes, expected):
    edit_protocol(bundle, deep={**DEEP, **changes})
    text = words_on(bundle)
    assert not [sentence for sentence in expected if sentence not in text]
    assert ("As published" in text) == (changes.get("protocol") == "as_published")


@pytest.mark.parametrize(
    ("radiomics", "columns", "features", "before"),
    [
        ({"preset": "shi2023"}, [], "radiomic and deep features (san10_small) of 4", "A radiomic feature depends on"),
        (None, ["t1__crop"], "deep features (san10_small) of 4 modalities", "A tumor crop depends on one image"),
        (None, ["t1__own", "t1__crop"], "ready-made and deep features (san10_small)", "The features came ready-made"),
    ],
)
def test_the_summary_says_what_kinds_of_features_there_were(bundle, radiomics, columns, features, before):
    edit_about(bundle, settings={"radiomics": radiomics}, columns=columns)
    text = words_on(bundle)
    assert f"from {features}" in text
    assert before in text


def test_features_of_the_table_are_told_beside_those_of_images(bundle):
    edit_about(bundle, settings={"radiomics": {"preset": "shi2023"}, "ready_made": ["pet", "t2"]})
    text = words_on(bundle)
    assert "from radiomic, ready-made and deep features (san10_small) of" in text
    assert "Before the folds: unknown. The features of pet and t2 came ready-made; whether" in text


def test_what_is_said_of_encoders_and_features_stands_on_the_page(page, deep_bundle):
    contents = read_contents(deep_bundle)
    for told in (protocol_words.encoder, protocol_words.encoder_fitting, sentences.before_the_folds):
        assert told(contents) and " ".join(told(contents).split()) in page.text
    assert sentences.summary([contents.of(outcome) for outcome in contents.outcomes]) in page.text


def test_the_protocol_names_constraint_fusions_and_other_features(page, deep_bundle):
    assert f"{', '.join([*FUSIONS, *CONSTRAINED])}; the primary one, fixed beforehand, is mean" in page.text
    assert "all but these also on deep and radiomics features alone" in page.text
    assert "The single modalities on deep and radiomics features alone (deep: each network's own softmax" in page.text
    assert "own softmax probability per modality, no selection and no classifier" in page.text


def test_a_run_of_networks_on_images_alone_tells_of_no_encoder_selector_or_fusion(bundle):
    edit_protocol(bundle, steps=["on_pictures"], arms=[])
    weights = pd.read_csv(bundle / "fusion_weights.csv")
    weights["weight"] = [0.2501 + place / 1e5 for place in range(len(weights))]
    weights.to_csv(bundle / "fusion_weights.csv", index=False)
    page = Page(write_report(bundle).read_text(encoding="utf-8"))
    methods = page.text.partition("What was fitted where")[2].partition("Failures")[0]
    assert "the networks on images, as a whole" in methods
    assert not any(word in methods for word in ("selection", "classifier", "encoder", "learned fusions"))
    assert "from images of 4 modalities" in page.text and "deep features" not in page.text
    assert "No model of this run selects features" in page.text and "features were chosen" not in page.text
    assert not any(
        word in page.text for word in ("Selector", "Classifier", "before selection", "has the largest weight")
    )
