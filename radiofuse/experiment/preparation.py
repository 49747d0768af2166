"""A recipe's cohort to the rows of its models: read, refused, extracted, cut to those that can be learned from."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.datasets.phantom import NOTICE_FILE
from radiofuse.errors import RequestError
from radiofuse.experiment.cohort import outcomes_of, read_and_refuse
from radiofuse.experiment.input_hashes import input_hashes
from radiofuse.experiment.labeled_rows import Made, labeled_rows
from radiofuse.experiment.models.member_chains import CropSource
from radiofuse.experiment.models.networks import describe_arrays, make_cropping, make_specs
from radiofuse.experiment.problems import Places
from radiofuse.experiment.recipe.evaluation import FIXED
from radiofuse.experiment.recipe.parts import NO_RADIOMICS
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.refusals import settings_source
from radiofuse.experiment.rows import Rows
from radiofuse.experiment.scores.run_times import CROPS, EXTRACTION, READING
from radiofuse.extract import (
    Features,
    RadiomicsExtractor,
    add_crops,
    add_pictures,
    collect_features,
    has_images,
    label_of_masks,
)
from radiofuse.extract.ready_images import ready_for_features
from radiofuse.extract.spectra import collect_spectra
from radiofuse.imaging import file_sha256
from radiofuse.imaging.atlas import MNI152, atlas_file
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.step_options import Steps
from radiofuse.patients.pseudonyms import Pseudonyms, under_pseudonyms, without_names
from radiofuse.progress import Meter
from radiofuse.store import FeatureStore
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities, named_files
from radiofuse.tables.labels import count_classes
from radiofuse.tables.roles import belongs_to_image
from radiofuse.work.laps import Laps

log = logging.getLogger(__name__)


def prepare_rows(
    recipe: Recipe,
    out: Path,
    *,
    store: str | Path,
    n_jobs: int,
    progress: Meter,
    overwrite: bool = False,
    report: bool = True,
    retry_failed: bool = False,
    pseudonyms: Pseudonyms | None = None,
) -> Rows:
    """Return a recipe's rows: its cohort read, its features extracted, cut to those with a label.

    Parameters
    ----------
    recipe : Recipe
    out : Path
        Output folder of the run; a phantom cohort is generated in it.
    store : path
        Feature store.
    n_jobs : int
        Processes of the extraction.
    progress : callable
        As for ``run_recipe``.
    overwrite : bool, default=False
        Whether a report.html that is not ours may be replaced.
    report : bool, default=True
        Whether a report will be written.
    retry_failed : bool, default=False
        As for ``extract_cohort``.
    pseudonyms : Pseudonyms, optional
        What samples and patients are called from here on.

    Raises
    ------
    RadiofuseError
        What can be refused is refused before anything is extracted.
    """
    laps = Laps()
    places = Places(out, str(store), overwrite=overwrite, report=report)
    table, read = read_and_refuse(recipe, places)
    cohort = _renamed(recipe, read, pseudonyms)
    _log_classes(cohort)
    images = named_files(cohort)  # as the table names them, before anything is made of them
    cohort, not_ready = ready_for_features(cohort, steps_of(recipe), store, n_jobs=n_jobs, progress=progress)
    extractor = make_extractor(recipe) if has_images(cohort) and recipe.radiomics.settings != NO_RADIOMICS else None
    laps.end(READING)
    options: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed}
    features = _extracted(recipe, cohort, extractor, store, progress=progress, **options).with_failures(not_ready)
    spectra = _spectra(recipe, cohort, extractor, store, features.failures, progress=progress, **options)
    laps.end(EXTRACTION)
    source = None
    if recipe.deep is not None:
        label = _label_used(recipe, cohort, extractor)
        features, source = _pictured(recipe, cohort, features, store, label=label, progress=progress, **options)
        laps.end(CROPS)
    hashes = input_hashes(table, images if extractor or source else (), store, n_jobs=n_jobs)
    if pseudonyms is not None:
        features = replace(features, failures=without_names(features.failures, read, pseudonyms))
    synthetic = (table.parent / NOTICE_FILE).is_file()
    settings = _describe_settings(recipe, cohort, features, extractor)
    made = Made(cohort, features, source, laps.seconds)
    rows = replace(labeled_rows(recipe, made, settings=settings, synthetic=synthetic), spectra=spectra)
    return replace(rows, hashes=hashes, key=None if pseudonyms is None else pseudonyms.fingerprint)


def _log_classes(cohort: pd.DataFrame) -> None:
    for outcome in outcomes_of(cohort):
        known = cohort[cohort[outcome.name].notna()]
        log.info(count_classes(known[outcome.name].to_numpy(), known["patient_id"], outcome.name, outcome.classes))


def _extracted(
    recipe: Recipe,
    cohort: pd.DataFrame,
    extractor: RadiomicsExtractor | None,
    store: str | Path,
    *,
    progress: Meter,
    **options: Any,
) -> Features:
    """Return the features of a cohort, those of the store and those that are extracted now."""
    regions = {"regions": recipe.cohort.regions, "region": recipe.cohort.region}
    with progress("Fingerprinting", "files") as on_hashed, progress("Extracting", "vectors") as on_done:
        options |= {"on_hashed": on_hashed, "on_done": on_done, **regions}
        return collect_features(cohort, extractor, FeatureStore(store), **options)


def _spectra(
    recipe: Recipe,
    cohort: pd.DataFrame,
    extractor: RadiomicsExtractor | None,
    store: str | Path,
    failures: pd.DataFrame,
    *,
    progress: Meter,
    **options: Any,
) -> pd.DataFrame | None:
    """Return what the images are like beside their features; None where no features are computed of images."""
    if extractor is None:
        return None
    region = recipe.cohort.region or next(iter(recipe.cohort.regions), None)
    with progress("Looking at intensities", "images") as on_done:
        options |= {"failures": failures, "on_done": on_done}
        return collect_spectra(cohort, extractor, FeatureStore(store), region, **options)


def _renamed(recipe: Recipe, cohort: pd.DataFrame, pseudonyms: Pseudonyms | None) -> pd.DataFrame:
    """Return the cohort under pseudonyms, where there are some; lists of folds name samples as the table does."""
    if pseudonyms is None:
        return cohort
    if recipe.evaluation.split == FIXED:
        raise RequestError(
            "The recipe names the samples of its folds, which pseudonyms would hide. Let it deal folds itself, or "
            "leave --pseudonymize out."
        )
    return under_pseudonyms(cohort, pseudonyms)


def steps_of(recipe: Recipe) -> Steps | None:
    """Return what a recipe does to images; the file of an atlas lies relative to the recipe."""
    steps = recipe.images
    if steps is None or steps.atlas in ("", MNI152):
        return steps
    return replace(steps, atlas=str(recipe.path(steps.atlas)))


def _pictured(
    recipe: Recipe, cohort: pd.DataFrame, features: Features, store: str | Path, **options: Any
) -> tuple[Features, CropSource]:
    """Add the columns that point at what the recipe's networks see: arrays, or crops of the tumor."""
    add = _with_arrays if recipe.deep is not None and recipe.deep.reads_arrays else _with_crops
    return add(recipe, cohort, features, store, region=recipe.cohort.of_crops, **options)


