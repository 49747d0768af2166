"""``python -m radiofuse.predict``: a bundle and new patients in, probabilities out."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse import _cli
from radiofuse.description import require_entries
from radiofuse.errors import BundleError
from radiofuse.outputs import (
    is_failures,
    is_stream,
    refuse_inputs,
    require_apart,
    require_file,
    require_folder,
    starts_with,
)
from radiofuse.wording import some

app = _cli.command_app(__doc__)
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
    progress: Any = _cli.silent,
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
    from radiofuse.cohort import read_cohort

    require_entries(bundle.folder / "bundle.json", bundle.description, NEEDED)
    pattern = bundle.description.get("modality_pattern")
    table = _modalities_of_model(read_cohort(cohort, missing_files="keep", modality_pattern=pattern), bundle)
    options = {"jobs": n_jobs, "retry_failed": retry_failed}
    return _predict_rows(bundle, table, store=store, progress=progress, **options)


def _predict_rows(bundle: Any, table: Any, *, store: str | Path, progress: Any, **options: Any) -> tuple[Any, Any]:
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


def _modalities_of_model(table: Any, bundle: Any) -> Any:
    """Leave out the modalities that the model does not know, before anything is extracted."""
    from radiofuse import columns

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
    from radiofuse import columns

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

    from radiofuse import columns

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
    from radiofuse.training_rows import rows_trained_on

    return rows_trained_on(X, patients, _training_patients(bundle), bundle.description.get("training_rows", {}))


def _training_patients(bundle: Any) -> Any:
    """Return the patient of each sample that the bundle's models were fitted on."""
    from radiofuse.bundle import read_table

    return read_table(bundle.folder, "predictions").drop_duplicates("sample_id").set_index("sample_id")["patient_id"]


def _describe_trained(predictions: Any) -> str:
    """Return a sentence about the rows that the model was fitted on, or nothing."""
    trained = predictions.loc[predictions["note"].str.startswith("trained on"), "sample_id"]
    if trained.empty:
        return ""
    return (
        f"Warning: the model was fitted on {len(trained)} of these {len(predictions)} samples ({some(trained)}): their "
        "probabilities look better than those of new patients and say nothing of how good the model is. The column "
        "note says why; predictions.csv in the bundle has their out-of-fold probabilities."
    )


@app.command()
@_cli.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    cohort: Annotated[Path, typer.Argument(help="The table of new patients.")],
    out: Annotated[Path, typer.Option(help="Where the probabilities go, a CSV file; - is the screen.")],
    jobs: Annotated[int, typer.Option(min=1, help="Processes for the extraction.")] = 1,
    store: Annotated[Path, typer.Option(help="Feature store for extracted vectors.")] = Path("feature_store"),
    retry_failed: _cli.RetryFailed = False,
    overwrite: _cli.Overwrite = False,
) -> None:
    """Apply a bundle to new patients: images in, probabilities out."""
    from radiofuse.bundle import TRUST, load_bundle
    from radiofuse.cohort import named_files, read_cohort
    from radiofuse.extract import has_images
    from radiofuse.findings import AS_PUBLISHED, list_failures
    from radiofuse.spreadsheet import write_csv

    _require_outputs(out, cohort, store, overwrite=overwrite)
    _cli.say(TRUST)
    options = {"jobs": jobs, "retry_failed": retry_failed}
    with _cli.warnings_as_sentences():
        loaded = load_bundle(bundle)
        require_entries(loaded.folder / "bundle.json", loaded.description, NEEDED)
        pattern = loaded.description.get("modality_pattern")
        rows = read_cohort(cohort, missing_files="tell", modality_pattern=pattern)
        _refuse_images(out, named_files(rows))
        rows = _modalities_of_model(rows, loaded)
        predictions, failures = _predict_rows(loaded, rows, store=store, progress=_cli.progress, **options)
    _cli.write_aside(out, partial(write_csv, predictions))
    table = _table_of_failures(out)
    told = {} if table else {"shown": len(failures)}
    _cli.say(list_failures(failures, with_images=has_images(rows), **told))
    if len(failures) and table:
        _cli.write_aside(table, partial(write_csv, failures))
        _cli.say(f"Table of failures: {table}")
    unusable = predictions.loc[predictions["probability"].isna(), "sample_id"]
    if len(unusable):
        _cli.say(f"Without a probability, for the reason in the column note: {some(unusable)}.")
    for sentence in loaded.description["as_published"]:
        _cli.say(f"{AS_PUBLISHED}: {sentence}")
    if words := _describe_trained(predictions):
        _cli.say(words)
    if table:
        about = loaded.description
        print(f"Probabilities of {about['label']} = {about['positive']}, {len(predictions)} samples: {out}")
    raise typer.Exit(_cli.INPUT if len(failures) or len(unusable) else _cli.DONE)


def _table_of_failures(out: Path) -> Path | None:
    """Return where failures go; None where the probabilities go through a stream, which names no place."""
    return None if is_stream(out) else out.with_name(f"{out.stem}_failures.csv")


def _require_outputs(out: Path, cohort: Path, store: Path, *, overwrite: bool) -> None:
    """Refuse what may not be written, before anything is read."""
    ours = starts_with("sample_id,patient_id,probability,")
    require_file(out, "--out", [cohort], ours=ours, overwrite=overwrite)
    if failures := _table_of_failures(out):
        require_file(failures, "The table of failures", [cohort], ours=is_failures, overwrite=overwrite)
    require_folder(store, "--store")
    require_apart({"--out": out, "--store": store})


def _refuse_images(out: Path, images: list[Path]) -> None:
    refuse_inputs(out, "--out", images)
    if failures := _table_of_failures(out):
        refuse_inputs(failures, "The table of failures", images)


if __name__ == "__main__":
    app()
