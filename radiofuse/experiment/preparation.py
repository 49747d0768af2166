"""A recipe's cohort to the rows of its models: read, refused, extracted, cut to those that can be learned from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.datasets.phantom import NOTICE_FILE
from radiofuse.errors import CohortError, RequestError
from radiofuse.experiment.cohort import outcomes_of, read_and_refuse
from radiofuse.experiment.few_rows import copied_patients, few_patients, rare_modalities
from radiofuse.experiment.harmonization import with_sites_of
from radiofuse.experiment.implied_classes import implications_of
from radiofuse.experiment.modality_flow import modality_flow, named_in
from radiofuse.experiment.models.member_chains import CropSource
from radiofuse.experiment.models.model_list import learns_unlabeled
from radiofuse.experiment.models.networks import describe_arrays, make_cropping, make_specs, of_networks, with_stack
from radiofuse.experiment.recipe.evaluation import FIXED
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.refusals import NO_RADIOMICS, Places, refuse, settings_source
from radiofuse.experiment.rows import Rows, Unlabeled
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
from radiofuse.imaging import file_sha256
from radiofuse.imaging.atlas import MNI152, atlas_file
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.step_options import Steps
from radiofuse.patients.pseudonyms import Pseudonyms, under_pseudonyms, without_names
from radiofuse.progress import Meter
from radiofuse.store import FeatureStore
from radiofuse.tables import columns
from radiofuse.tables.cells import is_empty
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.labels import count_classes
from radiofuse.tables.problems import THE_COHORT
from radiofuse.tables.roles import MASK_SOURCE, SITE, belongs_to_image
from radiofuse.work.laps import Laps

log = logging.getLogger(__name__)

NEVER_USED = "extracted, never trained or scored on"


@dataclass(frozen=True, eq=False)
class _Made:
    """What was made of a cohort's images, and by what."""

    cohort: pd.DataFrame
    features: Features
    extractor: RadiomicsExtractor | None
    source: CropSource | None
    stages: dict[str, float]


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
    places = Places(out, Path(store), overwrite=overwrite, report=report)
    table, read = read_and_refuse(recipe, places)
    cohort = _renamed(recipe, read, pseudonyms)
    for outcome in outcomes_of(cohort):
        known = cohort[cohort[outcome.name].notna()]
        log.info(count_classes(known[outcome.name].to_numpy(), known["patient_id"], outcome.name, outcome.classes))
    cohort, not_ready = ready_for_features(cohort, steps_of(recipe), store, n_jobs=n_jobs, progress=progress)
    extractor = make_extractor(recipe) if has_images(cohort) and recipe.radiomics.settings != NO_RADIOMICS else None
    laps.end(READING)
    options: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed}
    with progress("Fingerprinting", "files") as on_hashed, progress("Extracting", "vectors") as on_done:
        features = collect_features(
            cohort,
            extractor,
            FeatureStore(store),
            regions=recipe.cohort.regions,
            region=recipe.cohort.region,
            on_hashed=on_hashed,
            on_done=on_done,
            **options,
        )
    features = features.with_failures(not_ready)
    laps.end(EXTRACTION)
    source = None
    if recipe.deep is not None:
        label = _label_used(recipe, cohort, extractor)
        options |= {"label": label, "region": recipe.cohort.of_crops, "progress": progress}
        add = _with_arrays if recipe.deep.reads_arrays else _with_crops
        features, source = add(recipe, cohort, features, store, **options)
        laps.end(CROPS)
    if pseudonyms is not None:
        features = replace(features, failures=without_names(features.failures, read, pseudonyms))
    synthetic = (table.parent / NOTICE_FILE).is_file()
    rows = _labeled_rows(recipe, _Made(cohort, features, extractor, source, laps.seconds), synthetic=synthetic)
    return rows if pseudonyms is None else replace(rows, key=pseudonyms.fingerprint)


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


