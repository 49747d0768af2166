"""Labels hidden on purpose: whole patients, the same share of each class."""

import numpy as np
import pytest

from radiofuse.errors import RequestError
from radiofuse.patients.hidden_labels import hidden_rows


def test_patients_lose_all_their_labels_or_none_and_classes_the_same_share():
    y, patients = np.repeat([0] * 20 + [1] * 10, 2), np.repeat(np.arange(30), 2)
    hidden = hidden_rows(y, 0.6, patients, random_state=0)
    assert (hidden[::2] == hidden[1::2]).all()
    assert [hidden[y == place].mean() for place in (0, 1)] == [0.6, 0.6]
    assert (hidden != hidden_rows(y, 0.6, patients, random_state=1)).any()


def test_two_patients_of_a_class_keep_theirs_or_it_is_a_sentence():
    with pytest.raises(RequestError, match="leaves 1 patients of class 1, and a model needs 2"):
        hidden_rows([0] * 10 + [1] * 4, 0.8, random_state=0)
