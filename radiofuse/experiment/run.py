"""A recipe from the cohort table to the report: the one place where all stages meet."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiofuse import __version__
from radiofuse.files.outputs import is_page
from radiofuse.progress import Meter, silent
from radiofuse.wording import some

if TYPE_CHECKING:
    from radiofuse.experiment.evaluation import Trial
    from radiofuse.experiment.recipe import Recipe
    from radiofuse.experiment.rows import Study

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
    from radiofuse.experiment.evaluation import run_trial, trial_key
    from radiofuse.experiment.recipe import read_recipe
    from radiofuse.experiment.rows import prepare_study
    from radiofuse.report import write_report
    from radiofuse.work.kept import FOLDER, Kept

    recipe = read_recipe(path)
    out = Path(out) if out else Path("out") / recipe.name
    options = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    study = prepare_study(recipe, out, store=store, n_jobs=n_jobs, progress=progress, **options)
    if words := describe_fewer(out / "bundle", study.groups):
        log.warning("%s", words)
    for words in study.suspicions():
        log.warning("%s", words)
    kept = Kept(out / FOLDER, trial_key(recipe, study))
    trial = run_trial(recipe, study, n_jobs=n_jobs, progress=progress, kept=kept)
    models = fit_models(recipe, study, n_jobs=n_jobs, progress=progress)
    bundle, page = _save(recipe, study, trial, models, out / "bundle"), out / "report.html"
    if report:
        write_report(bundle, page, overwrite=overwrite)
    elif page.is_file() and is_page(page):  # of an earlier run: it does not stand beside another bundle
        page.unlink()
    kept.remove()
    return out


def describe_fewer(bundle: Path, patients: Sequence[str]) -> str:
    """Return a sentence on the patients that the run before, of this bundle, evaluated beyond these; else nothing."""
    from radiofuse.bundle.folder import read_table

    try:
        before = set(read_table(bundle, "predictions")["patient_id"])
    except (OSError, ValueError, KeyError):  # no run before, or its table is damaged and is replaced by this run
        return ""
    now = set(patients)
    if len(now) >= len(before):
        return ""
    return (
        f"This run evaluates {len(now)} patients, the last one into this folder evaluated {len(before)}: without "
        f"{some(sorted(before - now))}. Look at the failures; after mending, run again with --retry-failed."
    )


def fit_models(recipe: Recipe, study: Study, *, n_jobs: int, progress: Meter) -> dict[str, Any]:
    """Fit the models of the bundle: on every labeled row, once, after the evaluation."""
    from radiofuse.evaluate.folds import log_warnings
    from radiofuse.experiment.models import FUSION, list_answering
    from radiofuse.select import NothingSelectedWarning

    models = list_answering(recipe, study.modalities, study.blocks, study.source)
    models[FUSION].set_params(n_jobs=n_jobs)
    with warnings.catch_warnings(record=True) as caught, progress("Fitting the final models", "models") as on_done:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", NothingSelectedWarning)  # said in the bundle's warnings
        for done, model in enumerate(models.values(), start=1):
            model.fit(study.X, study.y, groups=study.groups)
            on_done(done, len(models))
    log_warnings(Counter(str(one.message) for one in caught), "while fitting the final models")
    models[FUSION].set_params(n_jobs=None)  # how many processes fitted it is no property of a model
    return models


def _save(recipe: Recipe, study: Study, trial: Trial, models: dict[str, Any], folder: Path) -> Path:
    from radiofuse.bundle.folder import save_bundle
    from radiofuse.evaluate.findings import in_sample_weights, summarize_selection, summarize_weights
    from radiofuse.experiment.models import FUSION
    from radiofuse.experiment.published import published_rows

    model = models[FUSION]
    in_sample = in_sample_weights(model, study.X, study.y, study.groups) if recipe.tables else None
    weights = summarize_weights(model, trial.findings, in_sample=in_sample)
    tables = {
        "cohort_flow": study.flow,
        "predictions": trial.predictions.assign(positive=study.classes[1]),
        "scores": trial.scores,
        "comparisons": trial.comparisons,
        "selected_features": summarize_selection(model, trial.findings),
        "fusion_weights": weights,
        "published": published_rows(recipe.tables, trial.scores, weights),
        "failures": study.failures,
    }
    others = {name: other for name, other in models.items() if name != FUSION}
    description = describe_run(recipe, study, trial, model)
    return save_bundle(folder, model=model, others=others, recipe=recipe.text, description=description, tables=tables)


def describe_run(recipe: Recipe, study: Study, trial: Trial, model: Any) -> dict[str, Any]:
    """Return what goes into ``bundle.json``: everything that reading the tables does not tell."""
    from radiofuse.bundle.training_rows import row_digests
    from radiofuse.evaluate.findings import list_warnings
    from radiofuse.tables import columns

    grouped = columns.by_modality(study.X.columns)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "radiofuse_version": __version__,
        "label": study.label,
        "positive": study.classes[1],
        "negative": study.classes[0],
        "modalities": study.modalities,
        "modality_pattern": recipe.cohort.modality_pattern,
        "clinical": grouped.get(columns.CLINICAL, []),
        "settings": study.settings,
        "protocol": _describe_protocol(recipe, study),
        "n_features": {name: len(block) + _n_deep_features(recipe) for name, block in study.blocks.items()},
        "columns": [column for name in study.modalities for column in grouped[name]],
        "training_rows": row_digests(study.X),
        "synthetic": study.synthetic,
        "as_published": _deviations(recipe),
        "warnings": [
            *study.suspicions(),
            *list_warnings(model, study.y, study.groups, study.failures, trial.findings),
        ],
    }


def _n_deep_features(recipe: Recipe) -> int:
    """Return how many columns an encoder adds to those that are selected from."""
    if recipe.deep is None or recipe.deep.join == "members":
        return 0
    from radiofuse.deep import make_encoder

    return 1 if recipe.deep.output == "logit" else make_encoder(recipe.deep.encoder, recipe.seed).embedding_dim


def _deviations(recipe: Recipe) -> list[str]:
    """Return a sentence for each thing that a recipe asks for as published and that we would not do."""
    said = []
    if recipe.selects_deep_features and recipe.deep.protocol == "as_published":
        said.append(
            "Training rows carry embeddings by the encoder that was trained on them (as_published): selection and "
            "classifiers see features fitted to the labels. Use protocol = crossfit for figures to rely on."
        )
    if recipe.fusion.constrained and recipe.fusion.constrained_options.get("difference") == "literal_norm":
        said.append(
            "The constraint fusions minimize equation 4 as printed (difference = literal_norm), which makes specific "
            "codes equal to invariant ones, the contrary of what the text wants. Leave it out for orthogonality."
        )
    return said


def _describe_protocol(recipe: Recipe, study: Study) -> dict[str, Any]:
    from radiofuse.experiment.evaluation import list_all_models
    from radiofuse.experiment.glossary import describe_names
    from radiofuse.experiment.models import combined_names, constrained_name, training_options
    from radiofuse.experiment.options import describe_options

    return {
        "n_splits": recipe.evaluation.folds,
        "n_repeats": recipe.evaluation.repeats,
        "inner_cv": recipe.fusion.inner_folds,
        "n_resamples": recipe.evaluation.resamples,
        "selector": recipe.select.method,
        "selector_options": recipe.select.options,
        "classifier": recipe.classify.method,
        "classifier_options": recipe.classify.options,
        "fusions": combined_names(recipe),
        "primary": combined_names(recipe)[0],
        "seed": recipe.seed,
        "constrained": [constrained_name(method) for method in recipe.fusion.constrained],
        "arms": list(recipe.evaluation.arms),
        "deep": recipe.deep and {**recipe.deep.model_dump(), "training": training_options(recipe)},
        "options": describe_options(list_all_models(recipe, study)),
        "words": describe_names(recipe, study.modalities),
    }
