"""Fixtures that every room's tests share."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from joblib.externals.loky import get_reusable_executor

# The same examples on every run: what passes here passes elsewhere.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# Children are forked with these imported already: their start is most of the time of a test with three images.
# Programs that tests start as such, as in `tests/extract/test_workers.py`, start theirs from nothing.
multiprocessing.set_forkserver_preload(
    [
        f"radiofuse.extract.{name}"
        for name in (
            "arrays",
            "cohort_run",
            "dry_run",
            "portraits",
            "radiomics",
            "ready_images",
            "slice_sets",
            "voxel_maps",
        )
    ]
)

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    """Let files reach the disk when they do: no test loses power, and thousands of small ones wait for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data, or a skip that says how to name it."""
    folder = Path(os.environ.get("RADIOFUSE_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set RADIOFUSE_DATA to run this test")
    return folder


@pytest.fixture(scope="module")
def tiny_encoder() -> Iterator[None]:
    """Put the small encoder of the tests, `tiny_encoder.py`, where a recipe finds it, also in worker processes."""
    get_reusable_executor().shutdown(wait=True)  # workers that are there already do not see a new path
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(REPOSITORY / "tests" / "deep")
        yield
