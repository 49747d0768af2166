"""Whole-pipeline honesty: labels without meaning must look like labels without meaning."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.classify.modality import modality_classifier
from radiofuse.evaluate import cross_validated_predictions
from radiofuse.fuse import LateFusion
from radiofuse.statistics import score_predictions

N_PATIENTS, N_FEATURES = 90, 120


def table(rng: np.random.Generator, y: np.ndarray, effects: dict[str, float]) -> pd.DataFrame:
    """Noise, but for ten columns per modality shifted between the classes by ``effects`` standard deviations."""
    blocks = []
    for modality, effect in effects.items():
        values = rng.normal(size=(len(y), N_FEATURES))
        values[:, :10] += effect * y[:, None]
        blocks.append(pd.DataFrame(values, columns=[f"{modality}__f{j}" for j in range(N_FEATURES)]))
    return pd.concat(blocks, axis=1)


def fusion(modalities, classifier="logistic") -> LateFusion:
    members = [(name, modality_classifier(classifier, random_state=0)) for name in modalities]
    return LateFusion(members, combine=["mean", "regression", "nonnegative"], cv=4, random_state=0)


@pytest.mark.slow
def test_permuted_labels_score_as_chance_through_the_whole_pipeline():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], N_PATIENTS // 2)
    X = table(rng, y, {"t1": 1.0, "t2": 0.5})
    aucs = []
    for seed in range(12):
        shuffled = np.random.default_rng(seed).permutation(y)
        predicted = cross_validated_predictions(fusion(["t1", "t2"]), X, shuffled, cv=5, random_state=seed)
        scores = score_predictions(predicted, n_resamples=100, random_state=0)
        aucs.append(scores[scores["metric"] == "auc"].set_index("model")["value"])
    means = pd.concat(aucs, axis=1).mean(axis=1)
    assert means.between(0.45, 0.55).all(), means


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_a_pure_noise_modality_gets_no_weight():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], N_PATIENTS // 2)
    weights = []
    for _ in range(3):
        X = table(rng, y, {"signal": 1.2, "noise": 0.0})
        model = fusion(["signal", "noise"]).fit(X, y)
        weights.append(model.weights_.set_index(["fusion", "member"])["weight"])
    mean = pd.concat(weights, axis=1).mean(axis=1)
    assert abs(mean["regression", "noise"]) < 0.2 * mean["regression", "signal"]
    assert mean["nonnegative", "noise"] < 0.15
