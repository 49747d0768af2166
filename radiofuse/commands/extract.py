"""``python -m radiofuse.extract``: radiomic features of a cohort's images, into the feature store."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.mask_options import parse_label, parse_regions
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_failures, refuse_inputs, require_apart, require_file, require_folder, starts_with

GOOD_ICC = 0.75  # Koo and Li 2016, J Chiropr Med 15:155-163: good reliability from here on

GOES_WITHOUT = {
    "--recipe": ("--settings", "--label", "--regions", "--backend"),
    "--regions": ("--label", "--maps", "--perturb"),
    "--maps": ("--perturb", "--dask", "--backend"),
}
_OURS = {"--failures": is_failures, "--perturb-out": starts_with("modality,feature,icc,low,high,")}

app = terminal.command_app(__doc__)


Cohort = Annotated[Path | None, typer.Argument(help="The cohort table; or pass --recipe.")]
Recipe = Annotated[Path | None, typer.Option(help="Take cohort, settings and mask label from a recipe.")]
Settings = Annotated[
    str | None,
    typer.Option(help="Preset (default, shi2023, shi2023_wavelet8) or a pyradiomics file; left out, default."),
]
Label = Annotated[str | None, typer.Option(help="Mask label: any, one value, or several as 1,4.")]
Regions = Annotated[str | None, typer.Option(help="In place of a label: regions that mask_regions names, as WT,TC,ET.")]
Backend = Annotated[
    str | None, typer.Option(help="The radiomics engine: radiofuse, which is the default, or pyradiomics.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; left out, one per core.")]
Dask = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler, as tcp://host:8786: its workers, which see the same files, do it."),
]
Perturb = Annotated[
    int | None, typer.Option(min=2, help="Measure each feature's reproducibility under so many small changes.")
]
PerturbOut = Annotated[
    Path, typer.Option(help="Where the table of reproducibility goes: an ICC per modality and feature.")
]
Seed = Annotated[int, typer.Option(min=0, help="Which small changes --perturb draws.")]
Maps = Annotated[Path | None, typer.Option(help="Write voxel-wise maps into this folder instead, every time anew.")]
MapsFormat = Annotated[
    str | None, typer.Option(help="nrrd (as if left out), or nifti, in which NaN becomes initValue.")
]
Failures = Annotated[Path, typer.Option(help="Where the table of failures goes; - is the screen.")]


@app.command()
@terminal.answers
def main(
    cohort: Cohort = None,
    recipe: Recipe = None,
    settings: Settings = None,
    label: Label = None,
    regions: Regions = None,
    backend: Backend = None,
    store: terminal.Store = terminal.STORE,
    jobs: Jobs = None,
    dask: Dask = None,
    perturb: Perturb = None,
    perturb_out: PerturbOut = Path("reproducibility.csv"),
    seed: Seed = 0,
    maps: Maps = None,
    maps_format: MapsFormat = None,
    retry_failed: terminal.RetryFailed = False,
    failures: Failures = Path("failures.csv"),
    overwrite: terminal.Overwrite = False,
) -> None:
    """Extract what the store does not hold yet; a second run does only what is missing."""
    if (cohort is None) == (recipe is None):
        raise RequestError("Pass either a cohort table or --recipe.")
    given: dict[str, Any] = {
        "--settings": settings,
        "--label": label,
        "--regions": regions,
        "--backend": backend,
        "--recipe": recipe,
    }
    if maps_format and not maps:
        raise RequestError("--maps-format is of maps. Add --maps, or leave it out.")
    given |= {"--maps": maps, "--perturb": perturb, "--dask": dask}
    for option, others in GOES_WITHOUT.items():
        _refuse_together(option, given[option], {name: given[name] for name in others})
    outputs = {"--failures": failures} | ({"--perturb-out": perturb_out} if perturb and not maps else {})
    _refuse_outputs(outputs, {"--maps" if maps else "--store": maps or store}, [cohort, recipe], overwrite=overwrite)
    jobs = jobs or _n_cores()
    if recipe:
        asked, named = _read_recipe(recipe)
        _refuse_together("A recipe with regions", named or None, {"--maps": maps, "--perturb": perturb})
        table, extractor, not_ready = _from_recipe(asked, outputs, store, jobs, overwrite=overwrite)
    else:
        table, extractor = _from_options(cohort, settings, label, backend)
        named, not_ready = parse_regions(regions), None
    _refuse_images(table, outputs)
    if maps:
        _refuse_maps_among_images(table, maps, extractor)
    options = {"n_jobs": jobs, "cluster": dask, "retry_failed": retry_failed}
    if maps:
        failed = _write_maps(table, extractor, maps, jobs, maps_format or "nrrd")
    else:
        failed = _extract(table, extractor, store, named, options)
    if perturb and not maps:
        failed = _perturb(failed, table, extractor, store, perturb, seed, perturb_out, options)
    failed = _together(not_ready, failed)
    if len(failed):
        _list(failed, failures)
    raise typer.Exit(terminal.INPUT if len(failed) else terminal.DONE)


def _refuse_together(option: str, value: Any, others: dict[str, Any]) -> None:
    named = [name for name, other in others.items() if other is not None]
    if value is not None and named:
        raise RequestError(f"{option} goes without {' and '.join(named)}. Leave one of them out.")


def _refuse_outputs(
    outputs: dict[str, Path], results: dict[str, str | Path], inputs: list[Path | None], *, overwrite: bool
) -> None:
    """Refuse tables that would replace what is not ours, and a folder of results that is none or holds them."""
    for option, path in outputs.items():
        require_file(path, option, inputs, ours=_OURS[option], overwrite=overwrite)
    require_folder(*results.values(), *results)
    require_apart(outputs | results)


def _n_cores() -> int:
    from joblib import cpu_count

    return cpu_count()


def _write_maps(table: Any, extractor: Any, folder: Path, jobs: int, file_format: str) -> Any:
    """Write voxel-wise maps, print how many, and return the table of failures."""
    from radiofuse.extract import map_cohort

    with terminal.progress("Mapping", "images") as on_done:
        n_files, failed = map_cohort(table, extractor, folder, n_jobs=jobs, file_format=file_format, on_done=on_done)
    print(f"{n_files} maps in {folder}, {len(failed)} images failed")
    return failed


def _from_options(cohort: Path, settings: str | None, label: str | None, backend: str | None) -> tuple[Any, Any]:
    from radiofuse.extract import RadiomicsExtractor
    from radiofuse.tables.cohort import read_cohort

    table = read_cohort(cohort, missing_files="tell")
    return table, RadiomicsExtractor(settings or "default", label=parse_label(label), backend=backend or "radiofuse")


def _refuse_images(table: Any, outputs: dict[str, Path]) -> None:
    from radiofuse.tables.images import named_files

    for option, path in outputs.items():
        refuse_inputs(path, option, named_files(table))


def _refuse_maps_among_images(table: Any, folder: Path, extractor: Any) -> None:
    """Refuse a folder where an image that is read has the name of a map to be written."""
    from radiofuse.tables.images import named_files

    maps = {f"{name}{ending}" for name in extractor.feature_names() for ending in (".nrrd", ".nii.gz")}
    for path in named_files(table):
        if path.name in maps and folder.resolve() in path.resolve().parents:
            raise RequestError(f"--maps {folder} holds the input {path}, named as a map is. Name another folder.")


def _read_recipe(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return a recipe and the regions that it names, before any image is read."""
    from radiofuse.experiment.recipe.parts import NO_RADIOMICS
    from radiofuse.experiment.recipe.recipe import read_recipe

    recipe = read_recipe(path)
    if recipe.radiomics.settings == NO_RADIOMICS:
        raise RequestError(
            f'{path.name} says settings = "{NO_RADIOMICS}" under [radiomics], so there is nothing to extract. Name '
            "settings there, or pass the cohort table in place of the recipe."
        )
    one = recipe.cohort.region
    return recipe, recipe.cohort.regions or (() if one is None else (one,))


