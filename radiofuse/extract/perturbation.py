"""A whole cohort under small changes of image and mask: does a feature say the same of the same patient?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import Extraction, extract_cohort
from radiofuse.extract.one_task import Extractor
from radiofuse.imaging import RoiPair
from radiofuse.imaging.perturb import Perturbation, content_seed, perturb
from radiofuse.store import Block, FeatureStore

SCHEME = 1  # raised whenever the same seed comes to give other pairs
LIBRARIES = ("numpy", "scipy", "SimpleITK", "PyWavelets")  # whose version can move a perturbed voxel


class PerturbedExtractor:
    """The vectors of one pair under several perturbations, one after the other as one vector.

    Perturbation k is the same rotation, shift and change of volume for every pair, as a rater of an ICC is the
    same for every subject; noise and contour are drawn for each pair. They depend on the seed and on what the
    pair holds, and not on the number of perturbations.

    Parameters
    ----------
    extractor : RadiomicsExtractor
        Or anything with ``block``, ``label`` and ``compute``.
    n_perturbations : int
        Two or more.
    seed : int, default=0

    Raises
    ------
    RequestError
        If there are fewer than two perturbations, or the seed is negative.
    """

    def __init__(self, extractor: Extractor, n_perturbations: int, *, seed: int = 0):
        if n_perturbations < 2 or seed < 0:
            raise RequestError(
                f"{n_perturbations} perturbations with seed {seed} were asked for; an ICC compares at least 2, and a "
                "seed is 0 or more. Raise them."
            )
        self.extractor = extractor
        self.n_perturbations = n_perturbations
        self.seed = seed
        self.label = extractor.label
        self.label_is_named = getattr(extractor, "label_is_named", True)

    def __reduce__(self) -> tuple:  # without the block, whose many names need not travel
        return partial(type(self), seed=self.seed), (self.extractor, self.n_perturbations)

    def block(self) -> Block:
        """Return what identifies these vectors in a store: the extractor's block, perturbations and seed."""
        return self._block

    @cached_property
    def _block(self) -> Block:
        plain = self.extractor.block()
        names = [f"perturbed{k}_{name}" for k in range(self.n_perturbations) for name in plain.feature_names]
        versions = {library: version(library) for library in LIBRARIES}
        identity = {"of": plain.name, "scheme": SCHEME, "seed": self.seed, "versions": versions}
        return Block.create("perturbed", names, identity)

    def compute(self, pair: RoiPair) -> np.ndarray:
        """Return the vectors of a pair that passed the gate, shape (n_perturbations * n_features,).

        Raises
        ------
        ImageError
            If one of the perturbed pairs is of no use; the sentence says which.
        """
        content = content_seed(pair)
        return np.concatenate([self._vector(pair, content, k) for k in range(self.n_perturbations)])

    def _vector(self, pair: RoiPair, content: int, k: int) -> np.ndarray:
        change = Perturbation.draw(np.random.default_rng([self.seed, k]))
        try:
            return self.extractor.compute(perturb(pair, change, np.random.default_rng([self.seed, k, content])))
        except ImageError as error:
            raise ImageError(error.code, f"Perturbation {k + 1} of {self.n_perturbations}: {error}") from error


@dataclass(frozen=True)
class PerturbedCohort:
    """A cohort's features under perturbations, as an ICC compares them.

    Attributes
    ----------
    values : dict of str to ndarray of shape (n_features, n_patients, n_perturbations)
        By modality; of a patient with several samples the first that could be extracted.
    feature_names : tuple of str
        Without the modality.
    extraction : Extraction
        How many pairs were computed now and found in the store, and which failed: those patients are absent.
    """

    values: dict[str, np.ndarray]
    feature_names: tuple[str, ...]
    extraction: Extraction


def extract_perturbed(
    cohort: pd.DataFrame,
    extractor: Extractor,
    store: FeatureStore,
    n_perturbations: int,
    *,
    seed: int = 0,
    **options: Any,
) -> PerturbedCohort:
    """Extract every image of a cohort under small changes, computing what the store does not hold yet.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    extractor : RadiomicsExtractor
        Or anything with ``block``, ``label`` and ``compute``.
    store : FeatureStore
        Holds one vector per pair, of all its perturbations.
    n_perturbations : int
        Two or more.
    seed : int, default=0
    **options
        Passed on to ``extract_cohort``: n_jobs, cluster, retry_failed, on_hashed, on_done.

    Returns
    -------
    PerturbedCohort
    """
    extraction = extract_cohort(cohort, PerturbedExtractor(extractor, n_perturbations, seed=seed), store, **options)
    keys = _keys_of_patients(cohort, extraction)
    feature_names = extractor.block().feature_names
    values = {name: np.empty((len(own), n_perturbations, len(feature_names))) for name, own in keys.items()}
    for key, vector in store.vectors(extraction.block, {key for own in keys.values() for key in own}):
        for name, own in keys.items():
            if key in own:
                values[name][own[key]] = vector.reshape(n_perturbations, -1)
    return PerturbedCohort(
        {name: block.transpose(2, 0, 1) for name, block in values.items()}, feature_names, extraction
    )


def _keys_of_patients(cohort: pd.DataFrame, extraction: Extraction) -> dict[str, dict[str, int]]:
    """Return, by modality, the content key of each patient's first usable sample, numbered from 0.

    Rows of one patient are not independent, and the same files under two patients' names are one subject.
    """
    failed = set(zip(extraction.failures["sample_id"], extraction.failures["modality"], strict=True))
    patient_of = dict(zip(cohort["sample_id"], cohort["patient_id"], strict=True))
    first: dict[str, dict[str, str]] = {}
    for (sample_id, modality), key in extraction.keys.items():
        patients = first.setdefault(modality, {})
        if key and (sample_id, modality) not in failed:
            patients.setdefault(patient_of[sample_id], key)
    return {name: {key: n for n, key in enumerate(dict.fromkeys(own.values()))} for name, own in first.items()}
