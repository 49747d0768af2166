"""A recipe from the cohort table to the report: the one place where all stages meet."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.read import read_table
from radiofuse.bundle.write import save_bundle
from radiofuse.errors import BundleError
from radiofuse.experiment.bundle_tables import tables_of_run
from radiofuse.experiment.description import Models, describe_run
from radiofuse.experiment.evaluation import Results, evaluate_models
from radiofuse.experiment.final_models import fit_models
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import Rows
from radiofuse.experiment.scores.fusion_weights import Weights, weigh_members
from radiofuse.experiment.scores.run_times import FINAL, WEIGHTS, run_times
from radiofuse.files.outputs import is_page, is_page_json
from radiofuse.files.places import from_anywhere
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.progress import Meter, silent
from radiofuse.report import write_report
from radiofuse.wording import some
from radiofuse.work.cluster import on_cluster
from radiofuse.work.kept import FOLDER, Kept, digest_of
from radiofuse.work.laps import Laps

log = logging.getLogger(__name__)


def run_recipe(
    path: str | Path,
    *,
    out: str | Path | None = None,
    n_jobs: int = 1,
    store: str | Path = "feature_store",
    progress: Meter = silent,
    overwrite: bool = False,
    report: bool = True,
    retry_failed: bool = False,
    pseudonyms: Pseudonyms | None = None,
    pickled: bool = False,
    cluster: str | None = None,
) -> Path:
    """Run a recipe from the cohort table to the report.

    Parameters
    ----------
    path : path
        The recipe, a TOML file.
    out : path, optional
        Output folder; default ``out/<recipe name>``.
    n_jobs : int, default=1
        Processes; the numbers do not depend on it.
    store : path, default="feature_store"
        Feature store; what it holds is not extracted again.
    progress : callable, optional
        ``progress(label, unit)`` gives a context manager that yields a ``(done, total)`` callable.
    overwrite : bool, default=False
        Whether a ``report.html`` that radiofuse did not write may be replaced.
    report : bool, default=True
        Whether to write ``report.html``, which needs the extra ``report``.
    retry_failed : bool, default=False
        Try again every image that failed in an earlier run.
    pseudonyms : Pseudonyms, optional
        What samples and patients are called in everything that is written. Folds are dealt in the order of ids, so
        that they are others than without.
    pickled : bool, default=False
        Whether joblib writes the models of the bundle, which loads only where that is trusted then; else they are
        arrays and JSON, which load without running code.
    cluster : str, optional
        Address of a Dask scheduler, whose workers do what processes here would. They need no images of which the
        store has the features, and see the store where networks read from it.

    Returns
    -------
    Path
        The output folder: ``bundle/``, ``report.html`` and ``report.json``.

    Raises
    ------
    RadiofuseError
        With one sentence (or a list) that says what to change.
    """
    recipe = read_recipe(path)
    out = Path(out) if out else Path("out") / recipe.name
    options: dict[str, Any] = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    options |= {"pseudonyms": pseudonyms}
    if cluster is not None:
        store = from_anywhere(store)  # workers may be in another folder
    with on_cluster(cluster, n_jobs) as at_once:
        rows = prepare_rows(recipe, out, store=store, n_jobs=n_jobs, progress=progress, **options)
        if words := describe_fewer(out / "bundle", rows.groups):
            log.warning("%s", words)
        for words in rows.warnings():
            log.warning("%s", words)
        results = evaluate_models(recipe, rows, n_jobs=at_once, progress=progress, kept_in=out / FOLDER)
        laps = Laps()
        models = fit_models(recipe, rows, n_jobs=at_once, progress=progress)
        laps.end(FINAL)
    weights = weigh_members(recipe, rows, results.findings, models, progress=progress)
    laps.end(WEIGHTS)
    times = run_times({**rows.stages, **results.stages, **laps.seconds}, results.in_folds)
    bundle = _save(recipe, rows, results, models, weights, times, out / "bundle", pickled=pickled)
    page = out / "report.html"
    if report:
        write_report(bundle, page, overwrite=overwrite)
    else:
        _remove_pages(page)
    Kept(out / FOLDER, digest_of()).remove()
    return out


def _remove_pages(page: Path) -> None:
    """Remove the report of an earlier run: it does not stand beside another bundle."""
    for path, ours in ((page, is_page), (page.with_suffix(".json"), is_page_json)):
        if path.is_file() and ours(path):
            path.unlink()


def describe_fewer(bundle: Path, patients: Iterable[str]) -> str:
    """Return a sentence on the patients that the run before, of this bundle, evaluated beyond these; else nothing."""

    try:
        before = set(read_table(bundle, "predictions")["patient_id"])
    except BundleError:  # no run before, or its table is damaged and is replaced by this run
        return ""
    now = set(patients)
    if len(now) >= len(before):
        return ""
    return (
        f"This run evaluates {len(now)} patients, the last one into this folder evaluated {len(before)}: without "
        f"{some(sorted(before - now))}. Look at the failures; after mending, run again with --retry-failed."
    )


def _save(
    recipe: Recipe,
    rows: Rows,
    results: Results,
    models: Models,
    weights: Weights,
    times: pd.DataFrame,
    folder: Path,
    *,
    pickled: bool,
) -> Path:
    tables = tables_of_run(recipe, rows, results, models, weights, times)
    description = describe_run(recipe, rows, results, models)
    told: dict[str, Any] = {"recipe": recipe.text, "description": description, "tables": tables}
    return save_bundle(folder, models=models, **told, pickled=pickled)
