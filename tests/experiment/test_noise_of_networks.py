"""Labels without meaning look so in every way in which a network joins a fusion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sklearn.metrics import roc_auc_score  # noqa: E402

from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.evaluate import cross_validated_predictions  # noqa: E402
from radiofuse.experiment.models.building import list_models  # noqa: E402
from radiofuse.experiment.noise import with_permuted_labels  # noqa: E402
from radiofuse.experiment.preparation import prepare_rows  # noqa: E402
from radiofuse.experiment.recipe.recipe import read_recipe  # noqa: E402
from radiofuse.progress import silent  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("tiny_encoder"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
JOINS, TIMES = ("columns", "members", "logit", "auto"), 2
RECIPE = """
seed = 0
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce"]
[radiomics]
settings = "few.yaml"
[deep]
encoder = "{encoder}"
options = {options}
size = 32
folds = 2
training = {{ epochs = 3, batch_size = 8, learning_rate = 0.01, flips = false, rotation_deg = 0 }}
[select]
method = "none"
[classify]
method = "logistic"
[fusion]
inner_folds = 2
combine = ["mean"]
calibrate = false
{models}
"""
FEW = "imageType:\n  Original: {}\nfeatureClass:\n  firstorder: [Mean, Variance, Skewness]\n"


@pytest.mark.parametrize(
    ("encoder", "options"), [("tiny_encoder:Tiny", "{}"), ("mobilenet_v2", "{ width = 0.1 }")], ids=["tiny", "mobile"]
)
def test_permuted_labels_look_like_chance_in_every_join(tmp_path: Path, encoder: str, options: str) -> None:
    make_phantom_cohort(tmp_path / "phantom", n_patients=40, seed=1)
    (tmp_path / "few.yaml").write_text(FEW)
    models = "\n".join(f'[[models]]\nkind = "late"\nname = "{join}"\njoin = "{join}"' for join in JOINS)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(encoder=encoder, options=options, models=models))
    recipe = read_recipe(tmp_path / "recipe.toml")
    rows = prepare_rows(recipe, tmp_path / "out", store=tmp_path / "store", n_jobs=1, progress=silent, report=False)
    aucs = {join: [] for join in JOINS}
    for time in range(TIMES):
        noise = with_permuted_labels(rows, recipe.seed, time)
        labeled = noise.of(noise.outcomes[0])
        models = list_models(recipe, noise.inputs_for(labeled.outcome))
        given = {"groups": labeled.groups, "cv": 2, "random_state": time}
        predictions = cross_validated_predictions(models, labeled.X, labeled.y, **given)
        for join in JOINS:
            answer = predictions[predictions["model"] == f"{join}_mean"]
            assert answer["probability"].between(0, 1).all() and answer["probability"].nunique() > 10
            aucs[join].append(roc_auc_score(answer["label"], answer["probability"]))
    n = len(answer) / 2
    reach = 1.96 * np.sqrt((2 * n + 1) / (12 * n * n) / TIMES)  # of Mann and Whitney's statistic where nothing differs
    for join, found in aucs.items():
        assert abs(np.mean(found) - 0.5) < reach, (join, found)