def _labeled_rows(recipe: Recipe, made: _Made, *, synthetic: bool) -> Rows:
    samples, table = made.cohort.set_index("sample_id"), made.features.table
    outcomes, modalities = outcomes_of(made.cohort), with_stack(recipe, _modalities(table))
    names = [outcome.name for outcome in outcomes]
    present = _presence(table, modalities)
    known, imaged = samples[names].notna().any(axis=1), present.any(axis=1)
    refuse(few_patients(recipe, samples[known & imaged], outcomes, made.features.failures))
    # Neither the order of the table's rows nor that of its columns may move a number.
    used = samples.index[known & imaged].sort_values()
    labels, patients = samples.loc[used, names], samples.loc[used, "patient_id"]
    if made.source is not None:
        what = "A patch" if recipe.deep.dimensions == 3 else "A tumor crop"
        present = present.join(_have_crops(table, of_networks(recipe, modalities), what))
    rare = rare_modalities(recipe, present.loc[used], samples.loc[used], outcomes)
    unlabeled = _usable_unlabeled(recipe, samples, ~known & imaged)
    learned = used if unlabeled is None else used.append(unlabeled)
    if unlabeled is not None and len(unlabeled):
        log.info("%d samples without any label are learned from in the folds, and tested in none.", len(unlabeled))
    # a copy of a tested patient must not be learned from, be it without a label
    refuse([*rare, *copied_patients(table.loc[learned], samples.loc[learned, "patient_id"])])
    table = with_sites_of(recipe, table.loc[learned, sorted(table.columns)], samples)
    sites = samples.get(SITE)
    return Rows(
        outcomes,
        X=table.loc[used],
        y=labels,
        groups=patients.to_numpy(),
        sites=None if sites is None else sites[used].to_numpy(),
        modalities=modalities,
        flow=_flow(samples, known, imaged, made.features.failures, learned=unlabeled is not None),
        modality_flow=modality_flow(
            samples, named_in(samples, modalities, present), present[modalities], known, made.features.failures
        ),
        failures=made.features.failures,
        settings=_describe_settings(recipe, made),
        synthetic=synthetic,
        source=made.source,
        stages=made.stages,
        implications=implications_of(recipe, outcomes),
        mask_sources=samples.loc[used, MASK_SOURCE].tolist() if MASK_SOURCE in samples else (),
        unlabeled=None
        if unlabeled is None
        else Unlabeled(
            table.loc[unlabeled],
            samples.loc[unlabeled, "patient_id"].to_numpy(),
            None if sites is None else sites[unlabeled].to_numpy(),
        ),
    )


def _usable_unlabeled(recipe: Recipe, samples: pd.DataFrame, unlabeled: pd.Series) -> pd.Index | None:
    """Return the samples without a label that a model learns from; None where none does."""
    if not learns_unlabeled(recipe):
        return None
    if recipe.harmonize is not None:  # what a scanner does is not learned from samples of no known one
        unlabeled = unlabeled & ~is_empty(samples[recipe.harmonize.site].astype(str))
    return samples.index[unlabeled].sort_values()


def _modalities(table: pd.DataFrame) -> list[str]:
    modalities = [name for name in columns.by_modality(table.columns) if name != columns.CLINICAL]
    if not modalities:
        sentence = "it names no modality: give <modality>__image or <modality>__<feature> columns."
        raise CohortError(THE_COHORT, [sentence])
    return modalities


def _presence(table: pd.DataFrame, modalities: Sequence[str]) -> pd.DataFrame:
    """Return whether each row has a number of each modality."""
    grouped = columns.by_modality(table.columns)
    return pd.DataFrame({name: table[grouped[name]].notna().any(axis=1) for name in modalities})


def _have_crops(table: pd.DataFrame, modalities: Sequence[str], what: str) -> pd.DataFrame:
    pointers = table[[columns.join(name, columns.CROP) for name in modalities]]
    return pointers.notna().set_axis([f"{what} of {name}" for name in modalities], axis=1)


def _flow(
    rows: pd.DataFrame, known: pd.Series, imaged: pd.Series, failures: pd.DataFrame, *, learned: bool
) -> pd.DataFrame:
    unlabeled = "trained on without a label by models that can, never scored on" if learned else NEVER_USED
    failed = f"{len(failures)} image(s) failed, see failures" if len(failures) else ""
    steps = [
        ("in the cohort table", known | ~known, ""),
        ("label unknown", ~known, unlabeled),
        ("no usable modality", known & ~imaged, failed),
        ("evaluated", known & imaged, ""),
    ]
    return pd.DataFrame(
        [(step, int(mask.sum()), rows.loc[mask, "patient_id"].nunique(), note) for step, mask, note in steps],
        columns=["step", "n_samples", "n_patients", "note"],
    )


def _describe_settings(recipe: Recipe, made: _Made) -> dict[str, Any]:
    extractor = made.extractor
    label = _label_used(recipe, made.cohort, extractor)
    return {
        "radiomics": {"backend": extractor.backend, **extractor.settings.to_json()} if extractor else None,
        "mask_label": label if (extractor or recipe.deep) and not recipe.cohort.of_crops else None,
        "images": asdict(steps) if (steps := steps_of(recipe)) else None,
        "atlas_sha256": file_sha256(atlas_file(steps.atlas)) if steps is not None and steps.atlas else None,
        "region": recipe.cohort.region,
        "regions": list(recipe.cohort.regions),
        "block": made.features.extraction.block.name if extractor else None,
        "crops": asdict(make_cropping(recipe)) if recipe.deep and not recipe.deep.reads_arrays else None,
        "pictures": describe_arrays(recipe, imaged_modalities(made.cohort)),
        "ready_made": _list_ready_made(made.cohort),
    }


def _list_ready_made(cohort: pd.DataFrame) -> list[str]:
    """Return the modalities to which the cohort table brings features of its own."""
    grouped = columns.by_modality(cohort.columns)
    own = {name for name, block in grouped.items() if not all(map(belongs_to_image, block))}
    return sorted(own - {columns.CLINICAL})
