"""A selection for three classes: steps, folds, tables, record, screen and page; and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from radiofuse.commands.select import app
from radiofuse.commands.selection_words import describe
from radiofuse.errors import CohortError, RequestError
from radiofuse.report import write_selection_report
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.selection_run.run import describe_read, read_table, run_selection
from radiofuse.statistics import score_predictions
from radiofuse.tables.class_label import read_label

GRADES = ("2", "3", "4")
SHOWN = ("selection", "cv_curve", "path", "predictions", "performance", "correlation")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """75 samples of grade 2, 3 and 4 in three spellings each; t1__f0 to f2 tell one grade each, t2__f0 grade 4."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(75) % 3)
    rows = {f"t1__f{i}": rng.normal(size=75) + 2.5 * (y == i) for i in range(12)}
    rows |= {f"t2__f{i}": rng.normal(size=75) + (2 * (y == 2) if i == 0 else 0) for i in range(6)}
    table = pd.DataFrame({"sample_id": [f"s{i:02d}" for i in range(75)], "who_grade": y + 2, "none": 1.5, **rows})
    spelled = [[f"G{grade}", f"WHO {'I' * grade if grade < 4 else 'IV'}", str(grade)] for grade in (2, 3, 4)]
    table["who_grade"] = [spelled[code][row % 3] for row, code in enumerate(y)]
    table.loc[:2, [name for name in table if name.startswith("t2__")]] = np.nan
    path = tmp_path_factory.mktemp("several") / "table.csv"
    table.to_csv(path, index=False)
    return path


def asked(path, label="who_grade", **options):
    return SelectionRequest(label, path, **{"folds": 3, "repeats": 2, "inner": 3, "ignore": ("none",), **options})


@pytest.fixture(scope="module")
def table(path):
    return read_table(asked(path))


@pytest.fixture(scope="module")
def found(path, table):
    return run_selection(table, asked(path))


def test_classes_are_read_in_their_order_whatever_the_spelling(table):
    assert (table.classes, table.ordered) == (GRADES, True)
    assert np.bincount(table.y).tolist() == [25, 25, 25]
    assert "Classes of who_grade: 2 < 3 < 4 (--label who_grade=VALUE sets one against the rest" in str(
        describe_read(table)
    )


def test_the_steps_are_those_of_several_classes_and_can_be_typed_again(found):
    assert list(found.record["flow"]["t1"]["steps"]) == ["kruskal", "correlation", "lasso"]
    assert found.record["settings"]["family"] == "multinomial"
    assert "--steps kruskal,correlation,lasso --family multinomial" in found.record["command"].replace("  ", " ")
    chosen = found.selection[found.selection["selected"]].set_index(["modality", "feature"])
    assert {("t1", f"f{i}") for i in range(3)} | {("t2", "f0")} <= set(chosen.index)
    for place, grade in enumerate(GRADES):  # of the class that it was made to tell
        row = chosen.loc[("t1", f"f{place}")]
        assert (row["best_class"], row["coef_class"], row["direction"]) == (grade, grade, "higher")
        assert row["auc"] == row[f"auc_of_{grade}"] > 0.9
        assert row["median_coef"] == row[f"median_coef_of_{grade}"] > 0
        assert row["sign_consistency"] == 1


def test_numbers_of_single_features_are_those_of_each_class_against_the_rest(found, table):
    X, present = table.modality("t1")
    row = found.selection.set_index(["modality", "feature"]).loc[("t1", "f7")]
    for place, grade in enumerate(GRADES):
        of_class = table.y[present] == place
        assert row[f"auc_of_{grade}"] == pytest.approx(roc_auc_score(of_class, X["f7"]))
        assert row[f"median_of_{grade}"] == X["f7"][of_class].median()


def test_predictions_have_a_row_per_class_and_score_as_their_record_says(found):
    nested = found.predictions[found.predictions["selection"] == "nested"]
    fused = nested[(nested["model"] == "fusion") & (nested["repeat"] == 0)]
    by_sample = fused.pivot(index="sample_id", columns="class", values="probability")
    np.testing.assert_allclose(by_sample.sum(axis=1), 1)
    parts = [nested[(nested["model"] == name) & (nested["repeat"] == 0)] for name in ("t1", "t2")]
    wide = [part.pivot(index="sample_id", columns="class", values="probability") for part in parts]
    both = wide[1].index
    pd.testing.assert_frame_equal(by_sample.loc[both], (wide[0].loc[both] + wide[1]) / 2)
    own = fused[fused["label"] == 1].set_index("sample_id")["class"].loc[by_sample.index]
    by_hand = roc_auc_score(own, by_sample, multi_class="ovr")
    (value,) = score_predictions(fused, n_resamples=1).query("metric == 'auc' and `class` == ''")["value"]
    assert value == pytest.approx(by_hand)
    assert found.record["auc_nested"]["fusion"]["value"] > 0.8
    assert "weighted_kappa" in set(found.performance["metric"])  # the order of grades is a ranking


