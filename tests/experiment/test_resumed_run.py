"""A run whose process is killed: what was finished is kept, and a rerun gives the bytes of an uninterrupted run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from radiofuse.commands.run import app

# Kills its process while the file `deadly` is there, in the one fold whose training rows lack the outlying patient.
CLASSIFIER = """
import os, signal
from pathlib import Path
from sklearn.linear_model import LogisticRegression

class Deadly(LogisticRegression):
    def fit(self, X, y):
        folder = Path({folder!r})
        if (folder / "deadly").exists() and X[:, 0].max() < 3.9:
            os.kill(os.getpid(), signal.SIGKILL)
        with (folder / "fits").open("a") as file:
            file.write("fit\\n")
        return super().fit(X, y)
"""
RECIPE = """
[cohort]
table = "features.csv"
label = "idh"
[select]
method = "none"
[classify]
method = "deadly_member:Deadly"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""


def write_study(folder: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(36, 6)), columns=[f"t1__{name}" for name in "abcdef"])
    table.loc[7, "t1__a"] = 1000.0
    table.insert(0, "sample_id", [f"s{n:02}" for n in range(36)])
    table.insert(1, "idh", np.arange(36) % 2)
    table.to_csv(folder / "features.csv", index=False)
    (folder / "own.toml").write_text(RECIPE)
    (folder / "deadly_member.py").write_text(CLASSIFIER.format(folder=str(folder)))


def run(folder: Path, out: str, *more: str):
    words = [str(folder / "own.toml"), "--out", str(folder / out), "--store", str(folder / "store"), "--jobs", "2"]
    return CliRunner().invoke(app, [*words, *more])


def test_a_rerun_fits_what_is_missing_and_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_study(tmp_path)
    whole = run(tmp_path, "whole", "--no-report")
    assert whole.exit_code == 0, whole.output
    n_fits = len((tmp_path / "fits").read_text().split())
    (tmp_path / "deadly").touch()
    killed = run(tmp_path, "out")
    assert killed.exit_code == 3, killed.output
    assert "in repeat 0, fold " in killed.stderr
    assert "was killed twice" in killed.stderr
    assert "Traceback" not in killed.output
    for name in ("deadly", "fits"):
        (tmp_path / name).unlink()
    resumed = run(tmp_path, "out")
    assert resumed.exit_code == 0, resumed.output
    assert len((tmp_path / "fits").read_text().split()) == n_fits - 2  # two of three folds were kept
    for name in ("predictions", "scores", "comparisons", "selected_features", "fusion_weights"):
        expected, again = (tmp_path / folder / "bundle" / f"{name}.csv" for folder in ("whole", "out"))
        assert again.read_bytes() == expected.read_bytes()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bundle", "report.html", "report.json"]
