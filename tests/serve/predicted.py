"""What ``radiofuse predict --patient`` writes, for the server to be held against."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from radiofuse.commands.predict import app
from tests.serve.running import options_of


def predicted(bundle: Path, folder: Path, place: Path, *options: str) -> dict:
    """Return the answer of ``predict`` for a patient's folder."""
    out = place / "answer.json"
    words = [str(bundle), "--patient", str(folder), "--out", str(out), "--store", str(place / "store")]
    words += [*options_of(bundle), *options]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return json.loads(out.read_text())


def as_shown(probability: float) -> str:
    """Return a probability as the page of a result has it."""
    return "below 0.0001" if probability < 1e-4 else f"{probability:.4g}"
