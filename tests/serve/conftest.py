"""A small bundle, a patient of another phantom, and a server that answers with it: made once a module."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from radiofuse.bundle.signature import sign_bundle
from radiofuse.datasets import make_phantom_cohort
from radiofuse.experiment.run import run_recipe
from radiofuse.patients.pseudonyms import read_pseudonyms
from radiofuse.serve.results import Results
from tests.serve.client import Client
from tests.serve.running import KEY, Running, running

QUICK = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": ["Mean", "Variance", "Skewness"]},
    "setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5},
}
TITLE = "<script>document.title='run'</script> of \"two\" 'sequences'"
RECIPE = f"""
title = '''{TITLE}'''
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = "quick.json"
[[models]]
name = "fused"
kind = "late"
clinical = true
combine = ["mean"]
calibrate = false
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""
HOST = "127.0.0.2"  # of this machine, and not where the server listens if nobody says so
DONE_BEFORE, CUT_SHORT = "d" * 32, "c" * 32  # results of the server before
REPORT = '<html><head><meta name="generator" content="radiofuse"></head><body>The report.</body></html>'


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run of two sequences inside masks and clinical numbers, whose title is hostile.

    It asks for each of ``options_of``: it is pickled, knows its training patients under a key, and is signed.
    """
    home = tmp_path_factory.mktemp("served_bundle")
    make_phantom_cohort(home / "phantom", n_patients=14, seed=1)
    (home / "quick.json").write_text(json.dumps(QUICK))
    (home / "recipe.toml").write_text(RECIPE)
    names = read_pseudonyms(home / KEY, make=True)
    run_recipe(
        home / "recipe.toml", out=home / "run", store=home / "store", report=False, pickled=True, pseudonyms=names
    )
    (home / "run" / "report.html").write_text(REPORT)
    if shutil.which("ssh-keygen") is not None:
        for name in ("anna", "mallory"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", home / name]
            subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
            (home / f"{name}.signers").write_text(f"{name}@hospital.org {(home / f'{name}.pub').read_text()}")
        sign_bundle(home / "run" / "bundle", home / "anna")
    return home / "run"


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a patient whom the bundle has not seen, with the outline of the tumor."""
    home = tmp_path_factory.mktemp("served_patient")
    make_phantom_cohort(home / "new", n_patients=8, seed=9)
    images = sorted((home / "new" / "images").iterdir())[0]
    (home / "P01").mkdir()
    for path in images.iterdir():
        what = path.name.removeprefix(f"{images.name}_").replace("mask", "seg")
        shutil.copy(path, home / "P01" / what)
    return home / "P01"


@pytest.fixture(scope="session")
def server(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with small limits, started where another was killed: a patient was done, one computed, one sent."""
    results = tmp_path_factory.mktemp("served") / "results"
    left = Results(results)
    left.write(DONE_BEFORE, {"state": "done", "sample_id": "P77", "calls": []})
    told = {"sample_id": "P77", "outcomes": {}, "missing": [], "failures": [], "notes": ["Kept till now."]}
    (left.place(DONE_BEFORE) / "answer.json").write_text(json.dumps(told))
    left.write(CUT_SHORT, {"state": "working"})
    (left.place(CUT_SHORT) / "doctor.html").write_text("half a page")
    (results / "uploads" / "killed" / "files").mkdir(parents=True)
    left.close()
    limits = ("--most-mb", "20", "--most-files", "20")
    with running(tiny_bundle, results, *limits, "--host", HOST) as one:
        yield one


@pytest.fixture(scope="session")
def client(server: Running) -> Client:
    """A browser that came by the link."""
    return server.client()
