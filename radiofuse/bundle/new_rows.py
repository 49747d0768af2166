"""New patients' rows as the models of a bundle read them: features, crops, columns; which of them are not new."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.applicability import Applicability
from radiofuse.bundle.keyed_pictures import rows_seen_by
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.pictures import add_new_pictures, reads_pictures
from radiofuse.bundle.read import read_table
from radiofuse.bundle.sites import with_new_sites
from radiofuse.bundle.training_rows import rows_trained_on, training_twins
from radiofuse.errors import BundleError, ImageError, RequestError
from radiofuse.extract import Extraction, Features, RadiomicsExtractor, collect_features, has_images
from radiofuse.extract.ready_images import ready_for_features
from radiofuse.extract.spectra import collect_spectra
from radiofuse.fuse import HoldsFiles, attached, holders
from radiofuse.imaging import file_sha256
from radiofuse.imaging.atlas import atlas_file
from radiofuse.imaging.step_options import Steps
from radiofuse.progress import Meter
from radiofuse.radiomics import Settings
from radiofuse.store import FeatureStore
from radiofuse.store.picture_rows import PictureRows
from radiofuse.tables import columns

log = logging.getLogger(__name__)

SEEN = "encoder_saw_it"
REFUSED = "refused: an encoder was trained on it"
OTHER_ENGINE = "features by other versions of the engine or its libraries than in training"
UNTOLD = "whether the model was trained on it cannot be told without the key of the bundle"


@dataclass(frozen=True, eq=False)
class NewRows:
    """New patients' rows.

    Attributes
    ----------
    bundle : Bundle
        With encoders that read the patients' crops.
    X : DataFrame of shape (n_samples, n_columns)
        The columns of the model in its order, samples in the index.
    patients : Series
        The patient of each sample.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    images : DataFrame
        The rows of the cohort with the images as they were read: registered, where the recipe does so.
    spectra : DataFrame or None
        What the images are like beside their features, where features were computed of images.
    engine_note : str
        That features were computed by other versions than in training, where they were.
    """

    bundle: Bundle
    X: pd.DataFrame
    patients: pd.Series
    failures: pd.DataFrame
    images: pd.DataFrame
    spectra: pd.DataFrame | None = None
    engine_note: str = ""

    def trained_on(self) -> dict[str, str]:
        """Return why a row is one that the models, or an encoder, were fitted on, by sample."""
        updated, pseudonyms = bool(self.bundle.description.get("updates")), self.bundle.pseudonyms
        known = rows_trained_on(self.X, self.patients, self._trained, self._digests, pseudonyms, updated=updated)
        seen = self.failures.loc[self.failures["code"] == SEEN, "sample_id"]
        return known | dict.fromkeys(seen, REFUSED)

    def training_selves(self) -> dict[str, list[str]]:
        """Return as which training patients each sample may be known: by its id, its patient's, or its numbers."""
        called = str if self.bundle.pseudonyms is None else self.bundle.pseudonyms.of
        twins = training_twins(self.X, self._digests, self.bundle.pseudonyms)
        patient_of = dict(self._trained)
        selves = {}
        for sample in map(str, self.X.index):
            trained = [patient_of[one] for one in (called(sample), twins.get(sample)) if one in patient_of]
            selves[sample] = [called(self.patients[sample]), *trained]
        return selves

    @cached_property
    def places(self) -> dict[str, dict[str, Any]]:
        """Where each sample lies among the training patients, as ``Applicability.of`` returns it."""
        return Applicability(self.bundle).of(self)

    @property
    def networks(self) -> list[HoldsFiles]:
        """The networks inside the models, in the order in which they are numbered."""
        return holders(*self.bundle.models.values())

    @cached_property
    def _trained(self) -> pd.Series:
        return training_patients(self.bundle)

    @property
    def _digests(self) -> Mapping[str, str]:
        digests: Mapping[str, str] = self.bundle.description.get("training_rows", {})
        return digests

    def untold(self) -> dict[str, str]:
        """Return for every sample that nobody can tell whether it is new, where that takes a key that was not given."""
        return dict.fromkeys(map(str, self.X.index), UNTOLD) if lacks_key(self.bundle) else {}


