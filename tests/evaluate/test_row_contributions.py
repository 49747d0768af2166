"""Contributions of held-out rows add up to the log-odds that the folds predicted, of two classes and of three."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from radiofuse.bundle.read import read_table
from radiofuse.experiment import run_recipe
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.experiment.contributions import contribution_pictures
from radiofuse.wording import number

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "none"
[classify]
method = "logistic"
[fusion]
combine = ["mean", "regression"]
inner_folds = 2
[evaluation]
folds = 2
repeats = 2
resamples = 100
[[models]]
[[models]]
name = "taught"
combine = ["regression"]
missing = "distill"
[[models]]
name = "early"
kind = "early"
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder, rng, n = tmp_path_factory.mktemp("contributions"), np.random.default_rng(0), 48
    idh, grade = np.arange(n) % 2, np.arange(n) // 2 % 3
    table = pd.DataFrame({"sample_id": [f"s{row:02}" for row in range(n)], "idh": idh, "grade": grade + 2})
    table = table.assign(t1__f=rng.normal(size=n) + idh, flair__f=grade + rng.random(n))
    table.loc[:3, "t1__f"] = np.nan
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    return run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store")


@pytest.mark.parametrize("model, answer", [("fusion", "mean"), ("taught", "taught_regression")])
def test_they_add_up_to_what_the_folds_predicted(out, model, answer):
    table, predictions = (read_table(out / "bundle", name) for name in ("contributions", "predictions"))
    key = ["outcome", "sample_id", "repeat", "fold", "class"]
    whole = table[table["model"] == model].groupby(key)["log_odds"].sum()
    told = predictions[predictions["model"] == answer].set_index(key)["probability"]
    assert len(whole) == len(told) == 2 * 48 * (1 + 3)
    two = whole.index.get_level_values("outcome") == "idh"
    np.testing.assert_allclose(expit(whole[two]), told.reindex(whole.index)[two], atol=1e-9)
    np.testing.assert_allclose(np.exp(whole[~two]), told.reindex(whole.index)[~two], atol=1e-9)
    lacking = table[table["sample_id"].isin(["s00", "s03"]) & (table["member"] == "t1")]
    assert len(lacking) and (lacking["log_odds"] == 0).all()
    assert set(table["model"]) == {"fusion", "taught"}


def test_the_page_says_how_often_members_spoke_for_the_patients_own_class(out):
    page = (out / "report.html").read_text()
    for scale in ("log-odds", "log-probability"):  # of two classes, of three
        assert page.count(f"contributed to the answers for held-out patients, in {scale}") == 2  # caption and label
    table = read_table(out / "bundle", "contributions").query(
        "model == 'fusion' and outcome == 'idh' and member == 't1'"
    )
    own = read_table(out / "bundle", "predictions").query("outcome == 'idh'").drop_duplicates("sample_id")
    positive = table["sample_id"].map(own.set_index("sample_id")["label"]) == 1
    assert f"{(table['log_odds'][positive] > 0).mean():.0%}".rstrip("%") in page


def test_the_page_draws_how_contributions_lie_in_either_class(out):
    alts = re.findall('alt="(Contributions to [^"]*)"', (out / "report.html").read_text())
    assert len(alts) == 1 + 3
    table = read_table(out / "bundle", "contributions").query("model == 'fusion' and outcome == 'idh'")
    each = table.groupby(["member", "sample_id"])["log_odds"].mean().unstack(0)
    own = read_table(out / "bundle", "predictions").query("outcome == 'idh'").drop_duplicates("sample_id")
    of_class = [each[own.set_index("sample_id")["label"].reindex(each.index) == label].median() for label in (1, 0)]
    told = "; ".join(f"{name} {number(of_class[0][name])} and {number(of_class[1][name])}" for name in ("t1", "flair"))
    assert alts[0] == f"Contributions to 1, medians of its patients and of the others: {told}."


def test_the_bundle_holds_intervals_of_learned_weights_of_every_model_and_outcome(out):
    weights = read_table(out / "bundle", "fusion_weights")
    learned = weights["weight_low"].notna()
    assert set(weights[learned]["model"]) == {"fusion", "taught"} and set(weights[learned]["outcome"]) == {
        "idh",
        "grade",
    }
    assert set(weights[learned]["fusion"]) == {"regression"} and learned[weights["fusion"] == "regression"].all()
    assert (weights["weight_low"] <= weights["weight_high"])[learned].all()
    t1 = weights.query("outcome == 'idh' and model == 'fusion' and fusion == 'regression' and member == 't1'").iloc[0]
    shown = f'{t1["weight"]:.2f} <span class="interval">({t1["weight_low"]:.2f} to {t1["weight_high"]:.2f})</span>'
    assert shown in (out / "report.html").read_text()


def test_a_class_without_contributions_and_numbers_that_are_none_leave_figures_out(out):
    contents = read_contents(out / "bundle")
    whole = contents.of(contents.outcomes[1]).of_model("fusion")
    assert len(contribution_pictures(whole)) == 3
    table = whole.contributions
    lacking = table[table["class"] != "3"].reset_index(drop=True)
    lacking.loc[lacking["class"] == "4", "log_odds"] = np.inf
    (picture,) = contribution_pictures(replace(whole, contributions=lacking))
    assert picture.alt.startswith("Contributions to 2,") and "The further the two boxes" in picture.caption
    assert contribution_pictures(replace(whole, contributions=table.assign(log_odds=np.nan))) == []
