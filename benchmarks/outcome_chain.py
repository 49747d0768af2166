"""A chain over outcomes beside the late fusions it stands on: IDH, 1p/19q and WHO grade 2/3/4 of TCGA gliomas.

Run as ``python benchmarks/outcome_chain.py tumors``: four tables of 361 features of 162 patients, 5 folds, repeated 3
times. The chain goes from IDH to 1p/19q to grade. Prints AUC, log-loss and Brier score of each, the difference of the
AUC with its interval, and the weights of the links. Needs ``RADIOFUSE_DATA``.

``... generated``: two outcomes of 160 generated patients, the first known in all and shown by two of 60 features, the
second known in 50 or in all, and equal to the first in 85 % or independent of it. Prints the mean AUC and log-loss of
the second in 500 further patients over 15 cohorts, by the chain and by the fusion of the second outcome itself.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from several_outcomes import DATA, table_of_tables, timed_run, write_recipe
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.fuse import LateFusion, OutcomeChain

ORDER = ["idh", "codel_1p19q", "who_grade"]
MODELS = """
[[models]]
name = "chained"
kind = "chained"
order = ["idh", "codel_1p19q", "who_grade"]
combine = ["mean"]
[[models]]
combine = ["mean"]
"""


def tumors() -> None:
    """Run both models on the same folds and print both sides."""
    if DATA is None:
        sys.exit("Set RADIOFUSE_DATA to the folder that holds the cohorts.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"fusion": "", "settings": "none", "table": str(table_of_tables(folder)), "models": MODELS}
        recipe = write_recipe(folder / "chain.toml", ORDER, evaluation="folds = 5\nrepeats = 3", **options)
        timed_run(recipe, folder / "out", folder / "store")
        scores, compared, weights = (
            pd.read_csv(folder / "out" / "bundle" / f"{table}.csv", dtype={"class": str})
            for table in ("scores", "comparisons", "fusion_weights")
        )
    for outcome in ORDER:
        print(f"\n{outcome}")
        rows = scores[(scores["outcome"] == outcome) & scores["metric"].isin(["auc", "log_loss", "brier"])]
        whole = rows[rows["class"].isna()] if rows["class"].nunique() > 1 else rows
        print(
            whole[whole["model"].isin(["mean", "chained"])]
            .pivot(index="model", columns="metric", values="value")
            .round(3)
        )
        pair = compared[(compared["outcome"] == outcome) & (compared["b"] == "mean") & (compared["metric"] == "auc")]
        for row in pair.itertuples():
            print(f"chained - mean: {row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})")
    links = weights[(weights["model"] == "chained") & (weights["fusion"] == "chain")]
    print(links[["outcome", "member", "class", "weight", "low", "high"]].round(2).to_string(index=False))


def cohort(seed: int, *, depends: bool, n: int = 660) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features of two modalities and both outcomes."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 2, n)
    second = np.where(rng.random(n) < 0.85, first, 1 - first) if depends else rng.integers(0, 2, n)
    table = {}
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 30))
        values[:, 0] += first
        values[:, 1] += second * (not depends)
        table |= {f"{modality}__f{place:02}": values[:, place] for place in range(30)}
    return pd.DataFrame(table), pd.DataFrame({"first": first.astype(float), "second": second.astype(float)})


def one_cohort(seed: int, *, depends: bool, n_known: int) -> list[float]:
    """Return AUC and log-loss of the second outcome in new patients, by its fusion and by the chain."""
    X, y = cohort(seed, depends=depends)
    known = y[:160].copy()
    known.loc[n_known:, "second"] = np.nan
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
    fusion = LateFusion([("t1", classifier), ("t2", classifier)], random_state=0)
    chain = OutcomeChain(fusion, order=["first", "second"], random_state=0).fit(X[:160], known)
    answers = (chain.fusions_["second"].predict_proba(X[160:]), chain.predict_proba(X[160:])[1])
    truth = y["second"][160:]
    return [score(truth, answer[:, 1]) for score in (roc_auc_score, log_loss) for answer in answers]


def generated() -> None:
    """Print both sides of generated cohorts."""
    for depends in (True, False):
        for n_known in (50, 160):
            auc, chained, loss, chained_loss = np.mean(
                [one_cohort(seed, depends=depends, n_known=n_known) for seed in range(15)], axis=0
            )
            said = "equal to the first in 85 %" if depends else "independent of the first"
            print(
                f"{said}, known in {n_known}: AUC {auc:.3f} alone, {chained:.3f} chained; "
                f"log-loss {loss:.3f} alone, {chained_loss:.3f} chained"
            )


if __name__ == "__main__":
    {"tumors": tumors, "generated": generated}[sys.argv[1] if len(sys.argv) > 1 else "tumors"]()