def is_keyed(bundle: Bundle) -> bool:
    """Say whether a bundle was made for handing on: its networks know what they learned from by keyed hashes."""
    own = bundle.description.get("pseudonyms") or {}
    return bool(own.get("shared") or own.get("was_shared"))


def lacks_key(bundle: Bundle) -> bool:
    """Say whether a bundle knows its training patients by keyed hashes, and the key was not given."""
    return bundle.description.get("pseudonyms") is not None and bundle.pseudonyms is None


def training_patients(bundle: Bundle) -> pd.Series:
    """Return the patient of each sample that the bundle's models were fitted on."""
    tested = read_table(bundle.folder, "predictions").drop_duplicates("sample_id").set_index("sample_id")["patient_id"]
    others = bundle.description.get("untested_patients", {})
    trained = pd.concat([tested, pd.Series(others, dtype=tested.dtype)]) if others else tested
    called = bundle.pseudonyms
    return trained if called is None else trained.map(called.of).rename(called.of)


def collect_rows(
    bundle: Bundle,
    cohort: pd.DataFrame,
    *,
    store: str | Path,
    progress: Meter,
    n_jobs: int = 1,
    retry_failed: bool = False,
) -> NewRows:
    """Return the rows of a cohort table as a bundle's models read them, extracting what the store does not hold."""
    named = bundle.description["settings"]
    steps = named.get("images") and Steps.of({name: one for name, one in named["images"].items() if one is not None})
    _refuse_other_atlas(steps, named.get("atlas_sha256"))
    cohort, not_ready = ready_for_features(cohort, steps, store, n_jobs=n_jobs, progress=progress)
    extractor = _extractor(bundle) if has_images(cohort) else None
    options: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed}
    with progress("Fingerprinting", "files") as on_hashed, progress("Extracting", "vectors") as on_done:
        options |= {"on_hashed": on_hashed, "on_done": on_done}
        regions, region = named.get("regions", ()), named.get("region")
        features = collect_features(cohort, extractor, FeatureStore(store), regions=regions, region=region, **options)
    features = features.with_failures(not_ready)
    options |= {"failures": features.failures}
    spectra = _spectra(cohort, extractor, store, region or next(iter(regions), None), progress, **options)
    note = OTHER_ENGINE if _has_other_engine(bundle, features.extraction) else ""
    if reads_pictures(bundle.description):
        told: dict[str, Any] = {"n_jobs": n_jobs, "retry_failed": retry_failed, "progress": progress}
        features, crops = add_new_pictures(bundle.description, cohort, features, FeatureStore(store), **told)
        bundle = _reading(bundle, crops, store)
        features = _without_training_samples(features, crops, bundle, cohort)
    X = _columns_of_model(with_new_sites(bundle.description, features.table, cohort), bundle)
    return NewRows(bundle, X, cohort.set_index("sample_id")["patient_id"], features.failures, cohort, spectra, note)


def _spectra(
    cohort: pd.DataFrame,
    extractor: RadiomicsExtractor | None,
    store: str | Path,
    region: str | None,
    progress: Meter,
    **options: Any,
) -> pd.DataFrame | None:
    if extractor is None:
        return None
    with progress("Looking at intensities", "images") as on_done:
        options |= {"on_hashed": None, "on_done": on_done}
        return collect_spectra(cohort, extractor, FeatureStore(store), region, **options)


def _refuse_other_atlas(steps: Steps | None, trained: str | None) -> None:
    """Refuse an atlas other than the one on which the training images lie."""
    if steps is None or trained is None:
        return
    try:
        digest = file_sha256(atlas_file(steps.atlas))
    except (ImageError, RequestError) as error:
        raise BundleError(f"The atlas that the model's images lie on: {error}") from None
    if digest != trained:
        raise BundleError(f"{steps.atlas} is not the atlas on which the model's images lie: its bytes have changed.")


