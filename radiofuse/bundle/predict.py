"""A bundle and new patients in, probabilities out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.format import DESCRIPTION
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.read import read_table, require_entries
from radiofuse.bundle.sites import columns_beside, new_sites, refuse_lacking_sites, with_new_sites
from radiofuse.bundle.training_ranges import far_outside
from radiofuse.bundle.training_rows import rows_trained_on
from radiofuse.errors import BundleError
from radiofuse.extract import Extraction, Features, RadiomicsExtractor, add_crops, collect_features, has_images
from radiofuse.fuse import HoldsFiles, attached, holders
from radiofuse.imaging import Cropping, Crops
from radiofuse.progress import Meter, silent
from radiofuse.radiomics import Settings
from radiofuse.store import FeatureStore
from radiofuse.tables import columns
from radiofuse.tables.answers import by_class
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.outcomes import Outcome

log = logging.getLogger(__name__)

SEEN = "encoder_saw_it"
REFUSED = "refused: an encoder was trained on it"
NEEDED = tuple(
    "outcomes modalities columns as_published settings protocol settings.radiomics settings.mask_label "
    "settings.block settings.crops protocol.primary".split()
)


def predict_cohort(
    bundle: Bundle,
    cohort: str | Path,
    *,
    store: str | Path = "feature_store",
    n_jobs: int = 1,
    progress: Meter = silent,
    retry_failed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply a loaded bundle to a cohort table, extracting what the store does not hold.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it.
    cohort : path
        A cohort table; labels are not needed and not read.
    store : path, default="feature_store"
        Where extracted vectors are kept.
    n_jobs : int, default=1
        Processes for the extraction.
    progress : callable, optional
        As for ``run_recipe``.
    retry_failed : bool, default=False
        As for ``run_recipe``.

    Returns
    -------
    predictions : DataFrame
        Columns sample_id, patient_id, outcome, class, probability (the bundle's answer) of that class, one
        column per member and fusion, and note (which modalities were absent, or that an encoder was trained
        on the sample, or that the model was fitted on it, or how many of its numbers lie far outside the
        training range). A row per sample and outcome of two classes; of
        more classes one per class. Where the bundle was made as published, against our own rules, also
        as_published, which says in what. A sample without any modality has empty probabilities.
    failures : DataFrame
        Columns sample_id, modality, code, message; samples that an encoder was trained on are among
        them, without a probability.

    Raises
    ------
    CohortError
        If the table cannot be used.
    BundleError
        If the table lacks columns the model was trained on.
    """
    table = modalities_of_model(read_new_patients(bundle, cohort), bundle)
    return predict_rows(bundle, table, store=store, n_jobs=n_jobs, progress=progress, retry_failed=retry_failed)


def read_new_patients(bundle: Bundle, cohort: str | Path, *, missing_files: str = "keep") -> pd.DataFrame:
    """Read a cohort table with the modalities' names as the bundle's own cohort had them; labels are not read."""
    require_entries(bundle.folder / DESCRIPTION, bundle.description, NEEDED)
    pattern = bundle.description.get("modality_pattern")
    beside = columns_beside(bundle.description)
    table = read_cohort(cohort, missing_files=missing_files, modality_pattern=pattern, carried=beside[:1])
    refuse_lacking_sites(bundle.description, table)
    return table


