"""Whether networks add to radiomic features, by which encoder and which join: every candidate on the same folds.

    python benchmarks/deep_joins.py [--encoders sanet resnet ...] [--outcomes idh grade] [--repeats 1] [--store DIR]

Glioma windows of TCGA (98 patients with a known IDH status, 111 with a grade, four sequences), five folds of whole
patients, everything fitted inside them. The candidates were named before anything was run; each is one recipe:
107 features of each sequence through three-step selection and the BRNN, their mean calibrated (*radiomics*, the others
alone); the networks alone (*network*); and both, joined as embeddings beside the columns (*columns*, its mean not
calibrated: that would need six times as many encoders), as members, by their logits with a ridge penalty, or as the
log-loss says. Differences are to *radiomics*, on the same patients, with 95 % intervals of 2,000 bootstrap samples of
patients; a gain in log-loss is how much smaller it is. Needs ``RADIOFUSE_DATA`` and the extra deep.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from radiofuse.commands import terminal
from radiofuse.experiment import run_recipe

DATA = os.environ.get("RADIOFUSE_DATA")
OUTCOMES = {"idh": ("idh", "high_grade"), "grade": ("high_grade", "idh")}  # label, and the other one, which is ignored
ENCODERS = {
    "sanet": (
        "san10_small for each sequence, 72 x 72 around the tumor, the largest slice",
        """[deep]
encoder = "san10_small"
[deep.training]
epochs = 10
learning_rate = 1e-3
""",
    ),
    "resnet": (
        "3-D ResNet18, a quarter of its width, a cube of 32 voxels of four channels",
        """[deep]
encoder = "resnet18"
options = { width = 0.25 }
channels = ["t1", "t1ce", "t2", "flair"]
name = "resnet"
dimensions = 3
size = 32
over = "image"
[deep.training]
epochs = 15
learning_rate = 1e-3
balance = "weights"
""",
    ),
    "mobilenet": (
        "MobileNetV2, half its width, four slices of 64 x 64 around the tumor, four channels",
        """[deep]
encoder = "mobilenet_v2"
options = { width = 0.5 }
channels = ["t1", "t1ce", "t2", "flair"]
name = "mobilenet"
slices = 4
size = 64
[deep.training]
epochs = 15
learning_rate = 1e-3
balance = "weights"
""",
    ),
    "vgg": (
        "VGG16 with attention, an eighth of its width, eight whole slices, three channels",
        """[deep]
encoder = "vgg16_attention"
options = { width = 0.125, dropout = 0.4 }
channels = ["flair", "t1ce", "t2"]
name = "vgg"
slices = 8
cut = "image"
size = 64
over = "image"
[deep.training]
preset = "vgg_attention"
epochs = 12
balance = "oversampling"
""",
    ),
}
JOINS = ("columns", "members", "logit", "auto")


def write_recipe(folder: Path, outcome: str, encoder: str, joins: list[str], repeats: int) -> Path:
    """Write the recipe of one encoder and outcome, every join a model of it."""
    label, other = OUTCOMES[outcome]
    models = [("radiomics", 'reads = ["radiomics"]'), ("network", 'reads = ["deep"]')]
    models += [(join, f'join = "{join}"') for join in joins]
    plain = {"columns": "\ncalibrate = false"}
    texts = [f'[[models]]\nname = "{name}"\n{what}{plain.get(name, "")}\n' for name, what in models]
    path = folder / f"{outcome}_{encoder}.toml"
    path.write_text(f"""title = "{outcome}, {encoder}"
[cohort]
table = "{DATA}/brats20_tcga_roi/cohort.csv"
label = "{label}"
ignore = ["{other}", "who_grade", "codel_1p19q"]
modalities = ["t1", "t1ce", "t2", "flair"]
mask_label = "any"
[radiomics]
settings = "default"
{ENCODERS[encoder][1]}
[fusion]
combine = ["mean"]
{"".join(texts)}
[evaluation]
folds = 5
repeats = {repeats}
""")
    return path


def answers_of(out: Path) -> tuple[pd.Series, dict[str, pd.DataFrame]]:
    """Return each sample's label, and by model its answers, one column per repeat."""
    table = pd.read_csv(out / "bundle" / "predictions.csv", dtype={"sample_id": str})
    answers = {
        name.removesuffix("_mean"): part.pivot(index="sample_id", columns="repeat", values="probability")
        for name, part in table.groupby("model")
        if name.endswith("_mean")
    }
    return table.drop_duplicates("sample_id").set_index("sample_id")["label"].sort_index(), answers