def _columns_of_model(table: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Return the model's columns in its order; a modality that no sample has is all NaN."""
    grouped = columns.by_modality(bundle.description["columns"])
    here = columns.by_modality(table.columns)
    missing = [name for modality, names in grouped.items() if modality in here for name in names if name not in table]
    if missing:
        raise BundleError(
            f"The cohort lacks {len(missing)} of the model's {len(bundle.description['columns'])} feature columns, "
            f"the first is {missing[0]}. {_whence(bundle)}"
        )
    return table.reindex(columns=bundle.description["columns"])


def _whence(bundle: Bundle) -> str:
    """Say where columns that a table lacks come from."""
    ready = bundle.description["settings"]["radiomics"] is None
    return "Bring all columns that it was trained on." if ready else "Extract with the bundle's own settings."


# ---------------------------------------------------------------- radiomics


def _extractor(bundle: Bundle) -> RadiomicsExtractor | None:
    named = bundle.description["settings"]
    if named["radiomics"] is None and reads_pictures(bundle.description):
        return None
    if named["radiomics"] is None:
        raise BundleError(
            "The model was trained on ready-made features; give <modality>__<feature> columns, not images."
        )
    radiomics = named["radiomics"]
    settings = Settings.from_json(radiomics)
    return RadiomicsExtractor(settings, label=named["mask_label"], backend=radiomics["backend"])


def _has_other_engine(bundle: Bundle, extraction: Extraction | None) -> bool:
    """Say, and warn, whether features come from other versions than those of training."""
    trained = bundle.description["settings"]["block"]
    differs = extraction is not None and extraction.block.name != trained
    if extraction is not None and differs:
        log.warning(
            "The features come from other library versions (%s) than the model was trained on (%s); "
            "probabilities may differ. manifest.json in the bundle names the versions.",
            extraction.block.name,
            trained,
        )
    return differs


# ---------------------------------------------------------------- pictures


def _reading(bundle: Bundle, crops: PictureRows, cache: str | Path) -> Bundle:
    """Return the bundle with encoders that read these crops."""
    bundle = replace(bundle, models=attached(bundle.models, crops=crops, cache=cache))
    for sentence in sorted({encoder.version_warning() for encoder in _encoders(bundle)} - {""}):
        log.warning(sentence)
    return bundle


def _encoders(bundle: Bundle) -> list[HoldsFiles]:
    return holders(*bundle.models.values())


def _without_training_samples(features: Features, crops: PictureRows, bundle: Bundle, cohort: pd.DataFrame) -> Features:
    """Empty the rows of samples that an encoder has seen, and list them as failures; the others go on."""
    encoders = _encoders(bundle)
    seen = _rows_of_training_patients(crops, bundle, cohort.set_index("sample_id")["patient_id"])
    seen = seen | rows_seen_by(encoders, crops, bundle.pseudonyms if is_keyed(bundle) else None)
    failed = [(crops.sample_ids[row], crops.modalities[row], SEEN, seen[row]) for row in sorted(seen)]
    table = features.table.copy()
    table.loc[[sample_id for sample_id, *_ in failed]] = float("nan")
    failures = pd.concat([features.failures, pd.DataFrame(failed, columns=features.failures.columns)])
    return Features(table, failures.reset_index(drop=True), features.extraction)


def _rows_of_training_patients(crops: PictureRows, bundle: Bundle, patients: pd.Series) -> dict[int, str]:
    """Return the crops of patients an encoder was trained on, whatever the sample is called, with a sentence each."""
    called, training = str if bundle.pseudonyms is None else bundle.pseudonyms.of, training_patients(bundle)
    learned_from = {called(name) for encoder in _encoders(bundle) for name in encoder.training_ids()}
    trained = set(training[training.index.isin(learned_from)])
    return {
        row: f"Sample {sample_id} ({crops.modalities[row]}) is of patient {patients[sample_id]}, whom the encoder was "
        "trained on. Ask about other patients; another one of that name needs another patient_id."
        for row, sample_id in enumerate(crops.sample_ids)
        if called(patients[sample_id]) in trained
    }
