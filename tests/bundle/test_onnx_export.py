"""A late fusion as a graph of ONNX answers what the bundle answers, on whole rows and where modalities are absent."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from typer.testing import CliRunner

from radiofuse.bundle.updates import with_updated
from radiofuse.bundle.write import save_bundle
from radiofuse.classify import BayesianRegularizedNetwork, RecalibratedClassifier, modality_classifier
from radiofuse.classify.boosted_trees import BoostedTrees
from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.commands.export import app
from radiofuse.fuse import LateFusion
from tests.bundle.test_bundle import DESCRIPTION
from tests.bundle_tables import tables_of

pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RULES = ["mean", "regression", "linear_regression", "nonnegative", "ridge_mean", "logit_mean"]


def rows(n=40, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    blocks = {
        f"{name}__f{place}": rng.normal(1e4, 3, n) + y * (place < 2) for name in ("t1", "t2") for place in range(6)
    }
    X = pd.DataFrame(blocks).assign(t1__f5=7.0)  # a constant column
    X.iloc[0, :6], X.iloc[1, 6:], X.iloc[2, 0] = np.nan, np.nan, np.nan
    return X, y


def rows_of_three(n=60, seed=0):
    X, _ = rows(n, seed)
    return X, np.arange(n) % 3


def fusion_of(classifiers, combine=RULES, made=rows, **options):
    members = [(name, modality_classifier("logistic", select=None)) for name in ("t1", "t2")]
    for (_, chain), classifier in zip(members, classifiers, strict=True):
        chain.set_params(classify=classifier)
    X, y = made()
    return LateFusion(members, combine=combine, cv=2, random_state=0, **options).fit(X, y)


def saved(fusion, folder, **further):
    X, _ = rows()
    ranges = pd.DataFrame({"column": X.columns, "low": X.min().array, "high": X.max().array, "n_samples": 40})
    description = {**DESCRIPTION, "protocol": {**DESCRIPTION["protocol"], "primary": next(iter(fusion.combiners_))}}
    description |= further
    if len(fusion.classes_) > 2:
        description["outcomes"] = [{**description["outcomes"][0], "kind": "multiclass", "classes": ["2", "3", "4"]}]
    tables = tables_of() | {"training_ranges": ranges}
    return save_bundle(
        folder, models={"idh": {"fusion": fusion}}, recipe="x = 1\n", description=description, tables=tables
    )


def exported(fusion, tmp_path, *further):
    bundle, file = saved(fusion, tmp_path / "bundle"), tmp_path / "model.onnx"
    told = CliRunner().invoke(app, [str(bundle), "--onnx", str(file), *further])
    return told, file


@pytest.mark.parametrize(
    "classifiers",
    [
        (LogisticRegression(), BayesianRegularizedNetwork(random_state=0)),
        (
            BayesianRegularizedNetwork(likelihood="gaussian", tol=1.0, random_state=0),
            RandomForestClassifier(5, random_state=0),
        ),
        (MLPClassifier((3,), solver="lbfgs", max_iter=300, random_state=0), LogisticRegression()),
    ],
    ids=["logistic-brnn", "gaussian-forest", "mlp-logistic"],
)
def test_every_output_is_that_of_the_bundle(classifiers, tmp_path):

    fusion = fusion_of(list(classifiers), calibrate=True)
    told, file = exported(fusion, tmp_path)
    assert told.exit_code == 0, told.output
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    X, _ = rows(seed=5)
    columns = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    found = dict(
        zip(
            [one.name for one in session.get_outputs()],
            session.run(None, {"features": X[columns].to_numpy()}),
            strict=True,
        )
    )
    each = fusion.predict_proba_each(X).rename(columns={"t1": "member t1", "t2": "member t2", "mean": "probability"})
    assert set(found) == set(each.columns)
    for name, values in found.items():
        np.testing.assert_allclose(
            values, each[name], rtol=0, atol=1e-9 if "forest" not in str(classifiers).lower() else 1e-6
        )
    assert np.isnan(found["member t1"][0]) and not np.isnan(found["probability"][0])


def held_against(each, file, n_classes=2, atol=1e-9):
    """Compare every output of a graph with a table of the bundle's own answers."""
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    X, _ = rows(seed=5)
    columns = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
    names = [one.name for one in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"features": X[columns].to_numpy()}), strict=True))
    for name, values in found.items():
        own = each(X)[name.removeprefix("member ")].to_numpy()
        assert values.shape == own.shape == ((40,) if n_classes == 2 else (40, n_classes))
        np.testing.assert_allclose(values, own, rtol=0, atol=atol, err_msg=name)
    return names


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "sigmoid"])
def test_support_vector_machines_of_two_classes_are_exported(kernel, tmp_path):
    fusion = fusion_of([CalibratedSVC(kernel=kernel, random_state=0), LogisticRegression()], ["mean"])
    told, file = exported(fusion, tmp_path)
    assert told.exit_code == 0, told.output
    held_against(lambda X: fusion.predict_proba_each(X).rename(columns={"mean": "probability"}), file)


