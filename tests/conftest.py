"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run: what passes here passes elsewhere.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data, or a skip that says how to name it."""
    folder = Path(os.environ.get("RADIOFUSE_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set RADIOFUSE_DATA to run this test")
    return folder
