"""``python -m radiofuse.run``: recipe in; report, scores and bundle out. The one place where all stages meet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse import __version__, _cli
from radiofuse.errors import CohortError, RequestError

app = _cli.command_app(__doc__)

Meter = Callable[..., AbstractContextManager]
CLINICAL_ARM, TRIVIAL_RULE = "clinical", "trivial"


def run_recipe(
    path: str | Path,
    *,
    out: str | Path | None = None,
    n_jobs: int = 1,
    store: str | Path = "feature_store",
    progress: Meter = _cli.silent,
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

    Returns
    -------
    Path
        The output folder: ``report.html`` and ``bundle/``.

    Raises
    ------
    RadiofuseError
        With one sentence (or a list) that says what to change.
    """
    from radiofuse.recipe import read_recipe
    from radiofuse.report import write_report

    recipe = read_recipe(path)
    out = Path(out) if out else Path("out") / recipe.name
    _refuse_early(recipe, out)
    data = prepare(recipe, out, store=store, n_jobs=n_jobs, progress=progress)
    trial = evaluate(recipe, data, n_jobs=n_jobs, progress=progress)
    bundle = conclude(recipe, data, trial, out / "bundle", n_jobs=n_jobs)
    write_report(bundle, out / "report.html")
    return out


@dataclass(frozen=True)
class Data:
    """The rows that can be learnt from, and how many were left behind on the way."""

    cohort: Any  # every row of the table, DataFrame
    X: Any  # labeled rows with at least one modality, DataFrame indexed by sample_id
    y: Any  # 0 or 1, array
    groups: Any  # patient ids, array
    modalities: list[str]
    flow: Any
    failures: Any
    settings: dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """What cross-validation found."""

    predictions: Any
    scores: Any
    comparisons: Any
    findings: list[dict[str, Any]]


def prepare(recipe: Any, out: Path, *, store: str | Path, n_jobs: int, progress: Meter) -> Data:
    """Return the wide table of a recipe's cohort: read, extracted, and cut to the rows with a label."""
    from radiofuse.extract import collect_features, has_images
    from radiofuse.store import FeatureStore

    cohort = read_recipe_cohort(recipe, out)
    extractor = make_extractor(recipe) if has_images(cohort) else None
    with progress("Fingerprinting", "files") as on_hashed, progress("Extracting", "vectors") as on_done:
        features = collect_features(
            cohort, extractor, FeatureStore(store), jobs=n_jobs, on_hashed=on_hashed, on_done=on_done
        )
    return _labeled_rows(recipe, cohort, features, extractor)


def read_recipe_cohort(recipe: Any, out: Path) -> Any:
    """Return the checked cohort table that a recipe names; a phantom is generated under ``out``."""
    from radiofuse.cohort import read_cohort

    chosen = recipe.cohort
    return read_cohort(
        _cohort_table(recipe, out),
        labels=chosen.label,
        modalities=chosen.modalities,
        ignore=chosen.ignore,
        participants=recipe.path(chosen.participants) if chosen.participants else None,
        n_folds=recipe.evaluation.folds,
        missing_files="keep",
    )


def make_extractor(recipe: Any) -> Any:
    """Return the radiomics extractor that a recipe describes."""
    from radiofuse.extract import RadiomicsExtractor

    label = recipe.cohort.mask_label
    label = list(label) if isinstance(label, tuple) else label
    return RadiomicsExtractor(_settings_source(recipe), label=label, backend=recipe.radiomics.backend)


def _cohort_table(recipe: Any, out: Path) -> Path:
    if recipe.cohort.phantom is None:
        return recipe.path(recipe.cohort.table)
    from radiofuse.datasets import make_phantom_cohort

    return make_phantom_cohort(
        out / "phantom", n_patients=recipe.cohort.phantom.n_patients, seed=recipe.cohort.phantom.seed
    )


def _settings_source(recipe: Any) -> str | Path:
    from radiofuse.radiomics import PRESETS

    named = recipe.radiomics.settings
    return named if named in PRESETS else recipe.path(named)


