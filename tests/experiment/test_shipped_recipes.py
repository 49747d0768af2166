"""Recipes that come along: each builds every model it names; that of all fusions of networks runs on a phantom."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from radiofuse.bundle.read import read_table
from radiofuse.datasets import make_phantom_cohort
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.models.glossary import list_answers
from radiofuse.experiment.models.model_list import called, model_list
from radiofuse.experiment.problems import Places
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.refusals import problems_before_reading
from radiofuse.experiment.run import run_recipe
from tests.conftest import REPOSITORY
from tests.trusting import load_bundle

SHIPPED = sorted((REPOSITORY / "pipelines").glob("*.toml"))
GRADING = REPOSITORY / "pipelines" / "kheirbakhsh_grading.toml"
FOUR = ["t1", "t1ce", "t2", "flair"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_recipe_that_comes_along_builds_all_its_models(path):
    recipe = read_recipe(path)
    if recipe.deep is not None:
        pytest.importorskip("torch")
    modalities = list(recipe.cohort.modalities or FOUR)
    if recipe.deep is not None and recipe.deep.channels:
        modalities.append(recipe.deep.name)
    inputs = Inputs(modalities, {name: [f"{name}__a"] for name in modalities}, ["clinical__age"])
    built = list_models(recipe, inputs) | list_models(recipe, inputs, joint=True)
    assert list(built) == [called(model) for model in model_list(recipe)]
    names = [answer.name for answer in list_answers(recipe, modalities)]
    assert len(names) == len(set(names))
    told = {row.model for table in recipe.tables for row in table.rows if row.model}
    assert told <= set(names)
    if recipe.evaluation.reference:
        assert recipe.evaluation.reference in names


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_recipe_that_comes_along_is_refused_before_its_table_is_read(path, tmp_path):
    recipe = read_recipe(path)
    if recipe.deep is not None:
        pytest.importorskip("torch")
    assert problems_before_reading(recipe, Places(tmp_path / "out", tmp_path / "store", report=False)) == []


def tiny(text: str, folder: Path) -> Path:
    """Write the recipe with a phantom, two sequences, networks of a few weights and two folds, and return its path."""
    changes = [
        (r"table = .*\nignore = .*", 'table = "phantom/cohort.csv"\nlabel = "idh"'),
        (r"modalities = .*", 'modalities = ["t1ce", "flair"]'),
        (r"\[\[outcomes\]\]\n(.+\n)+", ""),
        (r'\nencoder = "resnet18".*\noptions = .*', '\nencoder = "tiny_encoder:TinyOfChannels"'),
        (r"\nslices = .*\nsize = .*", "\nslices = 2\nsize = 12"),
        (r"\nfolds = 3 .*", "\nfolds = 2"),
        (r"\nepochs = .*", "\nepochs = 1\nvalidation = 0"),
        (r'(name = "(late|erf|isf|imf)_clinical"\n)', r"\1keep = false\n"),
        (r"inner_folds = 3", "inner_folds = 2"),
        (r"\[1024, 512, 256, 128\]|\[128, 64\]", "[8]"),
        (r'fusion = "weighting"', 'fusion = "weighting", width = 4'),
        (r"\nfolds = 5\n", "\nfolds = 2\nresamples = 100\n"),
    ]
    for old, new in changes:
        text, found = re.subn(old, new, text)
        assert found, old
    path = folder / "grading.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def grading(tmp_path_factory, tiny_encoder):
    """The bundle of a finished run of the recipe's tiny variant, and its folder."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("grading")
    make_phantom_cohort(folder / "phantom", n_patients=20, seed=1)
    out = run_recipe(tiny(GRADING.read_text(), folder), out=folder / "out", store=folder / "store", report=False)
    return out / "bundle"


def test_every_fusion_of_the_grading_recipe_answers_for_every_patient(grading):
    predictions = read_table(grading, "predictions")
    strategies = ["erf", "elf", "isf", "imf", "mwb"]
    late = [f"late{clinical}_{rule}" for clinical in ("", "_clinical") for rule in ("mean", "logit_mean", "vote")]
    expected = [*strategies, *(f"{name}_clinical" for name in strategies), *late, "late_best", "clinical"]
    rows = predictions.groupby("model")["probability"].agg(["count", lambda p: p.between(0, 1).all()])
    assert (rows.loc[expected] == [20, True]).all(axis=None)
    assert set(read_table(grading, "against_reference")["b"]) == {"late_best"}


def test_scores_by_slices_stand_only_beside_those_by_patients(grading):
    scores = read_table(grading, "scores")
    sliced = scores[scores["metric"].str.startswith("slice_")]
    assert {"late_t1ce", "late_flair"} <= set(sliced["model"])
    assert sliced["n_samples"].eq(2 * 20).all()  # two slices of each
    assert set(scores.loc[scores["metric"].eq("weighted_f1"), "model"]) >= set(sliced["model"])


def test_weights_of_the_weighting_block_are_told_of_all_by_class_and_by_call(grading):
    weights = read_table(grading, "modality_weights").query("model == 'mwb'")
    total = weights.groupby(["class", "calls"], dropna=False)["mean"].sum()
    assert total.to_numpy() == pytest.approx(1)
    counts = weights.query("member == 't1ce'").set_index(["class", "calls"])["n_answers"]
    assert counts.xs("all", level="calls").sum() == 2 * 20  # of everybody, and of each class
    assert counts.xs("right", level="calls").dropna().sum() % 2 == 0


def test_the_head_of_elf_has_the_width_of_all_embeddings_and_the_clinical_columns(grading):
    model = load_bundle(grading.parent).models["idh"]["elf_clinical"].model_
    clinical = sum(name.startswith("clinical__") for name in pd.read_csv(grading.parents[1] / "phantom" / "cohort.csv"))
    assert model.head_.n_features_in_ == 2 * 4 + clinical
