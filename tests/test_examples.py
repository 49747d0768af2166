"""Every example runs as it stands and prints a table of scores."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_example_prints_scores(script, tmp_path):
    if "torch" in script.read_text():
        pytest.importorskip("torch")
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{script.parent}"}
    finished = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "auc" in finished.stdout