def scores(y: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return AUC and log-loss, each the mean over the repeats."""
    each = [(roc_auc_score(y, told), log_loss(y, told)) for told in answers.T]
    return np.mean(each, axis=0)


def gains(y: np.ndarray, base: np.ndarray, answers: np.ndarray, n_resamples: int = 2000) -> np.ndarray:
    """Return the gains in AUC and in log-loss over ``base``, rows: the value, and 2.5 and 97.5 percent of resamples."""
    rng = np.random.default_rng(0)
    places = [rng.integers(0, len(y), len(y)) for _ in range(n_resamples)]
    places = [own for own in places if 0 < y[own].sum() < len(y)]
    sign = np.array([1, -1])
    drawn = [sign * (scores(y[own], answers[own]) - scores(y[own], base[own])) for own in places]
    value = sign * (scores(y, answers) - scores(y, base))
    return np.vstack([value, np.percentile(drawn, [2.5, 97.5], axis=0)])


def rows_of(outcome: str, encoder: str, out: Path) -> list[dict[str, object]]:
    """Return a row per model of a run."""
    labels, answers = answers_of(out)
    y, base = labels.to_numpy(), answers["radiomics"].loc[labels.index].to_numpy()
    rows = []
    for name, table in answers.items():
        told = table.loc[labels.index].to_numpy()
        auc, loss = scores(y, told)
        row = {"outcome": outcome, "encoder": encoder, "join": name, "auc": auc, "log_loss": loss}
        if name != "radiomics":
            found = gains(y, base, told)
            row |= {"auc_gain": found[:, 0], "log_loss_gain": found[:, 1]}
        rows.append(row)
    return rows


def words(found: object) -> str:
    """Return a gain with its interval."""
    return "" if not isinstance(found, np.ndarray) else f"{found[0]:+.3f} ({found[1]:+.3f} to {found[2]:+.3f})"


def averages(table: pd.DataFrame) -> pd.DataFrame:
    """Return the gains of each encoder and join, averaged over the outcomes."""
    joined = table[table["join"] != "radiomics"]
    values = {name: joined[name].map(lambda found: found[0]) for name in ("auc_gain", "log_loss_gain")}
    return joined.assign(**values).groupby(["join", "encoder"], sort=False)[list(values)].mean().unstack()


def chosen(out: Path) -> str:
    """Return how often each way was chosen in the outer folds of "auto"."""
    path = out / "bundle" / "chosen_options.csv"
    if not path.exists():
        return ""
    table = pd.read_csv(path)
    return ", ".join(f"{way} {n}" for way, n in table[table["fold"].notna()]["value"].value_counts().items())


def main() -> None:
    """Run what was asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", choices=list(ENCODERS), default=list(ENCODERS))
    parser.add_argument("--outcomes", nargs="+", choices=list(OUTCOMES), default=list(OUTCOMES))
    parser.add_argument("--joins", nargs="+", choices=JOINS, default=list(JOINS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--store", default="feature_store")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    logging.disable(logging.WARNING)
    rows, start = [], time.process_time()
    with tempfile.TemporaryDirectory() as name:
        for outcome in options.outcomes:
            for encoder in options.encoders:
                recipe = write_recipe(Path(name), outcome, encoder, options.joins, options.repeats)
                out, places = Path(name) / f"{outcome}_{encoder}", {"store": options.store, "n_jobs": options.jobs}
                run_recipe(recipe, out=out, report=False, progress=terminal.progress, **places)
                rows += rows_of(outcome, encoder, out)
                print(f"{outcome}, {encoder}: auto chose {chosen(out)}", flush=True)
    table = pd.DataFrame(rows)
    shown = table.assign(**{name: table[name].map(words) for name in ("auc_gain", "log_loss_gain")})
    print(
        f"\n{options.repeats} x 5 folds; {(time.process_time() - start) / 60:.0f} CPU minutes, less what was stored\n"
    )
    print(shown.round({"auc": 3, "log_loss": 3}).to_string(index=False))
    print("\nGains averaged over the outcomes\n")
    print(averages(table).round(3).to_string())
    for name in options.encoders:
        print(f"{name}: {ENCODERS[name][0]}")


if __name__ == "__main__":
    main()
