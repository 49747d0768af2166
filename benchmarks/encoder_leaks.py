"""Do networks know labels that nobody could know? Permuted labels through every family of encoders and every join.

    python benchmarks/encoder_leaks.py [--permutations 4] [--families resnet18 frozen] [--patients 111] [--jobs 1]

Each family is a recipe: T1ce crops of brats20_tcga_roi, a network of few weights, and a late fusion for each way in
which a network joins the radiomic features. Labels (grade) are permuted between patients, everything is fitted anew in
2 folds, and the AUC of the patients held out is printed as mean and 95% interval over the permutations: without a
leak the interval holds .5, but in one of twenty cells by chance.

*alone* are the radiomic features without a network, under the same permutations: few permutations may all lie a little
above or below .5, and what joins these features moves with them. The last line is what joins have more than them.

Two columns say whether the table could show a leak at all. ``once for all`` is one: a network trained for five times as
long on everybody's permuted labels, its embeddings then cross-validated; of the first permutation. ``real`` is the AUC
of the join by columns with the real labels. Needs ``RADIOFUSE_DATA``, and MONAI for four families, which are left out
without it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from radiofuse.deep import CropEncoder
from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.evaluate import cross_validated_predictions
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.noise import with_permuted_labels
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import Rows
from radiofuse.progress import silent
from radiofuse.tables import columns

MODALITY, OUTCOME = "t1ce", "high_grade"
JOINS = ("columns", "members", "logit", "auto")
ALONE = "alone"  # the radiomic features without a network
FROZEN = "frozen mobilenet_v2"
FAMILIES = {  # encoder, its options, further lines of [deep]
    "sanet": (
        "radiofuse.deep.encoders.sanet:SANet",
        "layers = [1, 1], kernels = [3, 3], widths = [32, 64], embedding_dim = 32",
        "",
    ),
    "vgg16_attention": ("vgg16_attention", "width = 0.06", ""),
    "mobilenet_v2": ("mobilenet_v2", "width = 0.1", ""),
    "resnet18": ("resnet18", "width = 0.1", ""),
    "densenet121": ("densenet121", "width = 0.1", ""),
    "efficientnet_b2": ("efficientnet_b2", "width = 0.1", ""),
    "resnet18 in 3-D": ("resnet18", "width = 0.1", "dimensions = 3"),
    FROZEN: ("mobilenet_v2", "width = 0.1, frozen = true, weights = 'frozen.safetensors'", ""),
}
RECIPE = """
seed = 0
[cohort]
table = '{table}'
label = "high_grade"
ignore = ["idh", "who_grade", "codel_1p19q"]
modalities = ["t1ce"]
mask_label = "any"
[radiomics]
settings = '{settings}'
[deep]
encoder = "{encoder}"
options = {{ {options} }}
size = 32
folds = 2
training = {{ epochs = {epochs}, batch_size = 8, learning_rate = 0.01, flips = false, rotation_deg = 0 }}
{more}
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
FEW = "imageType:\n  Original: {}\nfeatureClass:\n  firstorder: [Mean, Variance, Skewness, Entropy, 90Percentile]\n"


def joins_of(family: str) -> tuple[str, ...]:
    """Return how a family's networks can join; a frozen one has no answer of its own."""
    return JOINS[:1] if family == FROZEN else JOINS


def write_recipe(folder: Path, family: str, options: argparse.Namespace) -> Path:
    """Write a family's recipe, and the weights of the frozen network, which nobody's label entered."""
    encoder, own, more = FAMILIES[family]
    table = Path(os.environ["RADIOFUSE_DATA"]) / "brats20_tcga_roi" / "cohort.csv"
    if options.patients:
        rows = pd.read_csv(table, dtype=str)
        paths = [name for name in rows if name == "mask" or name.endswith("__image")]
        rows[paths] = rows[paths].map(lambda name: str(table.parent / name), na_action="ignore")
        table = folder / "few.csv"
        rows.groupby(OUTCOME).head(options.patients // 2).to_csv(table, index=False)
    (folder / "few.yaml").write_text(FEW)
    save_file(make_encoder("mobilenet_v2", 1, options={"width": 0.1}).state_dict(), folder / "frozen.safetensors")
    models = "\n".join(f'[[models]]\nkind = "late"\nname = "{join}"\njoin = "{join}"' for join in joins_of(family))
    models += f'\n[[models]]\nkind = "late"\nname = "{ALONE}"\nreads = ["radiomics"]\n'
    given = {"encoder": encoder, "options": own, "more": more, "models": models, "epochs": options.epochs}
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(table=table, settings=folder / "few.yaml", **given))
    return path


