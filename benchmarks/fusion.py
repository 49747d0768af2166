"""Late fusion of four modalities in nested folds, beside the same written with scikit-learn and with eipy.

    python benchmarks/fusion.py [--repeats 5] [--eipy /path/to/python]

162 gliomas of TCGA, four tables of 361 features, IDH; without ``RADIOFUSE_DATA`` a simulated table of that shape. Five
outer folds of whole patients and five inner ones, repeated; in every library the same pipeline per modality (median,
z-score, the 20 columns with the largest F, logistic regression) and a logistic regression on out-of-fold probabilities;
one process, one thread, the libraries in turn in every repeat. *radiofuse* is ``cross_validated_predictions`` of a
``LateFusion``, which also answers by every modality alone; *scikit-learn* is ``cross_val_predict`` of a
``StackingClassifier``, with a ``ColumnTransformer`` per modality. Both are timed on the same folds. *eipy* is
ensemble-integration in a Python of its own, in folds that it deals itself, without balancing of the classes. The
seconds are the processor's; the ratio is to radiofuse. Differences of AUC have 95 % intervals of 2,000 bootstrap
samples of patients.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from missing_modalities import NAMES, cohort
from several_outcomes import DATA
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse import LateFusion, cross_validated_predictions
from radiofuse.patients import patient_splits

EIPY = """
import json, sys, time, warnings
import numpy as np, pandas as pd
from eipy.ei import EnsembleIntegration
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
table = pd.read_csv(sys.argv[1], index_col=0)
y, seed = table.pop("label").to_numpy(), int(sys.argv[2])
blocks = {name: table[[c for c in table if c.startswith(name + "__")]] for name in sys.argv[3].split(",")}
chain = make_pipeline(
    SimpleImputer(strategy="median"), StandardScaler(), SelectKBest(k=20), LogisticRegression(max_iter=1000)
)
start = time.process_time()
model = EnsembleIntegration(
    base_predictors={"logistic": chain}, k_outer=5, k_inner=5, n_samples=1, sampling_strategy=None,
    sampling_aggregation="mean", n_jobs=1, random_state=seed, model_building=False, verbose=0,
)
for name, block in blocks.items():
    model.fit_base(block, y, modality_name=name)
model.fit_ensemble(ensemble_predictors={"stacking": LogisticRegression()})
seconds = time.process_time() - start
told = model.ensemble_predictions
json.dump({"seconds": seconds, "label": list(map(int, told["labels"])), "told": list(map(float, told["stacking"]))},
          open(sys.argv[4], "w"))
"""


def table() -> tuple[pd.DataFrame, np.ndarray, str]:
    """Return features, labels and what they are."""
    if DATA is not None:
        return *cohort("idh"), "gliomas of TCGA"
    rng, y = np.random.default_rng(0), np.arange(145) % 2
    columns = [f"{name}__f{place}" for name in NAMES for place in range(361)]
    weak = np.tile(np.arange(361) < 10, len(NAMES)) * 0.6
    return pd.DataFrame(rng.normal(size=(145, len(columns))) + y[:, None] * weak, columns=columns), y, "simulated"


def chain() -> Pipeline:
    """Return the pipeline of one modality."""
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), SelectKBest(k=20), LogisticRegression(max_iter=1000)
    )


def by_radiofuse(X: pd.DataFrame, y: np.ndarray, seed: int) -> np.ndarray:
    """Return a probability per patient, out of fold."""
    model = LateFusion([(name, chain()) for name in NAMES], combine="regression", cv=5, random_state=seed)
    told = cross_validated_predictions(model, X, y, groups=X.index, cv=5, random_state=seed)
    own = told[told["model"] == "regression"].set_index("sample_id")["probability"]
    return own.loc[X.index.astype(str)].to_numpy()


def by_sklearn(X: pd.DataFrame, y: np.ndarray, seed: int) -> np.ndarray:
    """Return a probability per patient, out of fold."""
    members = []
    for name in NAMES:
        own = ColumnTransformer([(name, "passthrough", [column for column in X if column.startswith(f"{name}__")])])
        members.append((name, Pipeline([("columns", own), ("chain", chain())])))
    model = StackingClassifier(members, LogisticRegression(), cv=5, stack_method="predict_proba")
    return cross_val_predict(model, X, y, cv=folds(X, y, seed), method="predict_proba")[:, 1]


def folds(X: pd.DataFrame, y: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the folds that ``cross_validated_predictions`` deals."""
    return [(split.train, split.test) for split in patient_splits(y, X.index, n_splits=5, random_state=seed)]


def by_eipy(python: str, X: pd.DataFrame, y: np.ndarray, seed: int) -> tuple[float, float]:
    """Return seconds and AUC; eipy hands back labels and answers, not whose they are."""
    with tempfile.TemporaryDirectory() as folder:
        own, out = Path(folder) / "table.csv", Path(folder) / "out.json"
        X.assign(label=y).to_csv(own)
        call = [python, "-c", EIPY, str(own), str(seed), ",".join(NAMES), str(out)]
        subprocess.run(call, check=True, capture_output=True)
        found = json.loads(out.read_text())
    return found["seconds"], float(roc_auc_score(found["label"], found["told"]))


def interval(y: np.ndarray, one: np.ndarray, other: np.ndarray) -> str:
    """Return the difference of the AUC, the repeats averaged, with an interval over patients drawn anew."""

    def difference(rows: np.ndarray) -> float:
        return float(np.mean([roc_auc_score(y[rows], a[rows]) - roc_auc_score(y[rows], b[rows]) for a, b in pairs]))

    rng, pairs = np.random.default_rng(0), list(zip(one, other, strict=True))
    low, high = np.percentile([difference(rng.integers(len(y), size=len(y))) for _ in range(2000)], [2.5, 97.5])
    return f"{difference(np.arange(len(y))):+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    """Run all sides in turn and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--eipy", help="a Python that has ensemble-integration")
    options = parser.parse_args()
    X, y, what = table()
    print(f"{what}: {len(y)} patients, {y.sum()} positive, {X.shape[1]} columns; {options.repeats} x 5 x 5 folds")
    sides = {"radiofuse": by_radiofuse, "scikit-learn": by_sklearn}
    told: dict[str, list[np.ndarray]] = {name: [] for name in sides}
    seconds: dict[str, list[float]] = {name: [] for name in [*sides, *(["eipy"] if options.eipy else [])]}
    of_eipy = []
    for seed in range(options.repeats):
        for name, side in sides.items():
            start = time.process_time()
            told[name].append(side(X, y, seed))
            seconds[name].append(time.process_time() - start)
        if options.eipy:
            used, auc = by_eipy(options.eipy, X, y, seed)
            seconds["eipy"].append(used)
            of_eipy.append(auc)
    aucs = {name: np.mean([roc_auc_score(y, one) for one in each]) for name, each in told.items()}
    aucs |= {"eipy": np.mean(of_eipy)} if of_eipy else {}
    for name, used in seconds.items():
        ratio = np.median(np.array(used) / np.array(seconds["radiofuse"]))
        print(f"{name:14}AUC {aucs[name]:.3f}   time {ratio:.2f} ({np.median(used):.1f} s a repeat)")
    print(f"AUC of radiofuse minus scikit-learn: {interval(y, told['radiofuse'], told['scikit-learn'])}")


if __name__ == "__main__":
    main()