def _labeled_rows(recipe: Any, cohort: Any, features: Any, extractor: Any) -> Data:
    from radiofuse import columns

    label = recipe.cohort.label
    rows = cohort.set_index("sample_id")
    grouped = columns.by_modality(features.table.columns)
    modalities = [name for name in grouped if name != columns.CLINICAL]
    if not modalities:
        raise CohortError("The cohort", ["no modality has a feature: every image failed or none is named."])
    imaged = features.table[[c for name in modalities for c in grouped[name]]].notna().any(axis=1)
    known = rows[label].notna()
    _require_both_classes(rows[known & imaged], recipe, features.failures)
    used = rows.index[known & imaged].sort_values()  # the fitted model must not depend on the order of the table
    return Data(
        cohort=cohort,
        X=features.table.loc[used],
        y=rows.loc[used, label].to_numpy(int),
        groups=rows.loc[used, "patient_id"].to_numpy(),
        modalities=modalities,
        flow=_flow(rows, known, imaged, features.failures),
        failures=features.failures,
        settings=_describe_settings(recipe, extractor, features.extraction),
    )


def _require_both_classes(rows: Any, recipe: Any, failures: Any) -> None:
    """Say which images failed where too few patients are left for the folds because of them."""
    from radiofuse.findings import list_failures

    label, folds = recipe.cohort.label, recipe.evaluation.folds
    patients = {value: rows.loc[rows[label] == value, "patient_id"].nunique() for value in (0, 1)}
    if min(patients.values()) < folds:
        left = (
            f"{patients[0]} patients with {label} = 0 and {patients[1]} with {label} = 1 have a usable modality; "
            f"{folds} folds need {folds} of each."
        )
        raise CohortError("The cohort", [left, *([list_failures(failures)] if len(failures) else [])])


def _flow(rows: Any, known: Any, imaged: Any, failures: Any) -> Any:
    import pandas as pd

    steps = [
        ("in the cohort table", rows.index == rows.index, ""),
        ("label unknown", ~known, "extracted, never trained or scored on"),
        (
            "no usable modality",
            known & ~imaged,
            f"{len(failures)} image(s) failed, see failures" if len(failures) else "",
        ),
        ("evaluated", known & imaged, ""),
    ]
    return pd.DataFrame(
        [(step, int(mask.sum()), rows.loc[mask, "patient_id"].nunique(), note) for step, mask, note in steps],
        columns=["step", "n_samples", "n_patients", "note"],
    )


def _describe_settings(recipe: Any, extractor: Any, extraction: Any) -> dict[str, Any]:
    if extractor is None:
        return {"radiomics": None, "mask_label": None, "block": None}
    radiomics = {
        "name": extractor.settings.name,
        "backend": extractor.backend,
        **extractor.settings.identity(),
    }
    return {"radiomics": radiomics, "mask_label": extractor.label, "block": extraction.block.name}


def evaluate(recipe: Any, data: Data, *, n_jobs: int, progress: Meter) -> Trial:
    """Return out-of-fold predictions, their scores, and what each fold selected."""
    from radiofuse.evaluate import (
        compare_with_others,
        gather_predictions,
        patient_splits,
        run_folds,
        score_predictions,
    )
    from radiofuse.findings import inspect_fold

    plan = recipe.evaluation
    splits = patient_splits(data.y, data.groups, n_splits=plan.folds, n_repeats=plan.repeats, random_state=recipe.seed)
    with progress("Cross-validating", "fits") as on_done:
        folds = run_folds(
            _models(recipe, data),
            data.X,
            data.y,
            groups=data.groups,
            splits=splits,
            n_jobs=n_jobs,
            inspect=inspect_fold,
            on_done=on_done,
        )
    predictions = gather_predictions(folds)
    scores = score_predictions(predictions, n_resamples=plan.resamples, random_state=recipe.seed)
    comparisons = compare_with_others(
        predictions, recipe.fusion.combine[0], n_resamples=plan.resamples, random_state=recipe.seed
    )
    return Trial(predictions, scores, comparisons, [fold.findings["fusion"] for fold in folds])


def _models(recipe: Any, data: Data) -> dict[str, Any]:
    from sklearn.dummy import DummyClassifier
    from sklearn.frozen import FrozenEstimator

    from radiofuse import columns
    from radiofuse.pipeline import clinical_classifier
    from radiofuse.recipe import build_model

    models = {"fusion": build_model(recipe, data.modalities)}
    if columns.CLINICAL in columns.by_modality(data.X.columns):
        models[CLINICAL_ARM] = clinical_classifier(random_state=recipe.seed)
    # The whole cohort's share of positives for everyone. Shares of the training folds would differ a little,
    # fall where the test fold holds more positives, and so rank below chance.
    models[TRIVIAL_RULE] = FrozenEstimator(DummyClassifier(strategy="prior").fit(data.X, data.y))
    return models