def aucs(recipe: Recipe, rows: Rows, jobs: int) -> dict[str, float]:
    """Return the AUC of each join, of patients held out."""
    labeled = rows.of(rows.outcomes[0])
    models, how = list_models(recipe, rows.inputs_for(labeled.outcome)), {"cv": 2, "random_state": recipe.seed}
    predictions = cross_validated_predictions(models, labeled.X, labeled.y, groups=labeled.groups, n_jobs=jobs, **how)
    answers = {join: predictions[predictions["model"] == f"{join}_mean"] for join in (*JOINS, ALONE)}
    return {
        join: roc_auc_score(answer["label"], answer["probability"]) for join, answer in answers.items() if len(answer)
    }


def once_for_all(recipe: Recipe, rows: Rows) -> float:
    """Return the cross-validated AUC of embeddings by a network that saw everybody's labels."""
    deep, labeled = recipe.deep, rows.of(rows.outcomes[0])
    X = labeled.X[[columns.join(MODALITY, columns.CROP)]].dropna()
    encoder = CropEncoder(
        deep.encoder,
        crops=rows.source.crops,
        cache=rows.source.cache,
        protocol="as_published",
        training=deep.training | {"epochs": 5 * deep.training["epochs"]},
        options=deep.options | ({"dimensions": 3} if deep.dimensions == 3 else {}),
        random_state=0,
    )
    features = encoder.fit_transform(X, labeled.y, groups=labeled.groups)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    options = {"groups": labeled.groups, "cv": folds, "method": "predict_proba"}
    return roc_auc_score(labeled.y, cross_val_predict(model, features, labeled.y, **options)[:, 1])


def of_family(family: str, options: argparse.Namespace) -> pd.DataFrame:
    """Return the AUC of each permutation, join and control."""
    with tempfile.TemporaryDirectory() as name:
        recipe, found = read_recipe(write_recipe(Path(name), family, options)), []
        rows = prepare_rows(
            recipe, Path(name) / "out", store=Path(name) / "store", n_jobs=1, progress=silent, report=False
        )
        for permutation in range(options.permutations):
            noise = with_permuted_labels(rows, recipe.seed, permutation)
            found += [(family, join, auc, permutation) for join, auc in aucs(recipe, noise, options.jobs).items()]
            if family != FROZEN and not permutation:
                found.append((family, "once for all", once_for_all(recipe, noise), permutation))
        found.append((family, "real", aucs(recipe, rows, options.jobs)["columns"], np.nan))
    return pd.DataFrame(found, columns=["family", "join", "auc", "permutation"])


def in_words(values: pd.Series, none: float = 0.5) -> str:
    """Return a mean with its interval over permutations, marked where it does not hold what nothing would give."""
    mean = values.mean()
    if len(values) < 2:
        return f"{mean:.2f}"
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    outside = " !" if abs(mean - none) > reach else ""
    return f"{mean:.2f} ({mean - reach:.2f} to {mean + reach:.2f}){outside}"


def main() -> None:
    """Print the table, a family in each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--permutations", type=int, default=4)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--patients", type=int, help="Half of each class; left out, all.")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if "RADIOFUSE_DATA" not in os.environ:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds brats20_tcga_roi/.")
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tables = []
    with threadpool_limits(1):
        for family in options.families:
            if find_spec("monai") is None and FAMILIES[family][0].startswith(("resnet", "densenet", "efficientnet")):
                print(f"{family} is left out: MONAI is not installed.")
                continue
            start = time.process_time()
            tables.append(of_family(family, options))
            means = tables[-1].groupby("join", sort=False)["auc"].mean().round(2).to_dict()
            print(f"{family}: {means}, {time.process_time() - start:.0f} s of this process", file=sys.stderr)
    table = pd.concat(tables)
    print(f"\nAUC under permuted labels, {options.permutations} permutations: mean (95% interval); ! does not hold .5")
    cells = table.groupby(["family", "join"], sort=False)["auc"].apply(in_words).unstack(fill_value="-")
    for part in ([ALONE, "columns"], ["members", "logit", "auto"], ["once for all", "real"]):
        shown = cells.reindex(columns=part, fill_value="-")
        print(shown.rename_axis(None).rename_axis(None, axis=1).to_string(), end="\n\n")
    joined = table[table["join"].isin(JOINS)].groupby("permutation")["auc"].mean()
    more = joined - table[table["join"] == ALONE].groupby("permutation")["auc"].mean()
    print(f"Joins less the radiomic features alone, mean over families, by permutation: {in_words(more, none=0)}")


if __name__ == "__main__":
    main()
