"""Reports of runs with several outcomes, more than two classes, and a list of models."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest
from bundle_fixture import FUSIONS, MODALITIES, edit_about, edit_protocol, make_bundle, words_of
from page_parser import Page

from radiofuse.report import write_report
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.kinds import MEMBER, OTHER
from radiofuse.statistics import (
    best_of_models,
    compare_with_others,
    confusion_table,
    cross_validated_intervals,
    score_predictions,
)
from radiofuse.tables.predictions import slice_of

GRADES = ("2", "3", "4")
ORDERED = {"grade": GRADES}


def with_grades(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return an outcome of three classes beside one of two; of every tenth patient it is unknown."""
    known = predictions[~predictions["patient_id"].str.endswith("9")]
    early, share = known["patient_id"] < "P030", {"2": 1 - known["probability"], "3": 0.6 * known["probability"]}
    share["4"] = 0.4 * known["probability"]
    own = (known["label"] == 1).map({True: "3", False: "2"}).mask((known["label"] == 1) & ~early, "4")
    grades = [
        known.assign(outcome="grade", label=(own == name).astype(int), probability=share[name], **{"class": name})
        for name in GRADES
    ]
    grades = pd.concat(grades).sort_index(kind="stable")
    return pd.concat([predictions, grades], ignore_index=True)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = make_bundle(tmp_path_factory.mktemp("outcomes") / "bundle", n_patients=60, n_repeats=1)
    text = dict.fromkeys(("outcome", "class"), str)
    predictions = with_grades(pd.read_csv(folder / "predictions.csv", dtype=text))
    options = {"n_resamples": 20, "ordered": ORDERED}
    tables = {
        "predictions": predictions,
        "scores": score_predictions(predictions, **options),
        "comparisons": compare_with_others(predictions, "mean", **options),
        "learning_intervals": cross_validated_intervals(predictions),
        "best_of_models": best_of_models(predictions, [*MODALITIES, *FUSIONS], n_resamples=20),
    }
    for name in ("selected_features", "fusion_weights"):
        own = pd.read_csv(folder / f"{name}.csv")
        second = own.assign(model="second", **({"weight": 0.77} if "weight" in own else {}))
        both = pd.concat([own, second[second["modality"] == "t1"] if "modality" in own else second])
        tables[name] = pd.concat([both, both.assign(outcome="grade")])
    of_grade = (tables["fusion_weights"]["outcome"] == "grade") & (tables["fusion_weights"]["fusion"] == "regression")
    by_class = [tables["fusion_weights"][of_grade].assign(**{"class": name}) for name in GRADES]
    tables["fusion_weights"] = pd.concat([tables["fusion_weights"][~of_grade], *by_class])
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    grade = {"name": "grade", "kind": "multiclass", "classes": list(GRADES), "ordered": True}
    edit_about(folder, outcomes=[*json.loads((folder / "bundle.json").read_text())["outcomes"], grade])
    words = words_of(MODALITIES, FUSIONS)
    words["models"]["t2"] |= {"model": "second", "kind": MEMBER}
    words["models"]["flair"] |= {"model": "own", "kind": OTHER}
    edit_protocol(folder, words=words)
    return folder


@pytest.fixture(scope="module")
def html(bundle):
    return write_report(bundle).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parts(html):
    """The page of each outcome's part."""
    first, second, rest = (html.index(f'id="{name}"') for name in ("outcome-1", "outcome-2", "protocol"))
    cut = [html[first:second], html[second:rest]]
    return [Page(f"<section {part.rpartition('<section')[0]}") for part in cut]


@pytest.fixture(scope="module")
def scores(bundle):
    return read_contents(bundle).scores.set_index(["outcome", "class", "model", "metric"])["value"]


def test_every_link_leads_somewhere_and_each_anchor_is_there_once(html):
    page = Page(html)
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "download" not in attributes]
    assert len(set(anchors)) == len(anchors)
    assert {link.removeprefix("#") for link in links} <= set(anchors)
    assert {"#outcomes", "#outcome-1", "#outcome-2", "#weights-2"} <= set(links)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_one_table_compares_the_outcomes(html, scores):
    header, idh, grade = Page(html).tables["The outcomes, and the scores of mean in each"]
    assert header == ["Outcome", "AUC", "Balanced accuracy", "Patients", "Unknown", "Patients by class"]
    assert (idh[0], idh[3], idh[4]) == ("idh", "60", "0")
    assert (grade[0], grade[3], grade[4]) == ("grade", "54", "6")
    assert grade[1].startswith(f"{scores['grade', '', 'mean', 'auc']:.2f} (")
    counts = [int(n) for n in re.findall(r"(\d+) of", grade[5])]
    assert len(counts) == 3 and sum(counts) == 54


