"""``python -m radiofuse.datasets phantom DIR``: generate the synthetic cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands.terminal import Overwrite, answers, command_app, say

app = command_app("Cohorts that radiofuse generates itself, clearly labeled synthetic.")


@app.callback()
def datasets() -> None:
    """Keep ``phantom`` a word of its own: a Typer application of one command would drop it."""


@app.command()
@answers
def phantom(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if absent.")],
    patients: Annotated[int, typer.Option(min=8, help="How many patients.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same bytes.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write generated tumor images of four sequences, masks and a cohort table."""
    from radiofuse.datasets import make_phantom_cohort

    cohort = make_phantom_cohort(folder, n_patients=patients, seed=seed, overwrite=overwrite)
    say(f"{patients} synthetic patients; SYNTHETIC.md beside the table says how the two classes differ.")
    print(cohort)
