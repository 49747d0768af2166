"""``--dask``: run, select and selftest give the bytes of this machine, and say in a sentence what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.commands import run, segment, select, selftest

distributed = pytest.importorskip("distributed")

RECIPE = """
[cohort]
table = "features.csv"
label = "idh"
[select]
method = "none"
[classify]
method = "logistic"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 2
repeats = 1
resamples = 100
permutations = 2
optimism = "harrell"
optimism_resamples = 10
"""


@pytest.fixture(scope="module")
def address():
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**kind) as started:
        yield started.scheduler_address


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(36, 6)), columns=[f"t{n % 2 + 1}__{name}" for n, name in enumerate("abcdef")])
    table.insert(0, "sample_id", [f"s{n:02}" for n in range(36)])
    table.insert(1, "idh", np.arange(36) % 2)
    table.to_csv(folder / "features.csv", index=False)
    (folder / "own.toml").write_text(RECIPE)
    return folder


def bytes_in(folder: Path, *but: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in but}


def test_a_run_on_a_cluster_writes_the_bytes_of_one_here(address, study):
    for name, more in (("here", []), ("there", ["--dask", address])):
        words = [str(study / "own.toml"), "--out", str(study / name), "--store", str(study / "store"), "--no-report"]
        told = CliRunner().invoke(run.app, [*words, *more])
        assert told.exit_code == 0, told.output
    varying = ("run_times.csv", "manifest.json")
    assert bytes_in(study / "here/bundle", *varying) == bytes_in(study / "there/bundle", *varying)
    assert "permutation" in (study / "there/bundle/tests.csv").read_text()
    assert not (study / "there/unfinished").exists()


def test_a_selection_on_a_cluster_writes_the_bytes_of_one_here(address, study):
    asked = [str(study / "features.csv"), "--label", "idh", "--repeats", "1", "--folds", "3", "--inner", "3"]
    for name, more in (("selected", []), ("selected_there", ["--dask", address])):
        told = CliRunner().invoke(select.app, [*asked, "--out", str(study / name), "--no-report", *more])
        assert told.exit_code in (0, 4), told.output
    assert bytes_in(study / "selected") == bytes_in(study / "selected_there")


def test_noise_on_a_cluster_is_the_noise_of_here(address):
    asked = ["noise", "--shape", "30x10", "--times", "1", "--folds", "3", "--repeats", "1", "--inner", "3"]
    here, there = (CliRunner().invoke(selftest.app, [*asked, *more]) for more in ([], ["--dask", address]))
    assert there.exit_code == 0, there.output
    assert here.stdout == there.stdout


def test_a_wrong_address_is_one_sentence(study):
    words = [str(study / "own.toml"), "--out", str(study / "wrong"), "--store", str(study / "store")]
    told = CliRunner().invoke(run.app, [*words, "--dask", "nonsense"])
    assert (told.exit_code, "No Dask scheduler answers at nonsense" in " ".join(told.stderr.split())) == (2, True)
    told = CliRunner().invoke(segment.app, ["cohort.csv", "--command", "x {images} {out}", "--dask", "nonsense"])
    assert "--dask says nothing to --command" in " ".join(told.stderr.split())
