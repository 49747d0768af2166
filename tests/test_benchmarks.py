"""Scripts of benchmarks/ that nobody runs to their end here: small runs of them, and their recipes are valid."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from radiofuse.experiment.image_networks import unusable_networks
from radiofuse.experiment.recipe import read_recipe

torch = pytest.importorskip("torch")

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module


def test_the_script_for_a_gpu_runs_on_a_cpu(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["encoder_gpu.py", "--device", "cpu", "--tiny"])
    script("encoder_gpu").main()
    printed = capsys.readouterr().out
    assert printed.startswith("CPU, which says nothing of a GPU")
    for name in ("san10_small", "vgg16_attention"):
        said = printed.partition(f"{name}: ")[2]
        numbers = [float(number) for number in re.findall(r"(\d[\d.]*) images/s", said)[:2]]
        assert len(numbers) == 2 and min(numbers) > 0, printed


@pytest.mark.skipif(torch.cuda.is_available(), reason="the GPU is there")
def test_without_a_gpu_the_script_says_so(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["encoder_gpu.py"])
    with pytest.raises(SystemExit) as left:
        script("encoder_gpu").main()
    assert left.value.code == 2 and "torch finds no GPU here" in capsys.readouterr().err


def test_both_loops_train_and_embed(script, capsys):
    loops = script("training_loops")
    loops.compare_loops("mobilenet_v2", 3, 32, 8, epochs=1, device="cpu", repeats=1)
    loops.run_twice("mobilenet_v2", 3, 32, 8, epochs=1, device="cpu")
    ratios = [float(ratio) for ratio in re.findall(r"ratio ([\d.]+)", capsys.readouterr().out)]
    assert len(ratios) == 3 and min(ratios[:2]) > 0 and ratios[2] > 1  # what is stored is not trained again


def test_recipes_of_the_networks_of_the_grading_table_differ_in_the_network_alone(script, tmp_path):
    grading = script("grading_networks")
    recipes = {}
    for network in grading.NETWORKS:
        path = tmp_path / f"{network}.toml"
        path.write_text(
            "\n".join(f"{name} = {grading.toml(part)}" for name, part in grading.recipe_of(network).items())
        )
        recipes[network] = read_recipe(path)
    pipeline = read_recipe(grading.PIPELINE)
    assert recipes["vgg16_attention"].deep == pipeline.deep
    for network, recipe in recipes.items():
        assert recipe.deep.encoder == network and recipe.deep.options["dropout"] == 0.4
        same = {"encoder": network, "options": recipe.deep.options}
        assert recipe.deep == pipeline.deep.model_copy(update=same)
        assert (recipe.evaluation, recipe.cohort.label, recipe.seed) == (
            pipeline.evaluation,
            pipeline.cohort.label,
            pipeline.seed,
        )


def test_the_recipe_of_fusion_networks_has_a_valid_model_for_every_fusion(script, tmp_path, data_dir, monkeypatch):
    networks = script("fusion_networks")
    monkeypatch.setenv("RADIOFUSE_DATA", str(data_dir))
    recipe = read_recipe(networks.write_recipe(tmp_path, 3, 1))
    assert list(unusable_networks(recipe, None)) == []
    asked = {model.options.get("fusion", "concatenation") for model in recipe.models if model.kind == "network"}
    assert asked == set(networks.FUSIONS)


def test_recipes_of_every_family_and_join_are_valid(script, tmp_path, data_dir, monkeypatch):
    leaks = script("encoder_leaks")
    monkeypatch.setenv("RADIOFUSE_DATA", str(data_dir))
    options = argparse.Namespace(patients=None, epochs=1)
    for family in leaks.FAMILIES:
        recipe = read_recipe(leaks.write_recipe(tmp_path, family, options))
        assert [model.join for model in recipe.models] == [*leaks.joins_of(family), None]
        assert recipe.models[-1].reads == ("radiomics",)
        assert recipe.deep.dimensions == (3 if "3-D" in family else 2)


@pytest.mark.filterwarnings("ignore::radiofuse.select.shortfall.NothingSelectedWarning")
def test_selectors_on_weak_signals_are_scored_and_say_where_nothing_passed(script):
    weak = script("weak_signals")
    X, y = weak.draw(weak.WORLDS["noise"], 0)
    area, kept, empty = weak.scored(X[:, :60], y, lambda: weak.StabilitySelector(n_pairs=2, threshold=1.0), 0)
    assert 0 < area < 1 and kept >= 1 and 0 <= empty <= 1
    found, kept, _ = weak.scored(*weak.draw(weak.World(5, 4.0), 0), None, 0)
    assert found > 0.9 and kept == weak.N_FEATURES


@pytest.mark.filterwarnings("ignore::radiofuse.select.shortfall.NothingSelectedWarning")
@pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning")
def test_the_protocol_of_radmlbench_runs_on_a_small_table(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["radmlbench.py", "--smoke"])
    radmlbench = script("radmlbench")
    radmlbench.main()
    printed = capsys.readouterr().out
    for name in ("default chain", "default recipe", "L1 of 64, forest", "ridge", "SVM", "forest"):
        assert re.search(rf"smoke +{name} +[01]\.\d{{3}}", printed), printed
    difference, half = radmlbench.interval_of(radmlbench.np.array([0.1, 0.3]), 1.0)
    assert difference == pytest.approx(0.2) and half == pytest.approx(12.7062 * (1.5 * 0.02) ** 0.5, rel=1e-4)