def modalities_of_model(table: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Leave out the modalities that the model does not know, before anything is extracted."""
    grouped = columns.by_modality(table.columns)
    read = columns.by_modality(bundle.description["columns"])
    known = [name for name in grouped if name in read]
    if not set(known) - {columns.CLINICAL}:
        wanted, found = ", ".join(bundle.description["modalities"]), ", ".join(grouped) or "none"
        raise BundleError(f"The model needs at least one of the modalities {wanted}; the cohort table names {found}.")
    kept = [
        "sample_id",
        "patient_id",
        *columns_beside(bundle.description),
        *(column for name in known for column in grouped[name]),
    ]
    return table[list(dict.fromkeys(kept))]


def predict_rows(
    bundle: Bundle,
    cohort: pd.DataFrame,
    *,
    store: str | Path,
    progress: Meter,
    n_jobs: int = 1,
    retry_failed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Apply a bundle to the rows of a cohort table; see ``predict_cohort``."""
    extractor = _extractor(bundle) if has_images(cohort) else None
    options: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed}
    with progress("Fingerprinting", "files") as on_hashed, progress("Extracting", "vectors") as on_done:
        options |= {"on_hashed": on_hashed, "on_done": on_done}
        features = collect_features(cohort, extractor, FeatureStore(store), **options)
    _warn_of_other_engine(bundle, features.extraction)
    if bundle.description["settings"]["crops"] is not None:
        with progress("Fingerprinting", "files") as on_hashed, progress("Cropping", "crops") as on_done:
            options |= {"on_hashed": on_hashed, "on_done": on_done}
            features, crops = _add_crops(bundle, cohort, features, FeatureStore(store), **options)
        bundle = _reading(bundle, crops, store)
        features = _without_training_samples(features, crops, _encoders(bundle), _training_patients(bundle), cohort)
    X = _columns_of_model(with_new_sites(bundle.description, features.table, cohort), bundle)
    seen = features.failures.loc[features.failures["code"] == SEEN, "sample_id"]
    return _predictions(bundle, X, cohort.set_index("sample_id")["patient_id"], set(seen)), features.failures


# ---------------------------------------------------------------- radiomics


def _extractor(bundle: Bundle) -> RadiomicsExtractor | None:
    named = bundle.description["settings"]
    if named["radiomics"] is None and named["crops"] is not None:
        return None
    if named["radiomics"] is None:
        raise BundleError(
            "The model was trained on ready-made features; give <modality>__<feature> columns, not images."
        )
    radiomics = named["radiomics"]
    settings = Settings.from_json(radiomics)
    return RadiomicsExtractor(settings, label=named["mask_label"], backend=radiomics["backend"])


def _warn_of_other_engine(bundle: Bundle, extraction: Extraction | None) -> None:
    trained = bundle.description["settings"]["block"]
    if extraction is not None and extraction.block.name != trained:
        log.warning(
            "The features come from other library versions (%s) than the model was trained on (%s); "
            "probabilities may differ. environment.json in the bundle names the versions.",
            extraction.block.name,
            trained,
        )


# ---------------------------------------------------------------- crops


def _add_crops(
    bundle: Bundle, cohort: pd.DataFrame, features: Features, store: FeatureStore, **options: Any
) -> tuple[Features, Crops]:
    """Add the columns that point at new patients' crops, cut as those were that the encoders learned from."""
    named = bundle.description["settings"]
    try:
        cropping = Cropping(**named["crops"])
    except TypeError as error:
        raise BundleError(f"bundle.json describes the crops in other words than this version knows: {error}.") from None
    return add_crops(features, cohort, cropping, store, label=named["mask_label"], **options)


def _reading(bundle: Bundle, crops: Crops, cache: str | Path) -> Bundle:
    """Return the bundle with encoders that read these crops."""
    bundle = replace(bundle, models=attached(bundle.models, crops=crops, cache=cache))
    for sentence in sorted({encoder.version_warning() for encoder in _encoders(bundle)} - {""}):
        log.warning(sentence)
    return bundle


def _encoders(bundle: Bundle) -> list[HoldsFiles]:
    return holders(*bundle.models.values())


def _without_training_samples(
    features: Features, crops: Crops, encoders: list[HoldsFiles], training: pd.Series, cohort: pd.DataFrame
) -> Features:
    """Empty the rows of samples that an encoder has seen, and list them as failures; the others go on."""
    seen = _rows_of_training_patients(crops, encoders, training, cohort.set_index("sample_id")["patient_id"])
    for encoder in encoders:
        seen = seen | encoder.rows_seen(crops)
    failed = [(crops.sample_ids[row], crops.modalities[row], SEEN, seen[row]) for row in sorted(seen)]
    table = features.table.copy()
    table.loc[[sample_id for sample_id, *_ in failed]] = float("nan")
    failures = pd.concat([features.failures, pd.DataFrame(failed, columns=features.failures.columns)])
    return Features(table, failures.reset_index(drop=True), features.extraction)


