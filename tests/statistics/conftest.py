"""Prediction tables for the tests of this room."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def make_predictions():
    """Return a maker of tables: informative models with tied probabilities, several rows per patient if asked."""

    def make(n_patients=40, rows_per_patient=(1,), n_repeats=2, models=("t1", "fused"), seed=0):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(n_patients), np.resize(rows_per_patient, n_patients))
        label = (np.arange(n_patients) % 5 < 2).astype(int)[patient]
        tables = []
        for strength, model in enumerate(models, start=1):
            for repeat in range(n_repeats):
                odds = strength * (label - 0.5) + rng.normal(size=len(label))
                table = {
                    "sample_id": [f"s{row:03d}" for row in range(len(label))],
                    "patient_id": [f"p{number:03d}" for number in patient],
                    "repeat": repeat,
                    "fold": patient % 5,
                    "model": model,
                    "label": label,
                    "probability": np.round(1 / (1 + np.exp(-odds)), 2),
                }
                tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True)

    return make


@pytest.fixture
def golden(data_dir):
    """R's evaluation statistics of two models, and the predictions they were computed from."""
    folder = data_dir / "golden"
    values = pd.read_csv(folder / "LGG-1p19qDeletion_evalstats.csv", index_col="name")["value"]
    return values, pd.read_csv(folder / "LGG-1p19qDeletion_pred.csv")


@pytest.fixture
def make_grades():
    """Return a maker of tables of an outcome of three ordered classes, of which the first is the rarest."""

    def make(
        n_patients=30, rows_per_patient=(1,), n_repeats=2, models=("t1", "fused"), seed=0, classes=("2", "3", "4")
    ):
        rng = np.random.default_rng(seed)
        patient = np.repeat(np.arange(n_patients), np.resize(rows_per_patient, n_patients))
        own = np.array([0, 1, 2, 2, 1, 2])[np.arange(n_patients) % 6][patient]
        tables = []
        for strength, model in enumerate(models, start=1):
            for repeat in range(n_repeats):
                weight = np.exp(rng.normal(size=(len(own), 3)) + strength * np.eye(3)[own])
                table = {
                    "outcome": "who_grade",
                    "sample_id": np.repeat([f"s{row:03d}" for row in range(len(own))], 3),
                    "patient_id": np.repeat([f"p{number:03d}" for number in patient], 3),
                    "repeat": repeat,
                    "fold": np.repeat(patient % 5, 3),
                    "model": model,
                    "class": np.tile(classes, len(own)),
                    "label": np.eye(3, dtype=int)[own].ravel(),
                    "probability": (weight / weight.sum(axis=1, keepdims=True)).ravel(),
                }
                tables.append(pd.DataFrame(table))
        return pd.concat(tables, ignore_index=True)

    return make
