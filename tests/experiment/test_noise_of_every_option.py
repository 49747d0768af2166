"""Labels without meaning look so with every option of a recipe switched on; the shortcuts beside them do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.experiment.noise import evaluate_noise
from radiofuse.experiment.recipe.evaluation import BY_SITE

pytest.importorskip("torch")  # of the constraint fusion

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[harmonize]
site = "site"
covariates = ["age"]
[select]
method = "kruskal"
[classify]
method = "logistic"
oversample = "random"
[fusion]
inner_folds = 2
combine = ["mean", "regression"]
[[models]]
clinical = true
subsets = "all"
[[models]]
name = "joined"
kind = "early"
clinical = true
joined = "after_selection"
classify = { method = "logistic", search = { C = [0.01, 1.0] }, oversample = "random" }
[[models]]
name = "constrained"
kind = "constrained"
branches = { one = ["t1"], two = ["t2"] }
options = { epochs = 20 }
[[models]]
name = "weighed"
kind = "weighting"
clinical = true
options = { epochs = 20, modality_dropout = true }
[[models]]
name = "taught"
kind = "early"
classify = { method = "logistic", mixup = 0.4 }
self_training = { confidence = 0.6, spread = 0.3, n_draws = 3, hidden_labels = 0.3 }
[[models]]
name = "aged"
kind = "clinical"
[evaluation]
resamples = 100
operating_point = { sensitivity = 0.8 }
ledger = true
compare = [["mean", "joined"]]
permutations = 1
"""
SPLITS = {
    "kfold": 'folds = 2\nrepeats = 1\noptimism = "632+"\noptimism_resamples = 10\n',
    BY_SITE: f'split = "{BY_SITE}"\noptimism = "harrell"\noptimism_resamples = 10\n',
}


def write(folder, split, n=60):
    rng = np.random.default_rng(1)
    site = rng.choice(list("AB"), n)
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "site": site,
        "idh": np.where(np.arange(n) % 2, "mutant", "wildtype"),
        "who_grade": np.array(list("234"))[np.arange(n) // 2 % 3],
        "clinical__age": rng.normal(50, 10, n),
    }
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 80)) + 2 * (site == "B")[:, None]
        table |= {f"{modality}__f{place}": values[:, place] for place in range(80)}
    pd.DataFrame(table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE + SPLITS[split])
    return folder / "recipe.toml"


@pytest.mark.parametrize("split", SPLITS)
def test_every_auc_holds_one_half_and_shortcuts_claim_more(tmp_path, split):
    (results,) = evaluate_noise(write(tmp_path, split), times=1, store=tmp_path / "store")
    scores = results.scores
    several = scores.groupby("outcome")["class"].transform(lambda classes: "" in set(classes))
    auc = scores[(scores["metric"] == "auc") & (scores["class"].eq("") | ~several)]
    models = {
        "t1",
        "t2",
        "clinical",
        "mean",
        "regression",
        "mean(t1+t2)",
        "joined",
        "constrained",
        "weighed",
        "taught_stage_2",
        "taught_stage_1",
        "taught_supervised",
        "aged",
        "trivial",
    }
    assert models <= set(auc["model"])
    folds = results.fold_scores.query("metric == 'auc'").groupby(["outcome", "model"])["value"].mean()
    for row in auc.itertuples():
        # pooled over sites a model that finds nothing ranks by shares of other sites: there the folds tell
        value = folds[row.outcome, row.model] if split == BY_SITE else row.value
        slack = (row.high - row.low) / 2
        assert abs(value - 0.5) <= slack, (row.outcome, row.model, value, slack)
    tests = results.tests.set_index(["outcome", "test"])["value"]
    kind = "632+" if split == "kfold" else "harrell"
    assert tests[("idh", "permutation")] == pytest.approx(0.5, abs=0.2)
    assert {kind, "permutation", "mcnemar", "nri", "idi"} <= set(results.tests["test"])
    before = results.ledger.query("shortcut == 'selected_before'")
    assert (before["optimistic"] > before["honest"] + 0.1).all()
    assert set(results.operating_points["model"]) >= {"mean", "joined", "constrained", "weighed"}
