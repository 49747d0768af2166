"""Scripts of benchmarks/ that nobody runs to their end here: small runs of them, and their recipes are valid."""

from __future__ import annotations

import argparse
import re
import sys
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.experiment.models.image_networks import unusable_networks
from radiofuse.experiment.recipe.recipe import read_recipe

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


def test_modalities_of_radmlbench_are_told_up_to_an_underscore_or_a_dot(script):
    columns = ["T1Gd_core_Mean", "T2_core_Mean", "T1Gd_edema_SD", "FA.Contrast_Avg_1"]
    assert script("radmlbench").blocks_of(columns) == {
        "T1Gd": ["T1Gd_core_Mean", "T1Gd_edema_SD"],
        "T2": ["T2_core_Mean"],
        "FA": ["FA.Contrast_Avg_1"],
    }


def scores_over_tasks(script, log_losses: dict[str, list[float]], areas: dict[str, list[float]]):
    return script("default_choice").pd.DataFrame(
        {"task": f"task {i}", "n": 50, "candidate": name, "log_loss": loss, "auc": areas[name][i]}
        for name, losses in log_losses.items()
        for i, loss in enumerate(losses)
        if loss is not None
    )


def test_the_default_is_replaced_by_what_is_better_in_both_scores_and_over_tasks(script):
    choice = script("default_choice")
    steps = [0.01 * (1 + i) for i in range(8)]
    losses = {"today": [0.5] * 8, "ridge": [0.5 - step for step in steps], "one chain": [0.51] * 7 + [0.1]}
    areas = {"today": [0.8] * 8, "ridge": [0.82] * 8, "one chain": [0.9] * 8}
    tested = choice.test_over_tasks(scores_over_tasks(script, losses, areas))
    assert tested.loc["ridge", ["log_loss_p", "log_loss_flip"]].tolist() == pytest.approx([2 / 2**8] * 2)
    assert tested.loc["ridge", "p_holm"] == pytest.approx(2 * 2 / 2**8)
    assert tested.loc["one chain", "log_loss_gain"] > 0 and tested.loc["one chain", "p_holm"] > 0.05
    assert choice.chosen(tested) == "ridge"
    areas["ridge"] = [0.79] * 8
    assert choice.chosen(choice.test_over_tasks(scores_over_tasks(script, losses, areas))) == "today"


def test_a_candidate_is_compared_on_the_tasks_that_it_has(script):
    choice = script("default_choice")
    losses = {"today": [0.2, 0.6, 0.7], "with clinical": [None, 0.5, 0.5]}
    tested = choice.test_over_tasks(scores_over_tasks(script, losses, {"today": [0.8] * 3, "with clinical": [0.9] * 3}))
    assert tested.loc["with clinical", "tasks"] == 2
    assert tested.loc["with clinical", "log_loss_gain"] == pytest.approx(0.15)
    assert tested.loc["with clinical", "auc_better"] == 2


def test_signs_are_flipped_in_every_way(script):
    flip = script("default_choice").sign_flip
    assert flip(script("default_choice").np.array([3.0, 2.0, 1.0])) == 2 / 8
    assert flip(script("default_choice").np.array([3.0, -2.0, -1.0])) == 1.0


def test_the_figure_of_candidates_has_the_same_numbers_as_its_table(script, tmp_path):
    scores = scores_over_tasks(
        script, {"today": [0.5, 0.6], "ridge": [0.4, 0.7]}, {"today": [0.8, 0.7], "ridge": [0.7, 0.75]}
    )
    script("default_figure").draw(scores, "today", tmp_path / "gains.svg")
    told = script("default_choice").pd.read_csv(tmp_path / "gains.csv")
    assert told["log_loss_gain"].tolist() == [0.1, -0.1] and told["auc_gain"].tolist() == [-0.1, 0.05]
    assert "<svg" in (tmp_path / "gains.svg").read_text()


def test_every_candidate_is_a_valid_model_of_a_recipe(script, tmp_path):
    choice = script("default_choice")
    tasks = script("default_tasks")
    task = tasks.Task("t", tmp_path / "t.csv", tasks.binary("idh"), [], clinical=True)
    recipe = read_recipe(choice.write_recipe(task, tmp_path / "r.toml", 5, 2))
    assert [choice.candidates_of(task)[model.name] for model in recipe.models] == list(choice.CANDIDATES)


def test_the_strongest_columns_of_an_l1_regression_are_kept_for_two_classes_and_for_three(script):
    np, own = script("default_choice").np, script("candidate_models")
    rng, y = np.random.default_rng(0), np.repeat(["2", "3", "4"], 8)
    X = rng.normal(size=(24, 6))
    X[:, 2] += 4 * (y == "2")
    X[:, 5] += 4 * (y == "4")
    assert set(own.StrongestOfLasso(2).fit(X, y).get_support(indices=True)) == {2, 5}
    binary = own.StrongestOfLasso(1).fit(X, y == "4")
    assert binary.get_support(indices=True).tolist() == [5]


def test_windows_in_batches_say_what_single_ones_say(script, monkeypatch, capsys):
    segmentation = script("segmentation")
    monkeypatch.setattr(segmentation, "VOLUME", 12)
    monkeypatch.setattr(segmentation, "WINDOW", (8, 8, 8))
    segmentation.print_windows(repeats=1)
    apart = re.findall(r"answers (\S+) apart", capsys.readouterr().out)
    assert len(apart) == 4 and max(map(float, apart)) < 1e-5


def test_calibration_with_and_without_cutmix_is_read_from_a_bundle(script):
    table_of = script("cutmix_calibration").table_of
    names = [(outcome, model) for outcome in ("idh", "grade") for model in ("weighed", "cutmix", "trivial")]
    scores = [
        (*name, metric, at + more) for at, name in enumerate(names) for more, metric in enumerate(("auc", "log_loss"))
    ]
    calibration = [(*name, at / 10, at / 100, number) for at, name in enumerate(names[::-1]) for number in (0, 1)]
    tables = (
        pd.DataFrame(scores, columns=["outcome", "model", "metric", "value"]),
        pd.DataFrame(calibration, columns=["outcome", "model", "slope", "ece", "predicted"]),
    )
    found = table_of(*tables, ["weighed", "cutmix"])
    assert found.index.to_list() == [one for one in names if one[1] != "trivial"]
    assert found.loc[("grade", "cutmix")].to_list() == [4.0, 5.0, 0.01, 0.1]
    with pytest.raises(RequestError, match="no scores of 'mixup'; its models are weighed, cutmix, trivial"):
        table_of(*tables, ["mixup"])
