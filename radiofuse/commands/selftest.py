"""``python -m radiofuse.selftest``: what a chain of selectors, or a recipe, finds where there is nothing to find."""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.recipe_noise import is_recipe, noise_of_recipe
from radiofuse.commands.screen import sentence_lines
from radiofuse.errors import RequestError

if TYPE_CHECKING:
    from radiofuse.selection_run.request import SelectionRequest
    from radiofuse.tables.features import FeatureTable

KINDS = {"auc_nested": "nested", "auc_optimistic": "optimistic"}
READING = (
    "The truth is .500. What lies above it is what this procedure finds in noise; a little below it lie folds that "
    "select nothing, whose answer is the share of positives in their training rows."
)
READING_OF_CLASSES = (
    "An AUC is the mean over the classes, each against the rest. The truth is .500. What lies above it is what this "
    "procedure finds in noise; a little below it lie folds that select nothing, whose answer is the shares of the "
    "classes in their training rows."
)
MOST_CELLS = 50_000_000

app = terminal.command_app("What a chain of selectors finds where there is nothing to find.")


@app.callback()
def main() -> None:
    """Try the tools on data whose answer is known."""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@terminal.answers
def noise(
    context: typer.Context,
    times: Annotated[int, typer.Option(min=1, help="How many tables of noise, or permutations.")] = 5,
    shape: Annotated[str | None, typer.Option(help="SAMPLESxFEATURES, such as 100x1000, instead of a TABLE.")] = None,
) -> None:
    """Run a selection, or a recipe, on pure noise: every AUC away from .5 is what the procedure invents.

    Takes a TABLE and the options of `radiofuse select`: its features become normal numbers, gaps stay where they are,
    and labels are permuted between patients. Or takes a RECIPE.toml, with --store, --jobs and --dask: its
    labels are permuted between patients, and what shortcuts would have claimed stands beside the honest scores.
    """
    if is_recipe(context.args):
        if shape is not None:
            raise RequestError(
                "--shape stands in the place of a TABLE; a recipe brings its own. Leave one of them out."
            )
        print(noise_of_recipe(context.command_path, context.args, times))
        return
    from radiofuse.commands.select import read_aloud
    from radiofuse.selection_run.run import run_selection

    if shape is None:
        request = _request(context)
        table = read_aloud(request)
    else:
        request = _request(context, "none", "--label", "label")
        if request.site or request.groups or request.covariates:
            raise RequestError(
                "--site, --groups and --covariates name columns; give a TABLE that has them, not --shape."
            )
        table = _table_of_shape(shape)
    if request.out is not None:
        raise RequestError("selftest prints its finding and writes nothing; leave --out out.")
    found: dict[str, dict[str, list[float]]] = {name: {} for name in KINDS.values()}
    for time in range(times):
        seed = (request.seed + time) % 2**32
        record = run_selection(
            noise_like(table, request.seed, time), replace(request, seed=seed), progress=terminal.progress
        ).record
        for key, kind in KINDS.items():
            for model, auc in record[key].items():
                found[kind].setdefault(model, []).append(auc["value"])
    reading = READING if len(table.classes) == 2 else READING_OF_CLASSES
    print("\n".join(line for sentence in [*_sentences(found), reading] for line in sentence_lines(sentence)))


def _request(asked: typer.Context, *before: str) -> SelectionRequest:
    """Read the options of ``radiofuse select``, which this command takes too."""
    from radiofuse.commands.select import app as select_app
    from radiofuse.commands.select import as_request

    with typer.main.get_command(select_app).make_context(asked.command_path, [*before, *asked.args]) as context:
        return as_request(**{name: terminal.with_homes(given) for name, given in context.params.items()})


def _table_of_shape(shape: str) -> FeatureTable:
    """Return a table of zeros with two classes of equal size, one sample per patient."""
    import numpy as np
    import pandas as pd

    from radiofuse.tables.features import FeatureTable

    found = re.fullmatch(r"(\d+)x(\d+)", shape)
    if not found or int(found[1]) < 1 or int(found[2]) < 1:
        raise RequestError(f"--shape is {shape!r}; write it as SAMPLESxFEATURES, for example 100x1000.")
    n_samples, n_features = map(int, found.groups())
    if n_samples * n_features > MOST_CELLS:
        raise RequestError(f"--shape {shape} has more than {MOST_CELLS:,} cells; ask for fewer.")
    patients = np.array([f"p{number:0{len(str(n_samples))}d}" for number in range(n_samples)])
    names = [f"noise__x{number}" for number in range(1, n_features + 1)]
    features = pd.DataFrame(np.zeros((n_samples, n_features)), patients, names)
    covariates = pd.DataFrame(index=patients)
    return FeatureTable(features, np.arange(n_samples) % 2, patients, covariates, None, "label", ("0", "1"))


def noise_like(table: FeatureTable, seed: int, time: int) -> FeatureTable:
    """Return the table with normal numbers for features, the same gaps, and labels permuted between patients.

    Where patients have samples of both classes, labels are permuted between samples.
    """
    import numpy as np

    from radiofuse.patients import permuted

    chance = np.random.default_rng([seed, time])
    numbers = table.features.copy()
    numbers[:] = np.where(table.features.isna(), np.nan, chance.normal(size=numbers.shape))
    n_labels = len({*zip(table.patients.tolist(), table.y.tolist(), strict=True)})
    groups = table.patients if n_labels == len(set(table.patients.tolist())) else None
    y = permuted(table.y, groups, random_state=int(chance.integers(2**31)))
    return replace(table, features=numbers, y=y)


def _sentences(found: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return a sentence per model and kind: mean and range of the AUC over the tables of noise."""
    return [
        f"{model}: {kind} AUC {mean(aucs):.3f} on average ({min(aucs):.3f}-{max(aucs):.3f}, {len(aucs)} times)"
        for kind, models in found.items()
        for model, aucs in models.items()
    ]
