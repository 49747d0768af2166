"""The fixed list of classes that a model file may name: all exist, and all that a recipe can ask for stand there."""

from __future__ import annotations

import pytest

from radiofuse.bundle.built_objects import BUILT
from radiofuse.bundle.known_classes import FUNCTIONS, KNOWN, found, name_of
from radiofuse.classify.choices import CLASSIFIERS
from radiofuse.fuse.choices import COMBINERS
from radiofuse.names import lookup
from radiofuse.select.choices import PROJECTIONS, SELECTORS
from tests.test_scikit_learn_contract import ESTIMATORS


def test_every_name_of_the_list_is_a_class_or_function_here():
    for name in sorted(KNOWN | FUNCTIONS):
        if not name.startswith("xgboost") and "boosted_trees" not in name:
            assert name_of(found(name)) in {name, name.replace("numpy:bool_", "numpy:bool")}, name


@pytest.mark.parametrize("table", [CLASSIFIERS, SELECTORS | PROJECTIONS, COMBINERS], ids=["classify", "select", "fuse"])
def test_every_choice_of_a_recipe_is_in_the_list(table):
    made = {name: lookup(name, table, "choice") for name in table}
    kinds = {name: one if isinstance(one, type) else type(one()) for name, one in made.items()}
    assert [name for name, kind in kinds.items() if name_of(kind) not in KNOWN] == []


def test_every_estimator_of_the_package_is_in_the_list():
    kinds = {name_of(type(one)) for one in ESTIMATORS}
    assert {name for name in kinds if name.startswith("radiofuse.")} - KNOWN == set()
    assert set(BUILT) <= KNOWN
