"""``radiofuse selftest noise RECIPE``: what a recipe, and shortcuts beside it, find where labels are permuted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from radiofuse.commands import terminal
from radiofuse.commands.screen import sentence_lines

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.experiment.evaluation import Results

READING = (
    "The truth is an AUC of .500, and a balanced accuracy of one over the number of classes. Honest intervals should "
    "hold it, about nine times in ten: they hold fitted models fixed, and models of one permutation are right or wrong "
    "together. Where sites are left out, pooled AUCs lie below, since sites differ in their shares of the classes. "
    "What a shortcut claims above the truth is what the shortcut invents."
)
METRICS = {"auc": "AUC", "balanced_accuracy": "balanced accuracy"}

app = terminal.command_app("The options of a recipe in the place of a table.")


class Asked(NamedTuple):
    """What is asked of a recipe."""

    recipe: Path
    store: str
    jobs: int
    dask: str | None


@app.command()
def ask(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    store: terminal.Store = terminal.STORE,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")] = 1,
    dask: terminal.DaskFolds = None,
) -> Asked:
    """Take a recipe."""
    return Asked(recipe, store, jobs, dask)


def is_recipe(arguments: Sequence[str]) -> bool:
    """Say whether arguments name a recipe, and no table.

    Examples
    --------
    >>> is_recipe(["study.toml", "--jobs", "2"]), is_recipe(["table.csv"])
    (True, False)
    """
    return any(argument.endswith(".toml") for argument in arguments)


def noise_of_recipe(path: str, arguments: Sequence[str], times: int) -> str:
    """Return sentences on what a recipe finds in permuted labels, and what shortcuts would have claimed.

    Parameters
    ----------
    path : str
        Of the command, for messages.
    arguments : sequence of str
        The recipe and its options.
    times : int
        How often labels are permuted.
    """
    from radiofuse.experiment.noise import evaluate_noise

    with typer.main.get_command(app).make_context(path, list(arguments)) as context:
        asked = Asked(**{name: terminal.with_homes(given) for name, given in context.params.items()})
    options = {"times": times, "store": asked.store, "n_jobs": asked.jobs, "cluster": asked.dask}
    options["progress"] = terminal.progress
    sentences = describe_noise(list(evaluate_noise(asked.recipe, **options)))
    return "\n".join(line for sentence in [*sentences, READING] for line in sentence_lines(sentence))


def describe_noise(found: Sequence[Results]) -> list[str]:
    """Return a sentence per outcome and model, and one per shortcut: mean and range over the permutations."""
    import pandas as pd

    scores = pd.concat([results.scores for results in found])
    scores = scores[(scores["metric"] == "auc") & (scores["model"] != "trivial")]
    several = scores.groupby("outcome")["class"].transform(lambda classes: "" in set(classes))
    scores = scores[scores["class"].eq("") | ~several]
    ledger = pd.concat([results.ledger for results in found])
    honest = [
        f"{outcome}, {model}: honest AUC {_range(rows['value'])}; {_held(rows)} intervals hold .5"
        for (outcome, model), rows in scores.groupby(["outcome", "model"], sort=False)
    ]
    claimed = [
        f"{outcome}, {title}: claimed {METRICS[metric]} {_range(rows['optimistic'])}, honestly {_range(rows['honest'])}"
        for (outcome, title, metric), rows in ledger.groupby(["outcome", "title", "metric"], sort=False)
    ]
    return [*honest, *claimed]


def _range(values: pd.Series) -> str:
    return f"{mean(values):.3f} on average ({values.min():.3f}-{values.max():.3f}, {len(values)} times)"


def _held(rows: pd.DataFrame) -> str:
    return f"{int(((rows['low'] <= 0.5) & (rows['high'] >= 0.5)).sum())} of {len(rows)}"
