"""The spectra of a cohort's images, kept in the store: what they are like beside features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.extract.cohort_run import extract_cohort
from radiofuse.extract.radiomics import RadiomicsExtractor
from radiofuse.imaging import RoiPair
from radiofuse.imaging.spectrum import NAMES, spectrum
from radiofuse.store import Block, FeatureStore
from radiofuse.tables import columns

VERSION = 1  # raised when a number of a spectrum comes to mean another thing


class SpectrumExtractor:
    """The spectrum of one region in one image.

    Parameters
    ----------
    extractor : RadiomicsExtractor
        Of the features beside which the spectrum stands: whose masks, and whether of normalized images.
    """

    def __init__(self, extractor: RadiomicsExtractor) -> None:
        self._of = extractor
        self.label, self.label_is_named = extractor.label, extractor.label_is_named
        self.normalized = bool(extractor.settings.to_json()["parameters"].get("setting", {}).get("normalize", False))

    def __reduce__(self) -> tuple:  # as the extractor, whose engine need not be picklable
        return type(self), (self._of,)

    def block(self) -> Block:
        """Return what identifies spectra in a store."""
        return Block.create("spectrum", NAMES, {"version": VERSION, "normalized": self.normalized})

    def compute(self, pair: RoiPair) -> np.ndarray:
        """Return the spectrum of a pair that passed the gate."""
        return spectrum(pair, normalized=self.normalized)


def collect_spectra(
    cohort: pd.DataFrame, extractor: RadiomicsExtractor, store: FeatureStore, region: str | None, **options: Any
) -> pd.DataFrame:
    """Return the spectra of a cohort's images, computing those that the store does not hold.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    extractor : RadiomicsExtractor
    store : FeatureStore
    region : str or None
        A region that the column ``mask_regions`` names.
    **options
        Passed on to ``extract_cohort``.

    Returns
    -------
    DataFrame
        A row per sample, columns ``<modality>__<number>``; all NaN where an image is absent or could not be used,
        which is told of its features.
    """
    extraction = extract_cohort(cohort, SpectrumExtractor(extractor), store, region=region, tell=False, **options)
    table = store.read([extraction.block.name], list(cohort["sample_id"]), keys=extraction.keys)
    return table[[name for name in table if columns.is_feature(name)]]
