"""Sample-size figures of a run: events per candidate feature, and what criteria ask for at the run's numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.format import ALL_READ, CAUTIOUS, OF_RUN
from radiofuse.bundle.read import read_table
from radiofuse.experiment import run_recipe
from radiofuse.statistics import riley_sample_size

RECIPE = """
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "kind"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "none"
[fusion]
combine = ["mean"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder, rng, n = tmp_path_factory.mktemp("sizes"), np.random.default_rng(0), 45
    y, kind = np.arange(n) % 3 == 0, np.arange(n) % 3
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": y.astype(int), "kind": [f"k{k}" for k in kind]}
    for modality, n_features in (("t1", 3), ("t2", 4)):
        table |= {f"{modality}__f{place}": rng.normal(size=n) + y - kind for place in range(n_features)}
    pd.DataFrame(table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    return run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store") / "bundle"


def test_events_are_counted_by_patient_for_each_candidate(bundle):
    sizes = read_table(bundle, "sample_sizes")
    idh = sizes[(sizes["outcome"] == "idh") & (sizes["assumed"] == OF_RUN)].set_index("reads")
    assert idh["n_features"].to_dict() == {"t1": 3, "t2": 4, ALL_READ: 7}
    assert (idh["n_patients"] == 45).all() and (idh["n_events"] == 15).all()
    assert idh.loc["t1", "events_per_feature"] == 5
    assert sizes.loc[sizes["outcome"] == "kind", "class"].unique().tolist() == ["k0", "k1", "k2"]


def test_needs_are_those_of_the_function_at_the_auc_of_the_run(bundle):
    sizes, scores = read_table(bundle, "sample_sizes"), read_table(bundle, "scores")
    for outcome, name in (("idh", "1"), ("kind", "k1")):
        of = (scores["outcome"] == outcome) & (scores["class"] == name) & (scores["model"] == "mean")
        area = scores.loc[of & (scores["metric"] == "auc"), "value"].item()
        own = sizes[(sizes["outcome"] == outcome) & (sizes["class"] == name) & (sizes["reads"] == ALL_READ)]
        own = own.set_index("assumed")
        expected = riley_sample_size(7, 1 / 3, auc=area) if 0.5 < area < 1 else None
        if expected is None:
            assert own.loc[OF_RUN, "n"] != own.loc[OF_RUN, "n"]
        else:
            assert own.loc[OF_RUN, ["n", "n_shrinkage", "n_optimism", "n_intercept"]].tolist() == list(expected[:4])
            assert own.loc[OF_RUN, "r2_cs"] == pytest.approx(expected.r2_cs, rel=1e-12)
        cautious = riley_sample_size(7, 1 / 3, r2_cs=0.15 * riley_sample_size(7, 1 / 3, r2_cs=0.1).r2_max)
        assert own.loc[CAUTIOUS, "n"] == cautious.n


def test_the_page_says_it_in_a_sentence_of_each_class(bundle):
    page = (bundle.parent / "report.html").read_text()
    assert "15 of 45 patients are of the rarer class, and selection starts from 7 features: 2.1 such patients" in page
    assert "k1 against the rest: 15 of 45 patients" in page
    assert "Riley et al." in page
