"""A recipe that searches options, draws patients again and harmonizes: what was chosen is in the bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.read import read_table
from radiofuse.errors import RequestError
from radiofuse.experiment import run_recipe

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
label = "idh"
[radiomics]
settings = "none"
[harmonize]
[select]
method = "none"
[classify]
method = "logistic"
search = { C = [0.001, 1.0] }
oversample = "random"
[fusion]
combine = ["mean"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


def write(folder, text=RECIPE):
    rng, n = np.random.default_rng(0), 40
    y = np.arange(n) % 3 == 0
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": y.astype(int), "site": rng.choice(["A", "B"], n)}
    for modality in ("t1", "t2"):
        table |= {f"{modality}__f{place}": rng.normal(size=n) + 2 * y for place in range(3)}
    pd.DataFrame(table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(text)
    return folder / "recipe.toml"


def test_a_run_tells_what_it_chose(tmp_path):
    out = run_recipe(write(tmp_path), out=tmp_path / "out", store=tmp_path / "store")
    chosen = read_table(out / "bundle", "chosen_options")
    assert chosen["member"].tolist() == ["t1", "t2"] * 3
    assert chosen["fold"].isna().sum() == 2
    assert set(chosen["value"]) <= {"0.001", "1.0"}
    bundle = load_bundle(out)
    final = chosen[chosen["fold"].isna()].set_index("member")["value"]
    assert float(final["t1"]) == bundle.model.members_["t1"]["classify"].C
    steps = bundle.description["protocol"]["options"]["chains"][0]["steps"]
    assert steps["tuning"]["search"] == {"C": [0.001, 1.0]}
    assert next(iter(steps)) == "harmonize"
    assert "oversample" in (out / "report.html").read_text()


def test_an_unknown_parameter_is_refused_before_any_work(tmp_path):
    path = write(tmp_path, RECIPE.replace("C = [", "Z = ["))
    with pytest.raises(RequestError, match="no option 'Z'"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
