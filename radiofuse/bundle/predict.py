"""A bundle and new patients in, probabilities out."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from radiofuse.bundle.format import require_entries
from radiofuse.errors import BundleError
from radiofuse.progress import Meter, silent

log = logging.getLogger(__name__)

SEEN = "encoder_saw_it"
NEEDED = tuple(
    "label positive modalities columns as_published settings protocol settings.radiomics settings.mask_label "
    "settings.block settings.crops protocol.primary".split()
)


def predict_cohort(
    bundle: Any,
    cohort: str | Path,
    *,
    store: str | Path = "feature_store",
    n_jobs: int = 1,
    progress: Meter = silent,
    retry_failed: bool = False,
) -> tuple[Any, Any]:
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
        Columns sample_id, patient_id, probability (the bundle's answer) of the class in the column
        positive, one column per member and fusion, and note (which modalities were absent, or that an
        encoder was trained on the sample, or that the model was fitted on it). Where the bundle was made as
        published, against our own rules, also as_published, which says in what. A sample without any
        modality has empty probabilities.
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
    from radiofuse.tables.cohort import read_cohort

    require_entries(bundle.folder / "bundle.json", bundle.description, NEEDED)
    pattern = bundle.description.get("modality_pattern")
    table = modalities_of_model(read_cohort(cohort, missing_files="keep", modality_pattern=pattern), bundle)
    options = {"n_jobs": n_jobs, "retry_failed": retry_failed}
    return predict_rows(bundle, table, store=store, progress=progress, **options)


def predict_rows(bundle: Any, table: Any, *, store: str | Path, progress: Any, **options: Any) -> tuple[Any, Any]:
    from radiofuse.extract import collect_features, has_images
    from radiofuse.store import FeatureStore

    extractor = _extractor(bundle) if has_images(table) else None
    with progress("Fingerprinting", "files") as on_hashed, progress("Extracting", "vectors") as on_done:
        features = collect_features(
            table, extractor, FeatureStore(store), on_hashed=on_hashed, on_done=on_done, **options
        )
    _warn_of_other_engine(bundle, features.extraction)
    if bundle.description["settings"]["crops"] is not None:
        features, bundle = _with_crops(bundle, table, features, store, progress=progress, **options)
    X = _columns_of_model(features.table, bundle)
    seen = features.failures.loc[features.failures["code"] == SEEN, "sample_id"]
    return _predictions(bundle, X, table.set_index("sample_id")["patient_id"], set(seen)), features.failures


def _with_crops(bundle: Any, cohort: Any, features: Any, store: Any, *, progress: Any, **options: Any) -> tuple:
    """Add the columns that point at new patients' crops; return them, and the bundle with encoders that read those."""
    from radiofuse.extract import add_crops
    from radiofuse.fuse import attached, holders
    from radiofuse.imaging import Cropping
    from radiofuse.store import FeatureStore

    named = bundle.description["settings"]
    try:
        cropping = Cropping(**named["crops"])
    except TypeError as error:
        raise BundleError(f"bundle.json describes the crops in other words than this version knows: {error}.") from None
    with progress("Fingerprinting", "files") as on_hashed, progress("Cropping", "crops") as on_done:
        options |= {"label": named["mask_label"], "on_hashed": on_hashed, "on_done": on_done}
        features, crops = add_crops(features, cohort, cropping, FeatureStore(store), **options)
    model, others = attached((bundle.model, bundle.others), crops=crops, cache=store)
    bundle = replace(bundle, model=model, others=others)
    encoders = holders(model, *others.values())
    for sentence in sorted({encoder.version_warning() for encoder in encoders} - {""}):
        log.warning(sentence)
    seen = _rows_of_training_patients(bundle, cohort, crops, encoders)
    return _without_training_samples(features, crops, encoders, seen), bundle


def _rows_of_training_patients(bundle: Any, cohort: Any, crops: Any, encoders: list[Any]) -> dict[int, str]:
    """Return the crops of patients an encoder was trained on, whatever the sample is called, with a sentence each."""
    known = _training_patients(bundle)
    trained = set(known[known.index.isin({name for encoder in encoders for name in encoder.training_ids()})])
    patients = cohort.set_index("sample_id")["patient_id"]
    return {
        row: f"Sample {sample_id} ({crops.modalities[row]}) is of patient {patients[sample_id]}, whom the encoder was "
        "trained on. Ask about other patients; another one of that name needs another patient_id."
        for row, sample_id in enumerate(crops.sample_ids)
        if patients[sample_id] in trained
    }


