"""Names to objects."""

from __future__ import annotations

import collections

import pytest

from radiofuse.errors import RequestError
from radiofuse.plugins import lookup

TABLE = {"logistic": 1, "svm": 2}


def test_a_built_in_name_comes_from_the_table():
    assert lookup("svm", TABLE, "classifier") == 2


def test_a_path_with_a_colon_is_imported():
    assert lookup("collections:OrderedDict", TABLE, "classifier") is collections.OrderedDict


def test_a_built_in_name_goes_before_an_import():
    assert lookup("collections:Counter", {"collections:Counter": 3}, "classifier") == 3


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
