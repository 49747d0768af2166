"""The pictures of the gallery are drawn by their scripts, stand on the page, and are small."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tests.conftest import REPOSITORY

SCRIPTS = sorted((REPOSITORY / "examples" / "gallery").glob("*.py"))
DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The two tables of a bundle that the scripts read."""
    folder = tmp_path_factory.mktemp("bundle")
    rng = np.random.default_rng(0)
    ids = [f"p{n:02}" for n in range(40)]
    rows = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": np.tile([0, 1], 20)}
    models = [pd.DataFrame({**rows, "model": name, "probability": rng.uniform(size=40)}) for name in ("mean", "t1ce")]
    pd.concat(models).to_csv(folder / "predictions.csv", index=False)
    features = {"feature": ["a", "b", "c"], "frequency": [0.9, 0.5, 0.1], "in_final_model": [True, False, False]}
    for measure in ("importance", "shap"):
        features |= {measure: [0.2, 0.1, 0.0], f"{measure}_low": [0.1, 0.0, -0.1], f"{measure}_high": [0.3, 0.2, 0.1]}
    pd.DataFrame({"model": "fusion", "modality": "t1ce", **features}).to_csv(
        folder / "selected_features.csv", index=False
    )
    return folder


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_draws_its_picture(script, bundle, tmp_path):
    runpy.run_path(str(script))["main"](str(bundle), str(tmp_path / "picture.svg"))
    assert ET.parse(tmp_path / "picture.svg").getroot().tag.endswith("svg")
    assert len(list(ET.parse(tmp_path / "picture.svg").iter())) > 100


def test_every_script_has_its_small_picture_on_the_page():
    page = (DOCS / "gallery.md").read_text()
    pictures = sorted((DOCS / "gallery").iterdir())
    assert [path.stem for path in pictures] == [script.stem for script in SCRIPTS] and len(SCRIPTS) == 5
    for picture, script in zip(pictures, SCRIPTS, strict=True):
        assert picture.stat().st_size < 150_000
        assert f"](gallery/{picture.name})" in page
        assert f"python examples/gallery/{script.name} out/idh_tcga/bundle docs/gallery/{picture.name}" in (
            script.read_text()
        )