def _rows_of_training_patients(
    crops: Crops, encoders: list[HoldsFiles], training: pd.Series, patients: pd.Series
) -> dict[int, str]:
    """Return the crops of patients an encoder was trained on, whatever the sample is called, with a sentence each."""
    learned_from = {name for encoder in encoders for name in encoder.training_ids()}
    trained = set(training[training.index.isin(learned_from)])
    return {
        row: f"Sample {sample_id} ({crops.modalities[row]}) is of patient {patients[sample_id]}, whom the encoder was "
        "trained on. Ask about other patients; another one of that name needs another patient_id."
        for row, sample_id in enumerate(crops.sample_ids)
        if patients[sample_id] in trained
    }


# ---------------------------------------------------------------- answers


def _columns_of_model(table: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Return the model's columns in its order; a modality that no sample has is all NaN."""
    grouped = columns.by_modality(bundle.description["columns"])
    here = columns.by_modality(table.columns)
    missing = [name for modality, names in grouped.items() if modality in here for name in names if name not in table]
    if missing:
        raise BundleError(
            f"The cohort lacks {len(missing)} of the model's {len(bundle.description['columns'])} feature columns, "
            f"the first is {missing[0]}. Extract with the bundle's own settings."
        )
    return table.reindex(columns=bundle.description["columns"])


def _predictions(bundle: Bundle, X: pd.DataFrame, patients: pd.Series, seen: set[str]) -> pd.DataFrame:
    about = bundle.description
    far = far_outside(X, read_table(bundle.folder, "training_ranges"))
    notes = _notes(X, [trained_on(bundle, X, patients), new_sites(about, X), far])
    notes = [REFUSED if sample in seen else note for sample, note in zip(X.index, notes, strict=True)]
    parts = []
    for outcome in bundle.outcomes:
        answers = _answers(bundle, outcome, X)
        for _, name, each in by_class(answers, outcome):
            parts.append(_told(about, outcome, name, each.reindex(X.index), patients, notes))
    table = pd.concat(parts, ignore_index=True)
    place = {sample: number for number, sample in enumerate(X.index)}
    return table.iloc[table["sample_id"].map(place).argsort(kind="stable")].reset_index(drop=True)


def _told(
    about: Mapping[str, Any], outcome: Outcome, name: str, each: pd.DataFrame, patients: pd.Series, notes: list[str]
) -> pd.DataFrame:
    """Return the rows of one class of an outcome: the bundle's answer, and those of every member and fusion."""
    samples = each.index
    head = {
        "sample_id": samples,
        "patient_id": patients.loc[samples].to_numpy(),
        "outcome": outcome.name,
        "class": name,
    }
    told = pd.DataFrame(head, index=samples)
    told["probability"] = each.get(about["protocol"]["primary"])
    told = told.join(each).assign(note=notes)
    return told.assign(as_published=" ".join(about["as_published"])) if about["as_published"] else told


def _answers(bundle: Bundle, outcome: Outcome, X: pd.DataFrame) -> pd.DataFrame:
    """Return what every model of an outcome says of the rows that have a modality; no columns where none has."""
    imaged = [c for name, block in columns.by_modality(X.columns).items() if name != columns.CLINICAL for c in block]
    usable = X[imaged].notna().any(axis=1)
    models = bundle.models[outcome.name].values()
    tables = [model.predict_proba_each(X[usable]) for model in models] if usable.any() else [pd.DataFrame()]
    return pd.concat(tables, axis=1)


def _notes(X: pd.DataFrame, told: Sequence[Mapping[str, str]]) -> list[str]:
    """Return for each row what is told of it, and which modalities it lacks."""
    present = {name: X[block].notna().any(axis=1) for name, block in columns.by_modality(X.columns).items()}
    absent = [[name for name, there in present.items() if not there[sample]] for sample in X.index]
    lacking = [f"absent: {', '.join(names)}" if names else "" for names in absent]
    return [
        "; ".join(filter(None, (*(notes.get(sample) for notes in told), note)))
        for sample, note in zip(X.index, lacking, strict=True)
    ]


def trained_on(bundle: Bundle, X: pd.DataFrame, patients: pd.Series) -> dict[str, str]:
    """Return why a row is one that the bundle's models were fitted on, by sample; see ``rows_trained_on``."""
    return rows_trained_on(X, patients, _training_patients(bundle), bundle.description.get("training_rows", {}))


def _training_patients(bundle: Bundle) -> pd.Series:
    """Return the patient of each sample that the bundle's models were fitted on."""
    return read_table(bundle.folder, "predictions").drop_duplicates("sample_id").set_index("sample_id")["patient_id"]