def _from_recipe(
    recipe: Any, outputs: dict[str, Path], store: str, jobs: int, *, overwrite: bool
) -> tuple[Any, Any, Any]:
    """Return cohort and extractor of a recipe, and the images that could not be made ready."""
    from radiofuse.experiment.cohort import cohort_table, read_recipe_cohort
    from radiofuse.experiment.preparation import make_extractor, steps_of
    from radiofuse.extract.ready_images import ready_for_features

    for option, output in outputs.items():
        refuse_inputs(output, option, recipe.files())
    table = cohort_table(recipe, Path("out") / recipe.name, overwrite=overwrite)
    cohort = read_recipe_cohort(recipe, table)
    cohort, not_ready = ready_for_features(cohort, steps_of(recipe), store, n_jobs=jobs, progress=terminal.progress)
    return cohort, make_extractor(recipe), not_ready


def _together(first: Any, then: Any) -> Any:
    """Return two tables of failures as one; of a table that was not made, the other."""
    import pandas as pd

    return then if first is None or first.empty else pd.concat([first, then], ignore_index=True)


def _extract(table: Any, extractor: Any, store: str, regions: Sequence[str], options: dict[str, Any]) -> Any:
    """Extract, print the counts, and return the table of failures."""
    from radiofuse.extract.cohort_run import extract_cohort
    from radiofuse.extract.regions import extract_regions
    from radiofuse.store import FeatureStore

    each = partial(extract_regions, regions=regions) if regions else extract_cohort
    extraction = _watched("Extracting", partial(each, table, extractor, FeatureStore(store), **options))
    print(_counts(extraction))
    print(f"Block: {extraction.block.name} ({len(extraction.block.feature_names)} features)")
    for region in regions or [""]:
        print(f"As a table: {_export_command(store, extraction.block.name, region)}")
    return extraction.failures