def conclude(recipe: Any, data: Data, trial: Trial, folder: Path, *, n_jobs: int) -> Path:
    """Fit the model on every labeled row and write the bundle."""
    from radiofuse.bundle import save_bundle
    from radiofuse.findings import summarize_selection, summarize_weights
    from radiofuse.recipe import build_model
    from radiofuse.select import NothingSelectedWarning

    model = build_model(recipe, data.modalities).set_params(n_jobs=n_jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NothingSelectedWarning)  # said in the bundle's warnings
        model.fit(data.X, data.y, groups=data.groups)
    tables = {
        "cohort_flow": data.flow,
        "predictions": trial.predictions,
        "scores": trial.scores,
        "comparisons": trial.comparisons,
        "selected_features": summarize_selection(model, trial.findings),
        "fusion_weights": summarize_weights(model, trial.findings),
        "failures": data.failures,
    }
    description = describe_run(recipe, data, trial, model)
    return save_bundle(folder, model=model, recipe=recipe.text, description=description, tables=tables)


def describe_run(recipe: Any, data: Data, trial: Trial, model: Any) -> dict[str, Any]:
    """Return what goes into ``bundle.json``: everything that reading the tables does not tell."""
    from radiofuse import columns
    from radiofuse.findings import list_warnings

    grouped = columns.by_modality(data.X.columns)
    return {
        "name": recipe.name,
        "title": recipe.title,
        "radiofuse_version": __version__,
        "label": recipe.cohort.label,
        "positive": "1",
        "modalities": data.modalities,
        "clinical": grouped.get(columns.CLINICAL, []),
        "settings": data.settings,
        "protocol": _describe_protocol(recipe),
        "n_features": {name: len(grouped[name]) for name in data.modalities},
        "columns": [column for name in data.modalities for column in grouped[name]],
        "synthetic": recipe.cohort.phantom is not None,
        "as_published": [],
        "warnings": list_warnings(model, data.y, data.groups, data.failures, trial.findings),
    }


def _describe_protocol(recipe: Any) -> dict[str, Any]:
    return {
        "n_splits": recipe.evaluation.folds,
        "n_repeats": recipe.evaluation.repeats,
        "inner_cv": recipe.fusion.inner_folds,
        "n_resamples": recipe.evaluation.resamples,
        "selector": recipe.select.method,
        "selector_options": recipe.select.options,
        "classifier": recipe.classify.method,
        "classifier_options": recipe.classify.options,
        "fusions": list(recipe.fusion.combine),
        "primary": recipe.fusion.combine[0],
        "seed": recipe.seed,
    }


def _refuse_early(recipe: Any, out: Path) -> None:
    """Find what would end the run at its last step, or after hours of extraction, before it begins."""
    from radiofuse.bundle import check_target
    from radiofuse.fuse import COMBINERS
    from radiofuse.plugins import lookup
    from radiofuse.recipe import build_model

    _require_report_extra()
    check_target(out / "bundle")
    build_model(recipe, ["any"])
    for name in recipe.fusion.combine:
        lookup(name, COMBINERS, "combiner")


def _require_report_extra() -> None:
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise RequestError(
            f"The report needs {' and '.join(missing)}; install them with: pip install 'radiofuse[report]'."
        )


@app.command()
@_cli.answers
def main(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file; pipelines/ holds some.")],
    out: Annotated[Path | None, typer.Option(help="Output folder; default out/<recipe name>.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")] = 1,
    store: Annotated[Path, typer.Option(help="Feature store; what it holds is not extracted again.")] = Path(
        "feature_store"
    ),
) -> None:
    """Run a recipe: extract, cross-validate, fit, and write report.html and bundle/."""
    from radiofuse.bundle import read_table
    from radiofuse.findings import describe_comparisons, list_failures, scoreboard

    folder = run_recipe(recipe, out=out, n_jobs=jobs, store=store, progress=_cli.progress)
    print(scoreboard(read_table(folder / "bundle", "scores")))
    print(describe_comparisons(read_table(folder / "bundle", "comparisons")))
    failures = read_table(folder / "bundle", "failures")
    _cli.say(list_failures(failures))
    print(f"Bundle: {folder / 'bundle'}\nReport: {folder / 'report.html'}")
    raise typer.Exit(_cli.INPUT if len(failures) else _cli.DONE)


if __name__ == "__main__":
    app()
