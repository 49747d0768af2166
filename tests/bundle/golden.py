"""A bundle of a small late fusion, with golden rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from radiofuse.bundle.training_ranges import training_ranges
from radiofuse.bundle.write import save_bundle
from radiofuse.fuse import LateFusion
from tests.bundle.test_bundle import DESCRIPTION
from tests.bundle_tables import tables_of


def rows(n: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(n, 4)), columns=["t1__a", "t1__b", "t2__a", "t2__b"])


def a_bundle_with_golden_rows(folder: Path, **options) -> Path:
    """Write a bundle whose one model is a late fusion of two modalities."""
    X, y = rows(), np.arange(24) % 2
    chain = make_pipeline(SimpleImputer(), LogisticRegression())
    model = LateFusion([("t1", chain), ("t2", chain)], combine=["mean"], cv=2, random_state=0).fit(X, y)
    description = DESCRIPTION | {"columns": list(X)}
    told = {"recipe": "", "description": description, "tables": tables_of() | {"training_ranges": training_ranges(X)}}
    return save_bundle(folder / "golden", models={"idh": {"fusion": model}}, **told, **options)
