"""Bundles made by one environment and applied by another: ``python -m tests.crossing make|apply FOLDER ...``.

What both sides of `test_crossing` do; the other environment runs this file in a process of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.datasets import make_phantom_cohort
from radiofuse.experiment.run import run_recipe

RECIPE = """
[cohort]
table = "{table}"
label = "idh"
{more}
[classify]
method = "{classifier}"
[fusion]
combine = ["mean", "vote", "regression", "nonnegative", "linear_regression"]
inner_folds = 3
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""
FEATURES = {
    "imageType": {"Original": {}, "LoG": {"sigma": [2.0]}, "Wavelet": {}},
    "featureClass": {"shape": [], "firstorder": [], "glcm": ["Contrast", "Idm"], "glszm": ["ZoneEntropy"]},
    "setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5, "resampledPixelSpacing": [1.5, 1.5, 1.5]},
}
CLASSIFIERS = ("svm", "brnn")  # the images have "logistic"
IMAGES = "images"


def write_inputs(folder: Path) -> None:
    """Write ready-made features and images, of patients to learn from and of new ones, and a recipe for each model."""
    rng = np.random.default_rng(0)
    known = pd.DataFrame({"sample_id": [f"s{n:02}" for n in range(36)], "idh": np.arange(36) % 2})
    columns = [f"{modality}__f{n}" for modality in ("t1", "t2") for n in range(12)]
    values = pd.DataFrame(rng.normal(size=(36, 24)) + np.outer(known["idh"], np.arange(24) % 12 < 2), columns=columns)
    known.join(values).to_csv(folder / "known.csv", index=False)
    fresh = pd.DataFrame(rng.normal(size=(12, 24)), columns=columns)
    fresh.loc[3, columns[12:]] = np.nan
    fresh.loc[4] = values.loc[7]  # a patient to learn from, under another id
    fresh.insert(0, "sample_id", [f"n{n:02}" for n in range(12)])
    fresh.to_csv(folder / "fresh.csv", index=False)
    for classifier in CLASSIFIERS:
        recipe = RECIPE.format(table="known.csv", classifier=classifier, more="")
        (folder / f"{classifier}.toml").write_text(recipe)
    make_phantom_cohort(folder / "known", n_patients=16, seed=1)
    make_phantom_cohort(folder / "fresh", n_patients=8, seed=2)
    (folder / "features.json").write_text(json.dumps(FEATURES))
    more = '[radiomics]\nsettings = "features.json"'
    (folder / f"{IMAGES}.toml").write_text(RECIPE.format(table="known/cohort.csv", classifier="logistic", more=more))


def make(folder: Path, maker: str) -> None:
    """Run every recipe; the bundles lie in ``<folder>/<maker>/<recipe>``."""
    for name in (*CLASSIFIERS, IMAGES):
        run_recipe(folder / f"{name}.toml", out=folder / maker / name, store=folder / maker / "store", report=False)


def apply(folder: Path, maker: str, user: str) -> None:
    """Write what every bundle of a maker answers here to ``<folder>/<maker>/<recipe>_<user>.csv``."""
    for name in (*CLASSIFIERS, IMAGES):
        cohort = folder / ("fresh/cohort.csv" if name == IMAGES else "fresh.csv")
        bundle = load_bundle(folder / maker / name)
        predictions, failures = predict_cohort(bundle, cohort, store=folder / maker / f"store_{user}")
        assert failures.empty
        predictions.to_csv(folder / maker / f"{name}_{user}.csv", index=False)


if __name__ == "__main__":
    action, where, *names = sys.argv[1:]
    {"make": make, "apply": apply}[action](Path(where), *names)