def test_several_classes_are_scored_as_a_whole_and_each_against_the_rest(parts, scores):
    header, *rows = parts[1].tables["Scores with intervals, out of fold"]
    assert header[1:-1] == [
        "AUC", "AUC, same models", "Hand-Till AUC",
        "Accuracy", "Balanced accuracy", "Macro F1", "MCC", "Weighted kappa", "Brier", "ECE",
    ]  # fmt: skip
    shown = dict(zip(header, next(row for row in rows if row[0] == "mean primary"), strict=True))
    for title, metric in {"Weighted kappa": "weighted_kappa", "Macro F1": "macro_f1"}.items():
        assert shown[title].startswith(f"{scores['grade', '', 'mean', metric]:.2f} (")
    _, *classes = parts[1].tables["Each class against the rest: scores of mean, out of fold"]
    for name, row in zip(GRADES, classes, strict=True):
        assert row[0] == name
        assert row[1].startswith(f"{scores['grade', name, 'mean', 'auc']:.2f} (")
    assert "Kappa" in parts[1].tables["Further scores, out of fold"][0]
    assert "Weighted kappa is agreement" in parts[1].text and "Weighted kappa is agreement" not in parts[0].text


def test_an_auc_of_several_classes_has_both_intervals_too(bundle, parts):
    learned = pd.read_csv(bundle / "learning_intervals.csv", keep_default_na=False, dtype={"class": str})
    learned = learned[(learned["outcome"] == "grade") & (learned["model"] == "mean")].set_index("class")
    _, *whole = parts[1].tables["Scores with intervals, out of fold"]
    header, *classes = parts[1].tables["Each class against the rest: scores of mean, out of fold"]
    assert header[1:3] == ["AUC", "AUC, same models"]
    shown = {"": next(row for row in whole if row[0] == "mean primary"), **dict(zip(GRADES, classes, strict=True))}
    for name, row in shown.items():
        expected = learned.loc[name]
        assert row[1] == f"{expected['value']:.2f} ({expected['low']:.2f} to {expected['high']:.2f})"
        assert row[2] != row[1]
    best = pd.read_csv(bundle / "best_of_models.csv").query("outcome == 'grade'").iloc[0]
    assert f"Of {best['n_models']} models, {best['model']} has the highest AUC" in parts[1].text


def test_calls_are_those_of_the_confusion_table(bundle, parts):
    rows = read_contents(bundle).predictions
    rows = rows[(rows["outcome"] == "grade") & (rows["model"] == "mean")]
    expected = confusion_table(rows).pivot(index="class", columns="called", values="n").to_numpy()
    _, *shown = parts[1].tables["Classes, and what the samples of each are called: calls of mean, out of fold"]
    assert [[float(cell.split()[0]) for cell in row[1:4]] for row in shown] == expected.tolist()


def test_curves_and_calibration_are_drawn_for_each_class(parts):
    texts = [attributes["alt"] for tag, attributes in parts[1].tags if tag == "img"]
    for name in GRADES:
        assert sum(text.startswith(f"{name} against the rest: ROC curves") for text in texts) == 1
        assert sum(text.startswith(f"Calibration of mean, Class {name}:") for text in texts) == 1
    assert not [text for tag, text in [("", t) for t in texts] if "trivial" in text and text.startswith("ROC")]


def test_weights_of_one_name_are_not_mixed_between_models_or_classes(parts):
    first, further = (parts[0].tables[caption] for caption in ("Weights of the members in each fusion",) * 2)
    assert first is further  # the last one of that caption, that of the second model
    assert {row[1].split()[0] for row in further[1:] if len(row) > 1} == {"0.77"}
    headings = [row[0] for row in parts[1].tables["Weights of the members in each fusion"] if len(row) == 1]
    assert headings == ["mean", "vote", "nonnegative", *(f"regression, class {name}" for name in GRADES)]
    assert parts[0].text.count("The model “second”") == 2


def test_members_of_further_fusions_stand_beside_the_main_table(parts, html):
    assert [row[0] for row in parts[0].tables["Scores of members of further fusions, out of fold"]][-1] == "t2"
    assert "t2" not in [row[0] for row in parts[0].tables["Scores with intervals, out of fold"]]
    assert "hexagons: other models" in html


def test_other_ways_to_split_are_told_by_their_words(bundle):
    edit_protocol(bundle, split="holdout")
    words = json.loads((bundle / "bundle.json").read_text())["protocol"]["words"]
    edit_protocol(bundle, words={**words, "split": {"title": "3 hold-outs of 25%", "does": "the rest is trained on"}})
    text = Page(write_report(bundle, bundle.parent / "split.html").read_text(encoding="utf-8")).text
    assert "In 3 hold-outs of 25%, the fusion “mean” reached" in text
    assert "3 hold-outs of 25%; the rest is trained on; no patient stands in both" in text


def test_a_class_of_the_predictions_can_be_taken_alone(bundle):
    contents = read_contents(bundle)
    view = contents.of(contents.outcomes[1]).of_class("3")
    alone = slice_of(contents.predictions, "grade", "3")
    assert view.predictions.equals(alone) and not view.has_several_classes
