"""A small bundle, a patient of another phantom, and a server that answers with it: made once a module."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from radiofuse.datasets import make_phantom_cohort
from radiofuse.experiment.run import run_recipe
from radiofuse.serve.results import Results
from tests.serve.client import Client
from tests.serve.running import Running, running

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
DONE_BEFORE, CUT_SHORT = "d" * 32, "c" * 32  # results of the server before
REPORT = '<html><head><meta name="generator" content="radiofuse"></head><body>The report.</body></html>'


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run of two sequences inside masks, whose title is hostile."""
    home = tmp_path_factory.mktemp("served_bundle")
    make_phantom_cohort(home / "phantom", n_patients=14, seed=1)
    (home / "quick.json").write_text(json.dumps(QUICK))
    (home / "recipe.toml").write_text(RECIPE)
    run_recipe(home / "recipe.toml", out=home / "run", store=home / "store", report=False)
    (home / "run" / "report.html").write_text(REPORT)
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
    with running(tiny_bundle, results, "--most-mb", "20", "--most-files", "20") as one:
        yield one


@pytest.fixture(scope="session")
def client(server: Running) -> Client:
    """A browser that came by the link."""
    return server.client()