def _without_training_samples(features: Any, crops: Any, encoders: list[Any], seen: dict[int, str]) -> Any:
    """Empty the rows of samples that an encoder has seen, and list them as failures; the others go on."""
    import pandas as pd

    from radiofuse.extract import Features

    for encoder in encoders:
        seen = seen | encoder.rows_seen(crops)
    found = [(crops.sample_ids[row], crops.modalities[row], SEEN, seen[row]) for row in sorted(seen)]
    table = features.table.copy()
    table.loc[[sample_id for sample_id, *_ in found]] = float("nan")
    failures = pd.concat([features.failures, pd.DataFrame(found, columns=features.failures.columns)])
    return Features(table, failures.reset_index(drop=True), features.extraction)


def modalities_of_model(table: Any, bundle: Any) -> Any:
    """Leave out the modalities that the model does not know, before anything is extracted."""
    from radiofuse.tables import columns

    grouped = columns.by_modality(table.columns)
    known = [name for name in grouped if name in bundle.description["modalities"]]
    if not known:
        wanted, found = ", ".join(bundle.description["modalities"]), ", ".join(grouped) or "none"
        raise BundleError(f"The model needs at least one of the modalities {wanted}; the cohort table names {found}.")
    return table[["sample_id", "patient_id", *(column for name in known for column in grouped[name])]]


def _extractor(bundle: Any) -> Any:
    from radiofuse.extract import RadiomicsExtractor
    from radiofuse.radiomics import Settings

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


def _warn_of_other_engine(bundle: Any, extraction: Any) -> None:
    trained = bundle.description["settings"]["block"]
    if extraction is not None and extraction.block.name != trained:
        log.warning(
            "The features come from other library versions (%s) than the model was trained on (%s); "
            "probabilities may differ. environment.json in the bundle names the versions.",
            extraction.block.name,
            trained,
        )


def _columns_of_model(table: Any, bundle: Any) -> Any:
    """Return the model's columns in its order; a modality that no sample has is all NaN."""
    from radiofuse.tables import columns

    grouped = columns.by_modality(bundle.description["columns"])
    here = columns.by_modality(table.columns)
    missing = [name for modality, names in grouped.items() if modality in here for name in names if name not in table]
    if missing:
        raise BundleError(
            f"The cohort lacks {len(missing)} of the model's {len(bundle.description['columns'])} feature columns, "
            f"the first is {missing[0]}. Extract with the bundle's own settings."
        )
    return table.reindex(columns=bundle.description["columns"])


def _predictions(bundle: Any, X: Any, patients: Any, seen: set[str]) -> Any:
    import pandas as pd

    from radiofuse.tables import columns

    usable = X.notna().any(axis=1)
    models = (bundle.model, *bundle.others.values())
    tables = [model.predict_proba_each(X[usable]) for model in models] if usable.any() else [pd.DataFrame()]
    each = pd.concat(tables, axis=1)
    result = pd.DataFrame({"patient_id": patients.loc[X.index]}).join(each)
    result.insert(1, "probability", each.get(bundle.description["protocol"]["primary"]))
    trained = _training_rows(bundle, X, patients)
    present = {name: X[block].notna().any(axis=1) for name, block in columns.by_modality(X.columns).items()}
    absent = [[name for name, there in present.items() if not there[sample]] for sample in X.index]
    notes = [f"absent: {', '.join(names)}" if names else "" for names in absent]
    notes = ["; ".join(filter(None, (trained.get(sample), note))) for sample, note in zip(X.index, notes, strict=True)]
    refused = "refused: an encoder was trained on it"
    result["note"] = [refused if sample in seen else note for sample, note in zip(X.index, notes, strict=True)]
    result["positive"] = bundle.description["positive"]
    if bundle.description["as_published"]:
        result["as_published"] = " ".join(bundle.description["as_published"])
    return result.rename_axis("sample_id").reset_index()


def _training_rows(bundle: Any, X: Any, patients: Any) -> dict[str, str]:
    from radiofuse.bundle.training_rows import rows_trained_on

    return rows_trained_on(X, patients, _training_patients(bundle), bundle.description.get("training_rows", {}))


def _training_patients(bundle: Any) -> Any:
    """Return the patient of each sample that the bundle's models were fitted on."""
    from radiofuse.bundle.folder import read_table

    return read_table(bundle.folder, "predictions").drop_duplicates("sample_id").set_index("sample_id")["patient_id"]
