"""The shortcut of an encoder that was trained on everybody: it knows patients by heart, and honest ones do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from tiny_crops import TINY, TRAINING, make_crops  # noqa: E402

from radiofuse import LateFusion, modality_classifier  # noqa: E402
from radiofuse.deep import CropClassifier, CropEncoder  # noqa: E402
from radiofuse.evaluate import gather_predictions, run_folds  # noqa: E402
from radiofuse.ledger import Question  # noqa: E402
from radiofuse.ledger.encoder_of_all import encoder_of_all  # noqa: E402
from radiofuse.patients import patient_splits  # noqa: E402
from radiofuse.tables.outcomes import Outcome  # noqa: E402

IDH = Outcome("idh", ("wildtype", "mutant"))
LONG = {**TRAINING, "epochs": 60}


def claim_of(fusion, crops):
    table = pd.DataFrame({"t1__crop": np.arange(24.0)}, index=[f"s{n:02d}" for n in range(24)])
    y = np.arange(24) % 2
    splits = patient_splits(y, table.index, n_splits=2, random_state=0)
    folds = run_folds({"fusion": fusion}, table, y, groups=table.index, splits=splits, outcome=IDH)
    predictions = gather_predictions(folds)
    groups = table.index.to_numpy()
    return encoder_of_all(Question(IDH, fusion, "mean", table, y, groups, splits, predictions, n_resamples=100))


def test_an_encoder_of_everybody_separates_noise(tmp_path):
    crops = make_crops(tmp_path)
    options = {"crops": crops, "cache": tmp_path, "training": LONG, "device": "cpu", "random_state": 0}
    chain = modality_classifier("logistic", select=None, encoder=CropEncoder(TINY, cv=2, **options), random_state=0)
    for member in (chain, CropClassifier(TINY, **options)):
        claim = claim_of(LateFusion([("t1", member)], combine="mean"), crops)
        assert claim.optimistic[0] > 0.9
        assert claim.honest[0] < 0.8


def test_a_model_without_an_encoder_has_no_such_shortcut():
    fusion = LateFusion([("t1", modality_classifier("logistic", select=None))])
    table = pd.DataFrame({"t1__a": np.arange(4.0)}, index=list("abcd"))
    groups = table.index.to_numpy()
    assert encoder_of_all(Question(IDH, fusion, "mean", table, np.arange(4) % 2, groups, [], pd.DataFrame())) is None
