"""A bundle answers the same, byte for byte, under the highest and the lowest supported versions."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from radiofuse.bundle.load import BundleVersionWarning
from radiofuse.bundle.new_rows import OTHER_ENGINE
from tests import crossing
from tests.conftest import REPOSITORY
from tests.processes import LIMIT_S

OTHER = os.environ.get("RADIOFUSE_OTHER_PYTHON")

pytestmark = [
    pytest.mark.skipif(not OTHER, reason="RADIOFUSE_OTHER_PYTHON names no other environment; `make test` does"),
    pytest.mark.timeout(600),  # three recipes run in two environments, before the first test
    pytest.mark.filterwarnings("ignore::radiofuse.bundle.load.BundleVersionWarning"),
]


def elsewhere(*words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [OTHER, "-m", "tests.crossing", *words]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Bundles made here and there, and the answers of each here and there."""
    folder = tmp_path_factory.mktemp("crossing")
    crossing.write_inputs(folder)
    elsewhere("make", str(folder), "there")
    crossing.make(folder, "here")
    for maker in ("here", "there"):
        crossing.apply(folder, maker, "here")
        elsewhere("apply", str(folder), maker, "there")
    return folder


@pytest.mark.parametrize("name", [*crossing.CLASSIFIERS, crossing.IMAGES])
@pytest.mark.parametrize("maker", ["here", "there"])
def test_a_bundle_answers_the_same_under_both_versions(folder, maker, name):
    here, there = (folder / maker / f"{name}_{user}.csv" for user in ("here", "there"))
    # Features that another version computed have a note about that, and the same numbers.
    answers = [re.sub(rf"(; )?{OTHER_ENGINE}|\"", "", path.read_text()) for path in (here, there)]
    assert answers[0] == answers[1] and answers[0].startswith("sample_id,")
    assert "trained on" in answers[0] or name == crossing.IMAGES
    assert any(OTHER_ENGINE in path.read_text() for path in (here, there)) == (name == crossing.IMAGES)


def test_the_other_versions_are_told(folder):
    with pytest.warns(BundleVersionWarning, match=r"made with scikit-learn 1\.\d+\.\d+; here 1\.\d+\.\d+"):
        crossing.load_bundle(folder / "there" / crossing.IMAGES)