def test_the_recorded_model_predicts_by_softmax(found, table):
    model = found.record["models"]["t2"]
    X, present = table.modality("t2")
    inputs = (X[model["features"]].to_numpy() - model["center"]) / model["scale"]
    logits = inputs @ np.array(model["coef"]).T + model["intercept"]
    assert (logits.argmax(axis=1) == table.y[present]).mean() > 0.5
    assert "positive" not in found.record and found.record["ordered"] is True
    assert found.record["flow"]["t2"]["by_class"] == {
        grade: int(np.sum(table.y[present] == place)) for place, grade in enumerate(GRADES)
    }


def test_screen_and_page_speak_of_classes(found, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    screen = describe(found, "table")
    assert "in the Kruskal-Wallis test" in screen and "Mann-Whitney" not in screen
    assert "Classes of who_grade: 2 < 3 < 4" in screen and "each against the rest" in screen
    assert "Positive class" not in screen
    tables = {name: getattr(found, name) for name in SHOWN}
    page = write_selection_report(tables, found.record, tmp_path / "page.html").read_text(encoding="utf-8")
    for words in ("Each class against the rest: scores of fusion", "Called 3", "4 against the rest", "Weighted kappa"):
        assert words in page
    for words in ("positive class", "Mann-Whitney", "counts as positive", ">nan<"):
        assert words not in page


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": "mann_whitney,lasso"}, "Step mann_whitney compares two classes, and who_grade has 3 classes (2, 3"),
        ({"steps": "t_test"}, "Name anova in its place in --steps, or set one class against the rest with --label who"),
        ({"steps": "stability"}, "Name lasso in its place"),
        (
            {"family": "binomial"},
            "--family binomial compares two classes, and who_grade has 3 classes (2, 3, 4). Leave",
        ),
    ],
)
def test_steps_of_two_classes_are_refused_before_any_work(path, options, sentence):
    with pytest.raises(RequestError) as refused:
        read_table(asked(path, **options))
    assert sentence in str(refused.value)


def test_the_three_steps_as_one_know_how_many_classes_there_are(path):
    request = asked(path, steps="three_step", nested=False, repeats=1, ignore=("none", "t2__f1"))
    tables = run_selection(read_table(request), request)
    assert "Kruskal-Wallis test, pruning and multinomial LASSO" in tables.record["words"]["three_step"]["kept"]


def test_one_grade_against_the_rest_stays_binary(path):
    table = read_table(asked(path, "who_grade=4"))
    assert table.several is None and table.classes[1] == "4"
    assert asked(path).of_classes(2).step_names == ["mann_whitney", "correlation", "lasso"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            [1.5, 2.5, 3.7] * 4,
            "Column size holds numbers that are no classes (1.5, 2.5, 3.7). Name a column of classes",
        ),
        (list(range(12)), "two are needed. Name a column of two classes with --label"),
        (["a", "A", "b"] * 4, "'a'"),
    ],
)
def test_what_is_no_label_of_classes_is_refused(values, sentence):
    label, _ = read_label(pd.Series(values, name="size"))
    assert sentence in " ".join(label.problems)


def test_spellings_of_two_classes_are_no_third_class():
    label, _ = read_label(pd.Series(["WT", "wildtype", "mutant"] * 4, name="idh"))
    assert "holds 3 different values" in label.problems[0]
    label, _ = read_label(pd.Series(["astro", "oligo", "gbm", "?"] * 4, name="tumor"), missing=["?"])
    assert label.classes == ("astro", "gbm", "oligo") and "4 of 16 samples have no tumor" in label.notes[0]


def test_a_class_of_fewer_patients_than_folds_is_refused(path):
    rows = read_raw(asked(path)).rows
    rows.loc[rows["who_grade"].isin(["G4", "WHO IV"]), "who_grade"] = ""
    rows.to_csv(few := path.parent / "few.csv", index=False)
    with pytest.raises(CohortError, match="patients of class 4 with features, fewer than the 15 folds"):
        read_table(asked(few, folds=15))


def test_the_command_writes_every_table(path, tmp_path):
    options = ["--label", "who_grade", "--ignore", "none", "--folds", "3", "--repeats", "1", "--inner", "3"]
    result = CliRunner().invoke(app, [str(path), *options, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert list(pd.read_csv(tmp_path / "out" / "path.csv"))[3] == "class"
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000
