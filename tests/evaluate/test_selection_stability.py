"""How selections of the folds agree: all candidates count, each modality by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.classify.modality import modality_classifier
from radiofuse.evaluate.selection_stability import count_candidates, summarize_stability
from radiofuse.fuse.early import AFTER, early_fusion
from radiofuse.statistics.stability import measure_stability

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")


def found(*names, t1=4, t2=2):
    return {"selected": pd.DataFrame({"feature": list(names)}), "candidates": {"t1": t1, "t2": t2}}


def test_each_modality_is_measured_over_all_its_candidates():
    findings = [found("t1__a", "t1__b", "t2__a"), found("t1__a", "t2__a"), found("t1__a", "t1__c", "t2__a")]
    table = summarize_stability(findings).set_index("modality")
    by_hand = measure_stability([[1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 1, 0]])
    assert table.loc["t1", ["nogueira", "low", "high", "mean_jaccard"]].tolist() == pytest.approx(
        [by_hand.nogueira, by_hand.low, by_hand.high, by_hand.mean_jaccard]
    )
    assert table.loc["t2", "nogueira"] == 1.0
    assert table.loc["t1", ["n_folds", "n_features", "mean_selected"]].tolist() == [3, 4, pytest.approx(5 / 3)]


def test_one_fold_agrees_with_nobody_and_no_feature_is_no_agreement():
    assert summarize_stability([found("t1__a")])["nogueira"].isna().all()
    none = summarize_stability([found(), found()]).set_index("modality")
    assert none["nogueira"].isna().all() and (none["mean_selected"] == 0).all()


def test_candidates_are_the_columns_before_the_selection():
    rng = np.random.default_rng(0)
    names = [f"t1__{place}" for place in range(3)] + [f"t2__{place}" for place in range(2)]
    X, y = pd.DataFrame(rng.normal(size=(20, 5)), columns=names), np.arange(20) % 2
    chain = modality_classifier(select="mann_whitney")
    for model in (chain, early_fusion(chain, ["t1", "t2"], joined=AFTER)):
        assert count_candidates(model.fit(X, y)) == {"t1": 3, "t2": 2}
