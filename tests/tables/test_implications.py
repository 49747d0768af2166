"""What one outcome says of another: found in labels, told in words, and as combinations of classes that cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.tables.implications import (
    Implication,
    allowed_combinations,
    check_implications,
    contradictions,
    known_implications,
)
from radiofuse.tables.outcomes import MULTICLASS, Outcome

IDH, CODEL = Outcome("idh", ("wildtype", "mutant")), Outcome("codel", ("intact", "codeleted"))
GRADE = Outcome("grade", ("2", "3", "4"), MULTICLASS)
RULE = Implication({"codel": "codeleted"}, {"idh": "mutant"}, "WHO 2021")


def test_only_a_known_pair_of_classes_contradicts():
    labels = pd.DataFrame(
        {"idh": ["wildtype", "mutant", None, "wildtype"], "codel": ["codeleted", "codeleted", "codeleted", "intact"]}
    )
    assert RULE.contradicted(labels).tolist() == [True, False, False, False]
    assert RULE.contradicted(labels[["idh"]]).tolist() == [False] * 4
    assert contradictions([RULE], labels, ["p1", "p2", "p3", "p4"]) == {RULE.phrase: ["p1"]}


def test_the_known_rule_is_found_by_the_names_of_classes_alone():
    renamed = Outcome("codel_1p19q", ("0", "1"))  # codes: what they stand for is not known
    assert known_implications([CODEL, GRADE, IDH]) == [RULE]
    assert known_implications([renamed, IDH]) == []


@pytest.mark.parametrize("gene", ["tert", "tp53", "atrx"])
def test_other_genes_that_are_wildtype_or_mutant_are_not_taken_for_idh(gene):
    other = Outcome(gene, ("wildtype", "mutant"))
    assert known_implications([CODEL, other]) == []
    assert known_implications([CODEL, other, Outcome("IDH_status", ("wildtype", "mutant"))]) == [
        Implication({"codel": "codeleted"}, {"IDH_status": "mutant"}, "WHO 2021")
    ]


def test_combinations_of_three_outcomes():
    both = Implication({"codel": "codeleted", "grade": "4"}, {"idh": "mutant"})
    allowed = allowed_combinations([both], [GRADE, IDH, CODEL])
    assert allowed.shape == (3, 2, 2)
    assert np.argwhere(~allowed).tolist() == [[2, 0, 1]]
    assert allowed_combinations([], [IDH, CODEL]).all()


@pytest.mark.parametrize(
    ("implication", "sentence"),
    [
        (Implication({"codell": "codeleted"}, {"idh": "mutant"}), "the outcome 'codell', which there is not"),
        (Implication({"codel": "codeleted"}, {"idh": "mutated"}), "the class 'mutated' of idh, which there is not"),
        (Implication({"idh": "mutant"}, {"idh": "wildtype"}), "has idh on both sides"),
    ],
)
def test_what_is_no_outcome_or_class_is_refused(implication, sentence):
    with pytest.raises(RequestError, match=sentence):
        check_implications([implication], [IDH, CODEL])
