"""A recipe with the ledger on: what shortcuts claim beside the run's own scores, for every outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.read import read_table
from radiofuse.commands.ledger_words import describe_ledger
from radiofuse.experiment import run_recipe

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]

RECIPE = """
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "kruskal"
[fusion]
inner_folds = 2
[[models]]
name = "late"
clinical = true
combine = ["regression"]
[[models]]
name = "joined"
kind = "early"
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


def write(folder, ledger):
    rng, n = np.random.default_rng(0), 48
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "idh": np.where(np.arange(n) % 2, "mutant", "wildtype"),
        "who_grade": [["2", "3", "4", "unknown"][row // 2 % 4] for row in range(n)],
        "clinical__age": rng.normal(size=n),
    }
    noise = {f"{modality}__f{place}": rng.normal(size=n) for modality in ("t1", "t2") for place in range(30)}
    folder.mkdir(exist_ok=True)
    pd.DataFrame(table | noise).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE + f"ledger = {ledger}\n")
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")
    for ledger in ("true", "false"):
        run_recipe(write(folder / ledger, ledger), out=folder / ledger / "out", store=folder / "store", report=False)
    return [folder / ledger / "out" / "bundle" for ledger in ("true", "false")]


def test_the_ledger_stands_beside_the_scores_and_moves_none(bundles):
    for name in ("predictions", "scores", "comparisons"):
        assert (bundles[0] / f"{name}.csv").read_bytes() == (bundles[1] / f"{name}.csv").read_bytes()
    without = read_table(bundles[1], "ledger")
    assert without.empty
    assert list(without.columns) == list(TABLES["ledger"].columns)


def test_every_outcome_has_its_shortcuts_and_the_scores_of_the_run(bundles):
    ledger, scores = (read_table(bundles[0], name) for name in ("ledger", "scores"))
    expected = ["selected_before", "best_in_hindsight", "tuned_threshold", "weights_in_sample"]
    assert ledger.groupby("outcome", sort=False)["shortcut"].agg(list).to_dict() == {
        "idh": expected,
        "who_grade": expected,
    }
    assert set(ledger["model"]) == {"late_regression"}
    scores = scores[scores["class"].isin(["mutant", ""])].set_index(["outcome", "model", "metric"])["value"]
    for row in ledger.itertuples():
        assert row.honest == scores[row.outcome, row.model, row.metric]
        assert row.difference == pytest.approx(row.optimistic - row.honest)
    assert (ledger.set_index("shortcut").loc["selected_before", "difference"] > 0.05).all()


def test_the_screen_has_a_sentence_for_each(bundles):
    text = describe_ledger(read_table(bundles[0], "ledger"))
    assert text.count("\n- ") == 8
    assert "- who_grade, the threshold tuned on the test patients: balanced accuracy of" in text