def _export_command(store: str, block: str, region: str) -> str:
    at = "" if store == terminal.STORE else f" --store {shlex.quote(store)}"
    of = f" --cohort COHORT --region {region}" if region else ""
    return f"python -m radiofuse.store export {region or 'features'}.csv{at} --block {block}{of}"


def _perturb(
    failed: Any, table: Any, extractor: Any, store: str, n: int, seed: int, path: Path, options: dict[str, Any]
) -> Any:
    """Extract under perturbations, write and print the ICCs, and return all failures."""
    import pandas as pd

    from radiofuse.extract import extract_perturbed
    from radiofuse.statistics import reproducibility_table
    from radiofuse.store import FeatureStore
    from radiofuse.tables.spreadsheet import write_csv

    work = partial(extract_perturbed, table, extractor, FeatureStore(store), n, seed=seed, **options)
    perturbed = _watched("Perturbing", work)
    iccs = reproducibility_table(perturbed.values, perturbed.feature_names)
    write_file(path, partial(write_csv, iccs))
    print(f"Under {n} perturbations: {_counts(perturbed.extraction)}")
    for modality, rows in iccs.groupby("modality", sort=False):
        good = int((rows["icc"] >= GOOD_ICC).sum())
        n_patients = rows["n_patients"].iloc[0]
        print(f"{modality}: {good} of {len(rows)} features with an ICC of {GOOD_ICC} or more ({n_patients} patients)")
    print(f"Table of reproducibility: {path}")
    return pd.concat([failed, perturbed.extraction.failures]).drop_duplicates(ignore_index=True)


def _watched(label: str, work: Callable[..., Any]) -> Any:
    with terminal.progress("Fingerprinting", "files") as on_hashed, terminal.progress(label, "vectors") as on_done:
        return work(on_hashed=on_hashed, on_done=on_done)


def _counts(extraction: Any) -> str:
    return (
        f"{extraction.n_computed} computed, {extraction.n_stored} found in the store, {len(extraction.failures)} failed"
    )


def _list(failed: Any, path: Path) -> None:
    from radiofuse.evaluate.findings import list_failures
    from radiofuse.tables.spreadsheet import write_csv

    terminal.say(list_failures(failed))
    write_file(path, partial(write_csv, failed))
    terminal.say(f"Table of failures: {path}")
