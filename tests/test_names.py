"""Names to objects."""

from __future__ import annotations

import collections

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofuse import LateFusion
from radiofuse.classify.modality import modality_classifier
from radiofuse.errors import RequestError
from radiofuse.names import lookup, make

TABLE = {"logistic": "collections:Counter", "svm": "collections:ChainMap"}


def test_a_built_in_name_comes_from_the_table():
    assert lookup("svm", TABLE, "classifier") is collections.ChainMap


def test_a_path_with_a_colon_is_imported():
    assert lookup("collections:OrderedDict", TABLE, "classifier") is collections.OrderedDict


def test_a_built_in_name_goes_before_an_import():
    table = {"collections:Counter": "collections:OrderedDict"}
    assert lookup("collections:Counter", table, "classifier") is collections.OrderedDict


def test_an_unknown_name_lists_the_choices_and_the_nearest():
    with pytest.raises(RequestError) as caught:
        lookup("logistik", TABLE, "classifier")
    assert str(caught.value) == (
        "No classifier is called 'logistik'. Did you mean 'logistic'? "
        "Choose from logistic, svm, or pass package.module:Class."
    )


@pytest.mark.parametrize("path", ["no_such_package:Class", "collections:NoSuchClass"])
def test_a_path_that_leads_nowhere_is_a_wrong_request(path):
    with pytest.raises(RequestError, match="could not be imported"):
        lookup(path, TABLE, "selector")


@pytest.mark.parametrize(("path", "kind"), [("os:path", "module"), ("math:pi", "float"), ("os:environ", "_Environ")])
def test_what_cannot_be_called_is_a_wrong_request(path, kind):
    with pytest.raises(RequestError, match=f"The selector '{path}' is a {kind}, a class or a function was expected"):
        lookup(path, TABLE, "selector")


@pytest.mark.parametrize("path", [":Class", ".relative:Class"])
def test_a_path_without_a_package_is_an_unknown_name(path):
    with pytest.raises(RequestError, match="No selector is called"):
        lookup(path, TABLE, "selector")


class Needy:
    """A rule, classifier or selector that cannot be made without ``strength``."""

    def __init__(self, strength, *, other=0):
        self.strength = strength


@pytest.mark.parametrize("kind", ["selector", "classifier", "combiner"])
def test_an_argument_without_default_is_named_with_its_class(kind):
    path = f"{__name__}:Needy"
    told = f"The {kind} '{path}' needs the argument 'strength', which has no default"
    with pytest.raises(RequestError) as caught:
        if kind == "combiner":
            X = pd.DataFrame({"t1__a": np.arange(6.0)})
            LateFusion([("t1", LogisticRegression())], combine=path).fit(X, [0, 1, 0, 1, 0, 1])
        else:
            modality_classifier(**{"select" if kind == "selector" else "classifier": path})
    assert str(caught.value).startswith(told)
    assert make(path, {}, kind, {"strength": 3, "further": 1}).strength == 3


def test_a_class_that_wraps_another_is_made_with_it_from_the_options():
    wrapped = {"estimator": LogisticRegression()}
    chain = modality_classifier("sklearn.multiclass:OneVsRestClassifier", classify_options=wrapped)
    assert chain.named_steps["classify"].estimator is wrapped["estimator"]


def test_reproducibility_without_its_table_is_refused_when_the_model_is_built(tmp_path):
    with pytest.raises(RequestError, match=r"'icc' parameter of .* 'reproducibility' has no default: .*icc.csv"):
        modality_classifier(select="reproducibility")
    options = {"icc": str(tmp_path / "icc.csv")}
    with pytest.raises(RequestError, match="There is no table of ICCs"):
        modality_classifier(select="reproducibility", select_options=options)
    (tmp_path / "icc.csv").write_text("feature,icc,low,high\nt1__a,0.9,0.8,0.95\n")
    assert "scale" in modality_classifier(select="reproducibility", select_options=options).named_steps