def _with_crops(
    recipe: Recipe, cohort: pd.DataFrame, features: Features, store: str | Path, *, progress: Meter, **options: Any
) -> tuple[Features, CropSource]:
    """Add the columns that point at the tumor crops of each modality, and what could not be cropped."""
    with progress("Fingerprinting", "files") as on_hashed, progress("Cropping", "crops") as on_done:
        options |= {"on_hashed": on_hashed, "on_done": on_done}
        features, crops = add_crops(features, cohort, make_cropping(recipe), FeatureStore(store), **options)
    return features, CropSource(crops, str(store))


def _with_arrays(
    recipe: Recipe,
    cohort: pd.DataFrame,
    features: Features,
    store: str | Path,
    *,
    progress: Meter,
    retry_failed: bool,
    **options: Any,
) -> tuple[Features, CropSource]:
    """Add the columns that point at the arrays of each network, and what could not be made one."""
    specs = make_specs(recipe, imaged_modalities(cohort))
    features, pictures = add_pictures(features, cohort, specs, store, progress=progress, **options)
    return features, CropSource(pictures, str(store))


def make_extractor(recipe: Recipe) -> RadiomicsExtractor:
    """Return the radiomics extractor that a recipe describes."""
    settings = settings_source(recipe)
    return RadiomicsExtractor(settings, label=_mask_label(recipe), backend=recipe.radiomics.backend)


def _mask_label(recipe: Recipe) -> MaskLabel | None:
    label = recipe.cohort.mask_label
    return list(label) if isinstance(label, tuple) else label


def _label_used(recipe: Recipe, cohort: pd.DataFrame, extractor: RadiomicsExtractor | None) -> MaskLabel:
    """Return the label of masks whose row names none, for crops and for whoever applies the model."""
    if extractor is not None:
        return label_of_masks(cohort, extractor)
    named = _mask_label(recipe)
    return cohort.attrs.get("mask_label", "any") if named is None else named


def _describe_settings(
    recipe: Recipe, cohort: pd.DataFrame, features: Features, extractor: RadiomicsExtractor | None
) -> dict[str, Any]:
    label = _label_used(recipe, cohort, extractor)
    return {
        "radiomics": {"backend": extractor.backend, **extractor.settings.to_json()} if extractor else None,
        "mask_label": label if (extractor or recipe.deep) and not recipe.cohort.of_crops else None,
        "images": asdict(steps) if (steps := steps_of(recipe)) else None,
        "atlas_sha256": file_sha256(atlas_file(steps.atlas)) if steps is not None and steps.atlas else None,
        "region": recipe.cohort.region,
        "regions": list(recipe.cohort.regions),
        "block": features.extraction.block.name if extractor else None,
        "crops": asdict(make_cropping(recipe)) if recipe.deep and not recipe.deep.reads_arrays else None,
        "pictures": describe_arrays(recipe, imaged_modalities(cohort)),
        "ready_made": _list_ready_made(cohort),
    }


def _list_ready_made(cohort: pd.DataFrame) -> list[str]:
    """Return the modalities to which the cohort table brings features of its own."""
    grouped = columns.by_modality(cohort.columns)
    own = {name for name, block in grouped.items() if not all(map(belongs_to_image, block))}
    return sorted(own - {columns.CLINICAL})