@pytest.mark.parametrize("made", [rows, rows_of_three])
def test_boosted_trees_are_exported_in_single_precision(made, tmp_path):
    pytest.importorskip("xgboost")
    trees = BoostedTrees(n_estimators=6, max_depth=3, random_state=0)
    fusion = fusion_of([trees, trees], ["mean"], made)
    told, file = exported(fusion, tmp_path)
    assert told.exit_code == 0, told.output
    each = fusion.predict_proba_each
    held_against(lambda X: each(X).rename(columns={"mean": "probability"}), file, len(fusion.classes_), 1e-6)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_network_for_each_of_several_classes_is_exported(likelihood, tmp_path):
    brnn = BayesianRegularizedNetwork(likelihood=likelihood, tol=1.0, random_state=0)
    fusion = fusion_of([brnn, brnn], ["mean"], rows_of_three)
    told, file = exported(fusion, tmp_path)
    assert told.exit_code == 0, told.output
    held_against(lambda X: fusion.predict_proba_each(X).rename(columns={"mean": "probability"}), file, 3)


@pytest.mark.parametrize("calibrate", [True, False])
def test_of_several_classes_every_output_has_a_column_per_class(calibrate, tmp_path):
    forest = RandomForestClassifier(5, random_state=0)
    rules = ["mean", "regression", "nonnegative", "ridge_mean", "logit_mean", "linear_regression"]
    fusion = fusion_of([LogisticRegression(), forest], rules, rows_of_three, calibrate=calibrate)
    told, file = exported(fusion, tmp_path)
    assert told.exit_code == 0, told.output
    assert "the rule linear_regression (LinearRegression) of more than two classes cannot be exported" in told.output
    names = held_against(lambda X: fusion.predict_proba_each(X).rename(columns={"mean": "probability"}), file, 3, 1e-6)
    assert names == ["member t1", "member t2", "probability", *rules[1:-1]]


def test_what_votes_in_pairs_or_per_class_is_refused_by_its_reason(tmp_path):
    fusion = fusion_of([CalibratedSVC(random_state=0), LogisticRegression()], ["mean"], rows_of_three)
    assert "of more than two classes, whose pairs vote, cannot be exported" in exported(fusion, tmp_path)[0].output


@pytest.mark.parametrize("made", [rows, rows_of_three])
def test_the_graph_of_an_updated_bundle_has_both_answers(made, tmp_path):
    fusion = fusion_of([LogisticRegression(), LogisticRegression()], ["mean"], made)
    intercepts = [0.0, -0.7, 0.4][: len(fusion.classes_)]
    update = {"model": "mean", "answer": "mean_updated", "slope": 0.6, "intercepts": intercepts, "nearest": 0.0}
    told_of = {**update, "method": "slope", "whose": "site n", "n_samples": 9, "n_patients": 9, "events": {"0": 4}}
    told_of |= {"no_slope": "", "shrinkage": 0.9, "p_values": {}, "limits": [], "unshrunken": {}, "measures": []}
    told_of |= {"of": "mean", "earlier": [], "step": {"slope": 0.6, "intercepts": intercepts}}
    about = {"updates": {"idh": told_of | {"radiofuse_version": "0"}}}
    bundle, file = saved(fusion, tmp_path / "bundle", **about), tmp_path / "model.onnx"
    told = CliRunner().invoke(app, [str(bundle), "--onnx", str(file)])
    assert told.exit_code == 0, told.output

    def each(X):
        return with_updated(fusion.predict_proba_each(X), about, "idh").rename(columns={"mean_updated": "probability"})

    names = held_against(each, file, len(fusion.classes_))
    assert names == ["member t1", "member t2", "mean", "probability"]
    said = onnxruntime.InferenceSession(file.read_bytes()).get_modelmeta().custom_metadata_map
    assert json.loads(said["answer"]) == "mean_updated"


def test_metadata_say_what_the_numbers_are(tmp_path):

    _, file = exported(fusion_of([LogisticRegression(), LogisticRegression()], ["mean", "vote"]), tmp_path)
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    said = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
    assert (said["outcome"], said["classes"], said["positive"], said["synthetic"]) == ("idh", ["0", "1"], "1", True)


def test_what_onnx_cannot_hold_is_named(tmp_path):
    told, file = exported(fusion_of([LogisticRegression(), LogisticRegression()], ["mean", "vote"]), tmp_path / "a")
    assert "Left out: the rule vote (Vote) cannot be exported." in told.output and file.is_file()
    told, file = exported(fusion_of([LogisticRegression(), LogisticRegression()], ["vote"]), tmp_path / "b")
    assert told.exit_code == 2 and "cannot be exported to ONNX: the rule vote" in told.output and not file.exists()
    own = RecalibratedClassifier(LogisticRegression(), cv=2)
    told, file = exported(fusion_of([LogisticRegression(), own], ["mean"]), tmp_path / "c")
    assert told.exit_code == 2 and "member t2: the classifier RecalibratedClassifier cannot be exported" in told.output
    told, _ = exported(
        fusion_of([LogisticRegression(), LogisticRegression()], ["mean"]), tmp_path / "d", "--outcome", "idg"
    )
    assert told.exit_code == 2 and "predicts idh, not 'idg'" in told.output
