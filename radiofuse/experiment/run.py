"""A recipe from the cohort table to the report: the one place where all stages meet."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from radiofuse.bundle.read import read_table
from radiofuse.bundle.write import save_bundle
from radiofuse.errors import BundleError
from radiofuse.evaluate.findings import in_sample_weights, summarize_selection, summarize_weights
from radiofuse.evaluate.folds import log_warnings
from radiofuse.experiment.description import describe_run
from radiofuse.experiment.evaluation import Results, evaluate_models, folds_key
from radiofuse.experiment.models import FUSION, list_answering
from radiofuse.experiment.published import published_rows
from radiofuse.experiment.recipe import Recipe, read_recipe
from radiofuse.experiment.rows import Rows, prepare_rows
from radiofuse.files.outputs import is_page
from radiofuse.progress import Meter, silent
from radiofuse.report import write_report
from radiofuse.select import NothingSelectedWarning
from radiofuse.wording import some
from radiofuse.work.kept import FOLDER, Kept

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

    Returns
    -------
    Path
        The output folder: ``bundle/`` and ``report.html``.

    Raises
    ------
    RadiofuseError
        With one sentence (or a list) that says what to change.
    """
    recipe = read_recipe(path)
    out = Path(out) if out else Path("out") / recipe.name
    options = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    rows = prepare_rows(recipe, out, store=store, n_jobs=n_jobs, progress=progress, **options)
    if words := describe_fewer(out / "bundle", rows.groups):
        log.warning("%s", words)
    for words in rows.warnings():
        log.warning("%s", words)
    kept = Kept(out / FOLDER, folds_key(recipe, rows))
    results = evaluate_models(recipe, rows, n_jobs=n_jobs, progress=progress, kept=kept)
    models = fit_models(recipe, rows, n_jobs=n_jobs, progress=progress)
    bundle, page = _save(recipe, rows, results, models, out / "bundle"), out / "report.html"
    if report:
        write_report(bundle, page, overwrite=overwrite)
    elif page.is_file() and is_page(page):  # of an earlier run: it does not stand beside another bundle
        page.unlink()
    kept.remove()
    return out


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


def fit_models(recipe: Recipe, rows: Rows, *, n_jobs: int, progress: Meter) -> dict[str, Any]:
    """Fit the models of the bundle: on every labeled row, once, after the evaluation."""

    models = list_answering(recipe, rows.modalities, rows.blocks, rows.source)
    models[FUSION].set_params(n_jobs=n_jobs)
    with warnings.catch_warnings(record=True) as caught, progress("Fitting the final models", "models") as on_done:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", NothingSelectedWarning)  # said in the bundle's warnings
        for done, model in enumerate(models.values(), start=1):
            model.fit(rows.X, rows.y, groups=rows.groups)
            on_done(done, len(models))
    log_warnings(Counter(str(one.message) for one in caught), "while fitting the final models")
    models[FUSION].set_params(n_jobs=None)  # how many processes fitted it is no property of a model
    return models


def _save(recipe: Recipe, rows: Rows, results: Results, models: dict[str, Any], folder: Path) -> Path:
    model = models[FUSION]
    in_sample = in_sample_weights(model, rows.X, rows.y, rows.groups) if recipe.tables else None
    weights = summarize_weights(model, results.findings, in_sample=in_sample)
    tables = {
        "cohort_flow": rows.flow,
        "predictions": results.predictions.assign(positive=rows.classes[1]),
        "scores": results.scores,
        "comparisons": results.comparisons,
        "selected_features": summarize_selection(model, results.findings),
        "fusion_weights": weights,
        "published": published_rows(recipe.tables, results.scores, weights),
        "failures": rows.failures,
    }
    others = {name: other for name, other in models.items() if name != FUSION}
    description = describe_run(recipe, rows, results, model)
    return save_bundle(folder, model=model, others=others, recipe=recipe.text, description=description, tables=tables)
