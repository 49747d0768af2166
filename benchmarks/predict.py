"""A bundle's answers for new patients: the whole process of ``radiofuse predict`` beside a plain script with joblib.

Run as ``python benchmarks/predict.py``. Makes made-up features (four sequences, 107 each, 120 patients), runs
a late fusion of logistic regressions on it, once kept as arrays and JSON and once by joblib, and has one patient and
1,000 answered: by ``radiofuse predict``, and by a script that imports joblib and pandas, loads ``model.joblib``, reads
the table and calls ``predict_proba``. Prints the CPU time of each whole process, of the fastest of five, the ratio, and
the time to load the model alone in either format. What ``predict`` does more: it checks every file, tells training
patients, ranges, thresholds, applicability, and writes a table of all members.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
RECIPE = """
title = "Made-up features"
seed = 0
[cohort]
table = "train.csv"
label = "idh"
[radiomics]
settings = "none"
[select]
method = "mann_whitney"
[classify]
method = "logistic"
[fusion]
combine = ["mean"]
inner_folds = 2
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""
SCRIPT = """
import joblib, pandas
model = joblib.load("{bundle}/model.joblib")["idh"]["fusion"]
table = pandas.read_csv("{table}")
columns = [name for name in table if "__" in name]
pandas.Series(model.predict_proba(table[columns])[:, 1], table["sample_id"]).to_csv("{out}")
"""
LOADING = """
import time
from radiofuse.bundle.model_file import read_models
from radiofuse.bundle.manifest import read_manifest
from pathlib import Path
folder, times = Path("{bundle}"), []
kept = read_manifest(folder)["model"]
for _ in range(6):
    start = time.process_time()
    read_models(folder, kept, ["joblib"])
    times.append(time.process_time() - start)
print(times[0], min(times[1:]))
"""
MODALITIES, N_FEATURES, REPEATS = ("t1", "t1ce", "t2", "flair"), 107, 5


def features(n: int, prefix: str, seed: int) -> pd.DataFrame:
    """Return a table of patients; some features differ between the classes."""
    rng = np.random.default_rng(seed)
    idh = np.arange(n) % 2
    blocks = {
        f"{modality}__f{place}": rng.normal(size=n) + (place < 8) * 0.6 * idh
        for modality in MODALITIES
        for place in range(N_FEATURES)
    }
    return pd.DataFrame({"sample_id": [f"{prefix}{row}" for row in range(n)], "idh": idh, **blocks})


def cpu_seconds(command: list[str], folder: Path) -> tuple[float, str]:
    """Return the least CPU time of a whole process, and what it printed last."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment, least, told = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, np.inf, ""
    for _ in range(REPEATS):
        before = _used()
        done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
        least, told = min(least, _used() - before), done.stdout
    return least, told


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Make both bundles, and print both sides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        features(120, "s", 0).to_csv(folder / "train.csv", index=False)
        (folder / "recipe.toml").write_text(RECIPE)
        for kind, options in (("arrays", []), ("joblib", ["--joblib"])):
            run = [sys.executable, "-m", "radiofuse", "run", "recipe.toml", "--out", kind, "--no-report", *options]
            subprocess.run(run, cwd=folder, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        print("CPU seconds of the whole process, and how many times those of the script:")
        for n in (1, 1000):
            features(n, "n", 1).drop(columns="idh").to_csv(folder / f"{n}.csv", index=False)
            script = SCRIPT.format(bundle="joblib/bundle", table=f"{n}.csv", out="plain.csv")
            plain, _ = cpu_seconds([sys.executable, "-c", script], folder)
            predict = [sys.executable, "-m", "radiofuse", "predict", "arrays", f"{n}.csv", "--out", "ours.csv"]
            ours, _ = cpu_seconds(predict, folder)
            both = [pd.read_csv(folder / f"{which}.csv") for which in ("plain", "ours")]
            np.testing.assert_allclose(both[0].iloc[:, 1], both[1]["probability"], atol=1e-12)
            print(f"  {n:>5} patients: script {plain:.2f}, radiofuse predict {ours:.2f}, ratio {ours / plain:.2f}")
        for kind in ("arrays", "joblib"):
            _, told = cpu_seconds([sys.executable, "-c", LOADING.format(bundle=f"{kind}/bundle")], folder)
            first, again = map(float, told.split())
            print(f"  loading the model from {kind}: {1000 * first:.0f} ms at first, {1000 * again:.1f} ms again")


if __name__ == "__main__":
    main()
