"""``python -m radiofuse.extract``: radiomic features of a cohort's images, into the feature store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse import _cli
from radiofuse.errors import RequestError

app = _cli.command_app(__doc__)


@app.command()
@_cli.answers
def main(
    cohort: Annotated[Path | None, typer.Argument(help="The cohort table; or pass --recipe.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="Take cohort, settings and mask label from a recipe.")] = None,
    settings: Annotated[
        str, typer.Option(help="Preset (default, shi2023) or a pyradiomics parameter file.")
    ] = "default",
    label: Annotated[str | None, typer.Option(help="Mask label: any, one value, or several as 1,4.")] = None,
    backend: Annotated[str, typer.Option(help="The radiomics engine.")] = "pyradiomics",
    store: Annotated[Path, typer.Option(help="Feature store.")] = Path("feature_store"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what failed before.")] = False,
    failures: Annotated[Path, typer.Option(help="Where the table of failures goes.")] = Path("failures.csv"),
) -> None:
    """Extract what the store does not hold yet; a second run does only what is missing."""
    if (cohort is None) == (recipe is None):
        raise RequestError("Pass either a cohort table or --recipe.")
    table, extractor = _from_recipe(recipe) if recipe else _from_options(cohort, settings, label, backend)
    extraction = _run(table, extractor, store, jobs, retry_failed)
    _report(extraction, failures)
    raise typer.Exit(_cli.INPUT if len(extraction.failures) else _cli.DONE)


def _from_options(cohort: Path, settings: str, label: str | None, backend: str) -> tuple[Any, Any]:
    from radiofuse.cohort import read_cohort
    from radiofuse.extract import RadiomicsExtractor

    table = read_cohort(cohort, missing_files="keep")
    return table, RadiomicsExtractor(settings, label=parse_label(label), backend=backend)


def _from_recipe(path: Path) -> tuple[Any, Any]:
    from radiofuse.recipe import read_recipe
    from radiofuse.study import cohort_table, make_extractor, read_recipe_cohort

    recipe = read_recipe(path)
    table = cohort_table(recipe, Path("out") / recipe.name)
    return read_recipe_cohort(recipe, table), make_extractor(recipe)


def parse_label(text: str | None) -> str | int | list[int] | None:
    """Return the mask label of an option: None, ``any``, one number or a list.

    >>> parse_label("1,4")
    [1, 4]
    """
    if text is None or text == "any":
        return text
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(f"--label takes any, a whole number, or several as 1,4; got {text!r}.") from None
    return values[0] if len(values) == 1 else values


def _run(table: Any, extractor: Any, store: Path, jobs: int, retry_failed: bool) -> Any:
    from radiofuse.extract import extract_cohort
    from radiofuse.store import FeatureStore

    with (
        _cli.progress("Fingerprinting", "files") as on_hashed,
        _cli.progress("Extracting", "vectors") as on_done,
    ):
        return extract_cohort(
            table,
            extractor,
            FeatureStore(store),
            jobs=jobs,
            retry_failed=retry_failed,
            on_hashed=on_hashed,
            on_done=on_done,
        )


def _report(extraction: Any, path: Path) -> None:
    from radiofuse.findings import list_failures

    print(
        f"{extraction.n_computed} computed, {extraction.n_stored} found in the store, {len(extraction.failures)} failed"
    )
    print(f"Block: {extraction.block.name} ({len(extraction.block.feature_names)} features)")
    if len(extraction.failures):
        _cli.say(list_failures(extraction.failures))
        _cli.write_aside(path, lambda file: extraction.failures.to_csv(file, index=False))
        _cli.say(f"Table of failures: {path}")


if __name__ == "__main__":
    app()
