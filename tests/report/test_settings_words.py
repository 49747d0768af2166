"""Names and settings in words: what an empty list means, what a model is."""

from __future__ import annotations

import json
from dataclasses import fields
from types import SimpleNamespace

from bundle_fixture import make_bundle

from radiofuse.report.experiment.contents import Contents, read_contents
from radiofuse.report.experiment.page import page_values, render_page
from radiofuse.report.experiment.protocol_words import classifier, selector
from radiofuse.report.experiment.tables import names_table, settings_table


def test_an_empty_list_of_features_is_all_of_them():
    parameters = {"featureClass": {"firstorder": [], "glcm": ["Contrast"], "glrlm": None}}
    radiomics = {"name": "own", "parameters": parameters, "wavelet_subbands": None}
    about = {"settings": {"radiomics": radiomics, "crops": None}, "n_features": {"t1": 3}}
    rows = dict(settings_table(SimpleNamespace(about=about)).groups[0][1])
    of_class = "radiomics · parameters · featureClass · "
    said = [rows[of_class + name] for name in ("firstorder", "glcm", "glrlm")]
    assert said == ["all", "Contrast", "all"]
    assert rows["radiomics · wavelet_subbands"] == "all"


def test_options_of_a_chain_are_told_step_by_step_and_parts_by_their_class():
    lasso = {"class": "LassoSelector", "cv": 10, "class_weight": None}
    select = {"class": "SelectorChain", "random_state": 0, "lasso": lasso, "Own": {"class": "Own"}}
    ridge = {"class": "LogisticRegression", "C": 0.1}
    classify = {"class": "Boosted", "estimator": ridge, "inner": {"class": "Tree"}, "weights": {"0": 1, "1": 3}}
    protocol = {"selector": "lasso, my.module:Own", "classifier": "boosted"}
    protocol["options"] = {"chains": [{"steps": {"select": select, "classify": classify}}]}
    parts = {field.name: None for field in fields(Contents)} | {"about": {"protocol": protocol}}
    contents = Contents(**parts)
    assert selector(contents) == "lasso, my.module:Own; random_state = 0; lasso: cv = 10, class_weight = none"
    assert classifier(contents) == (
        "boosted; estimator = LogisticRegression (C = 0.1), inner = Tree, weights = (0 = 1, 1 = 3)"
    )


def test_the_page_says_what_each_model_is(tmp_path):
    folder = make_bundle(tmp_path / "bundle", modalities=("t1",), fusions=("mean",))
    about = json.loads((folder / "bundle.json").read_text())
    named = {
        "model": "fusion",
        "kind": "fusion",
        "title": "average of the probabilities",
        "does": "The mean of the probabilities present.",
    }
    about["protocol"]["words"] = {
        "selector": {"title": "LASSO", "does": "Keeps some."},
        "classifier": {"title": "logistic regression", "does": "Fits."},
        "models": {"mean": named},
    }
    (folder / "bundle.json").write_text(json.dumps(about))
    contents = read_contents(folder)
    assert names_table(contents).groups == (("Fusions", (("mean", named["title"], named["does"]),)),)
    page = render_page(page_values(contents))
    assert "What the models are" in page and named["does"] in page
    assert "(LASSO)" in page and "(logistic regression)" in page
