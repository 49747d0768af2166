"""What bits depend on: the processor's kernels count, an update of the system does not."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from radiofuse.work.environment import read_environment, what_moves_bits
from tests.processes import LIMIT_S

ASK = "from radiofuse.work.environment import what_moves_bits; print(what_moves_bits()['processor'])"


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="names of processors of x86")
def test_kernels_are_those_that_the_processor_was_given():
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Nehalem", "PYTHONPATH": os.pathsep.join(sys.path)}
    options = {"capture_output": True, "text": True, "timeout": LIMIT_S, "env": environment, "check": True}
    assert subprocess.run([sys.executable, "-c", ASK], **options).stdout.strip() == "Nehalem"
    assert what_moves_bits()["processor"] != "Nehalem"


def test_an_update_of_the_system_moves_no_bits(monkeypatch):
    before = what_moves_bits()
    monkeypatch.setattr(platform, "platform", lambda: "Linux-of-tomorrow")
    assert read_environment()["platform"] == "Linux-of-tomorrow"
    assert what_moves_bits() == before


def test_libraries_of_some_recipes_count_and_are_not_asked_of_every_bundle():
    pytest.importorskip("monai")
    assert "monai" in what_moves_bits()["packages"]
    assert "monai" not in read_environment()["packages"]
