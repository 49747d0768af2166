"""Labels for patients without one: whose they are, which pass the gate, and when an outcome goes without."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from radiofuse.deep.tasks.self_training import Gate, SelfTraining, fill_in  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

SURE = np.array([[0.97, 0.03], [0.04, 0.96], [0.91, 0.09], [0.5, 0.5], [0.02, 0.98]])


def outcomes(**known):
    return pd.DataFrame({name: np.array(labels, dtype=float) for name, labels in known.items()}, index=list("abcde"))


def test_known_labels_stay_and_unknown_ones_are_filled_where_the_passes_are_sure():
    y = outcomes(idh=[1, 0, np.nan, np.nan, np.nan], grade=[0, 1, 0, 1, 0])
    filled, made = fill_in(y, {"idh": SURE[None]}, SelfTraining())
    assert filled["idh"].tolist()[:3] == [1, 0, 0] and np.isnan(filled["idh"].iloc[3]) and filled["idh"].iloc[4] == 1
    assert filled["grade"].equals(y["grade"]) and list(made) == ["idh"]
    assert made["idh"].coverage == pytest.approx(2 / 3)
    assert y["idh"].isna().sum() == 3, "the table handed in is left alone"


def test_passes_that_disagree_give_no_label_though_their_mean_is_sure():
    y = outcomes(idh=[np.nan] * 5)
    torn = np.stack([SURE, SURE])
    torn[:, 0] = [[1, 0], [0.85, 0.15]]  # mean .925, standard deviation .075
    filled, _ = fill_in(y, {"idh": torn}, SelfTraining())
    assert np.isnan(filled["idh"].iloc[0])
    assert fill_in(y, {"idh": torn}, SelfTraining(spread=0.08))[0]["idh"].iloc[0] == 0


def test_an_outcome_has_a_gate_of_its_own():
    y = outcomes(idh=[np.nan] * 5, codel=[np.nan] * 5)
    options = SelfTraining(outcomes={"codel": {"confidence": 0.955}})
    filled, made = fill_in(y, {"idh": SURE[None], "codel": SURE[None]}, options)
    assert (made["idh"].coverage, made["codel"].coverage) == (0.8, 0.6)
    assert np.isnan(filled["codel"].iloc[2]) and filled["idh"].iloc[2] == 0
    with pytest.raises(RequestError, match="self_training has a gate of 'mgmt', which is none of the outcomes idh, co"):
        fill_in(y, {}, SelfTraining(outcomes={"mgmt": {"spread": 0.01}}))


@pytest.mark.parametrize(("places", "said"), [([0, 2], "keeps 2, all of one class"), ([3], "keeps none")])
def test_an_outcome_of_one_class_among_the_sure_goes_without_and_says_so(places, said):
    y = outcomes(idh=[0, 1, 0, 1, 1])
    y.iloc[places, 0] = np.nan
    with pytest.warns(UserWarning, match=f"The second stage of idh goes without pseudo-labels: .* the gate {said}"):
        filled, made = fill_in(y, {"idh": SURE[None]}, SelfTraining())
    assert filled.equals(y) and made["idh"].one_sided


def test_options_that_are_none_are_refused():
    assert SelfTraining(outcomes={"codel": {"spread": 0.01}}).gate("codel") == Gate(0.9, 0.01)
    for wrong, said in [
        ({"confidence": 1.2}, "self_training.confidence is 1.2; expected 0 to 1"),
        ({"passes": 0}, "self_training.passes is 0"),
        ({"outcomes": {"codel": {"least": 0.99}}}, "No training option of self_training is called 'least'"),
        ({"outcomes": {"codel": 0.99}}, "expected gates by outcome"),
    ]:
        with pytest.raises(RequestError, match=said):
            SelfTraining(**wrong)


def test_rows_without_an_answer_get_no_label_and_do_not_keep_others_from_theirs():
    y = outcomes(idh=[1, np.nan, np.nan, np.nan, np.nan])
    draws = np.stack([SURE, SURE])
    draws[:, 2] = np.nan  # a patient without a patch, as dropout_passes answers
    filled, made = fill_in(y, {"idh": draws[:, [0, 1, 2, 3, 0]]}, SelfTraining())
    np.testing.assert_array_equal(filled["idh"], [1, 1, np.nan, np.nan, 0])
    assert made["idh"].kept.tolist() == [True, False, False, True] and np.isnan(made["idh"].mean[1]).all()
    draws[0, 3, 0] = np.nan
    with pytest.raises(RequestError, match="must hold probabilities"):
        fill_in(y, {"idh": draws}, SelfTraining())
