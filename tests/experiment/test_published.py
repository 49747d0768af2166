"""Published tables beside this run's: every number at its place, and names that exist."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.read import read_table
from radiofuse.commands.published_words import describe_published
from radiofuse.errors import RequestError
from radiofuse.experiment.recipe.recipe import PublishedTable
from radiofuse.experiment.scores.published import check_models, published_rows

MODELS = ("t1", "mean", "linear_regression", "trivial")
FUSIONS = ("mean", "linear_regression")
SELECTING = {"fusion": ["t1", "t2"]}
SELECTED = pd.DataFrame(
    [
        ("idh", "fusion", "t1", "glcm_Contrast", 0.5, True),
        ("idh", "fusion", "t1", "shape_Sphericity", 1.0, False),
        ("idh", "fusion", "t1", "san10_0001", 1.0, True),
        ("idh", "fusion", "t2", "san10_0007", 0.5, False),
        ("idh", "radiomics", "t1", "glcm_Contrast", 1.0, True),
        ("grade", "fusion", "t1", "glcm_Contrast", 1.0, True),
    ],
    columns=["outcome", "model", "modality", "feature", "frequency", "in_final_model"],
)
READ = {"t1": ["t1__glcm_Contrast", "t1__shape_Sphericity"], "t2": ["t2__glcm_Contrast"]}
WEIGHT_COLUMNS = list(TABLES["fusion_weights"].columns)


def score_table(**changes) -> PublishedTable:
    rows = [
        {"name": "T1", "model": "t1", "published": [0.53, None]},
        {"name": "Average", "model": "mean", "published": [0.79, 0.74]},
    ]
    content = {"title": "Fusion", "source": "Shi et al. 2023, Table III", "metrics": ["auc", "accuracy"], "rows": rows}
    return PublishedTable(**{**content, **changes})


def weight_table(**changes) -> PublishedTable:
    content = {"title": "Weights", "source": "Table IV", "fusion": "linear_regression"}
    return PublishedTable(**{**content, "published": {"t1": 0.4, "t2": 0.3, "(intercept)": -0.28}, **changes})


def rows_of(tables, scores, weights) -> pd.DataFrame:
    return published_rows(tables, scores, weights, SELECTED, "idh", read=READ)


def survivor_table(**changes) -> PublishedTable:
    content = {
        "title": "Survivors",
        "source": "II-D",
        "selected_by": "fusion",
        "survivors": {"t1": [3, 1], "t2": [4, 1]},
    }
    return PublishedTable(**{**content, **changes})


@pytest.fixture(scope="module")
def scores():
    rows = [
        ("idh", model, metric, 0.6 + 0.01 * i, 0.5, 0.7)
        for i, (model, metric) in enumerate((model, metric) for model in MODELS for metric in ("auc", "accuracy", "f1"))
    ]
    return pd.DataFrame(rows, columns=["outcome", "model", "metric", "value", "low", "high"])


@pytest.fixture(scope="module")
def weights():
    rows = [
        ("idh", "fusion", "mean", "t1", "", 1.0, np.nan, np.nan, 1.0, 1.0, 1.0, np.nan),
        ("idh", "fusion", "linear_regression", "t1", "", 0.05, -0.2, 0.3, 0.04, -0.1, 0.2, 1.31),
        ("idh", "fusion", "linear_regression", "(intercept)", "", 0.4, 0.3, 0.6, 0.4, 0.3, 0.5, -0.6),
    ]
    return pd.DataFrame(rows, columns=WEIGHT_COLUMNS)


def test_scores_stand_beside_their_published_values(scores, weights):
    found = rows_of([score_table()], scores, weights)
    assert list(found.columns) == list(TABLES["published"].columns)
    average = found.set_index(["row", "metric"]).loc[("Average", "accuracy")]
    ours = scores.set_index(["model", "metric"]).loc[("mean", "accuracy"), ["value", "low", "high"]]
    assert list(average[["value", "low", "high", "published"]]) == [*ours, 0.74]
    assert np.isnan(found.set_index(["row", "metric"]).loc[("T1", "accuracy"), "published"])


def test_every_score_table_ends_with_the_trivial_rule(scores, weights):
    found = rows_of([score_table(), score_table(title="Again")], scores, weights)
    for _, table in found.groupby("table"):
        assert list(table["row"].drop_duplicates()) == ["T1", "Average", "Trivial rule"]
        last = table[table["model"] == "trivial"]
        assert last["published"].isna().all()
        assert last["value"].notna().all()


def test_a_published_trivial_rule_is_not_added_again(scores, weights):
    rows = [{"name": "Majority class", "model": "trivial", "published": [0.5, 0.6]}]
    found = rows_of([score_table(rows=rows)], scores, weights)
    assert list(found["row"]) == ["Majority class"] * 2


def test_weights_stand_beside_in_sample_and_published_ones(scores, weights):
    found = rows_of([weight_table()], scores, weights).set_index(["row", "metric"])
    assert list(found.index.get_level_values("row").drop_duplicates()) == ["t1", "(intercept)", "t2"]
    assert list(found.loc[("t1", "weight"), ["value", "low", "high", "published"]]) == [0.05, -0.1, 0.2, 0.4]
    assert found.loc[("(intercept)", "in_sample"), "value"] == -0.6
    assert found.loc[("t2", "weight"), ["value", "low", "high"]].isna().all()
    assert found.loc[("t2", "weight"), "published"] == 0.3


def test_weights_of_another_late_fusion_and_of_several_classes_have_rows_of_their_own(scores, weights):
    named = weights.assign(model="more", weight=9.0)
    both = pd.concat([weights, named])
    alone = rows_of([weight_table()], scores, weights)
    pd.testing.assert_frame_equal(rows_of([weight_table()], scores, both), alone)
    found = rows_of([weight_table(fusion="more_linear_regression")], scores, both)
    assert found.query("row == 't1' and metric == 'weight'")["value"].tolist() == [9.0]
    by_class = pd.concat([weights.assign(**{"class": name, "weight": place}) for place, name in enumerate("234")])
    found = rows_of([weight_table(published={"t1 (3)": 0.4})], scores, by_class).set_index("row")
    assert found.query("metric == 'weight'").loc["t1 (3)", ["value", "published"]].tolist() == [1.0, 0.4]
    assert len(found) == 2 * 2 * 3


def test_a_row_without_a_model_has_published_values_alone(scores, weights):
    table = score_table(rows=[{"name": "Zhang et al.", "published": [0.77, 0.72]}])
    check_models([table], MODELS, FUSIONS, SELECTING)
    found = rows_of([table], scores, weights)
    assert found.query("row == 'Zhang et al.'")["published"].tolist() == [0.77, 0.72]
    assert found.query("row == 'Zhang et al.'")["value"].isna().all()
    assert describe_published(found).splitlines()[3].split() == ["Zhang", "et", "al.", "-", "[0.77]", "-", "[0.72]"]


def test_selected_features_are_counted_by_modality_those_of_an_encoder_apart(scores, weights):
    found = rows_of([survivor_table()], scores, weights).set_index(["row", "metric"])
    assert found.xs("selected", level="metric")[["value", "published"]].to_numpy().tolist() == [
        [1.5, 3], [1, 1], [0, 4], [0.5, 1]
    ]  # fmt: skip
    assert found.xs("in_final_model", level="metric")["value"].tolist() == [1, 1, 0, 0]
    lines = describe_published(found.reset_index()).splitlines()
    assert [" ".join(line.split()) for line in lines[2:5]] == [
        "mean over folds final model published",
        "t1 radiomic 1.50 1 [3]",
        "t1 deep 1.00 1 [1]",
    ]


def test_no_table_gives_the_header_and_no_text(scores, weights):
    found = rows_of([], scores, weights)
    assert found.to_csv(index=False).strip() == ",".join(TABLES["published"].columns)
    assert describe_published(found) == ""


def test_what_the_terminal_shows(scores, weights, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = describe_published(rows_of([score_table(), weight_table()], scores, weights))
    first, second, note = text.split("\n\n")
    title, source, header, *lines = first.splitlines()
    assert (title, source) == ("Fusion", "Shi et al. 2023, Table III")
    assert header.split() == ["auc", "accuracy"]
    assert " ".join(lines[1].split()) == "Average 0.63 (0.50 to 0.70) [0.79] 0.64 (0.50 to 0.70) [0.74]"
    assert lines[0].rstrip().endswith("0.61 (0.50 to 0.70)")  # no published accuracy
    assert "[" not in lines[2]
    assert "trivial" in lines[2].lower()
    assert " ".join(second.splitlines()[2].split()) == "final model spread over folds in sample published"
    assert [" ".join(line.split()) for line in second.splitlines()[3:]] == [
        "t1 0.05 (-0.10 to 0.20) 1.31 [0.40]",
        "(intercept) 0.40 (0.30 to 0.50) -0.60 [-0.28]",
        "t2 - - - [0.30]",
    ]
    assert note.count("\n") == 0
    assert "of another cohort" in note


def test_of_several_outcomes_each_table_names_its_own(scores, weights):
    found = rows_of([score_table(), weight_table()], scores, weights)
    titles = [block.splitlines()[0] for block in describe_published(found, of_several=True).split("\n\n")[:2]]
    assert titles == ["Fusion; this run's values are of idh", "Weights; this run's values are of idh"]


def test_a_score_that_does_not_exist_is_a_dash(scores, weights):
    known = scores[scores["model"] != "t1"]
    text = describe_published(rows_of([score_table()], known, weights))
    assert text.splitlines()[3].split() == ["T1", "-", "[0.53]", "-"]


def test_text_survives_the_way_through_a_file(tmp_path, scores, weights):
    tables = [score_table(title="007", rows=[{"name": "NA", "model": "t1", "published": [0.5, 0.5]}]), weight_table()]
    found = rows_of(tables, scores, weights)
    found.to_csv(tmp_path / "published.csv", index=False)
    assert describe_published(read_table(tmp_path, "published")) == describe_published(found)


def test_names_that_exist_pass():
    check_models([score_table(), weight_table()], MODELS, FUSIONS, SELECTING)
    check_models([], MODELS, FUSIONS, SELECTING)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([weight_table(fusion="maen")], r"'Weights' names the fusion 'maen'.*known are mean, linear_regression"),
        ([weight_table(fusion="t1")], r"'Weights' names the fusion 't1'.*known are mean, linear_regression"),
        ([score_table(metrics=["auc", "acc"])], r"'Fusion' names the metric 'acc'.*known are auc, accuracy"),
        (
            [score_table(rows=[{"name": "T2", "model": "t2", "published": [1, 1]}])],
            r"'Fusion' names the model 't2', which this run does not have; known are t1, .*Correct the name",
        ),
        (
            [survivor_table(selected_by="mean")],
            r"'Survivors' names the model of selected features 'mean'.*known are fusion",
        ),
        ([survivor_table(survivors={"t1c": [3, 1]})], r"'Survivors' names the modality 't1c'.*known are t1, t2"),
        ([score_table(), score_table()], r"The recipe has the published table 'Fusion' more than once"),
        ([score_table(metrics=["auc", "auc"])], r"'Fusion' has the metric 'auc' more than once"),
        (
            [score_table(rows=[{"name": "T1", "model": name, "published": [1, 1]} for name in ("t1", "mean")])],
            r"'Fusion' has the row 'T1' more than once",
        ),
    ],
)
def test_names_that_do_not_exist_or_stand_twice_are_refused(tables, message):
    with pytest.raises(RequestError, match=message):
        check_models(tables, MODELS, FUSIONS, SELECTING)
