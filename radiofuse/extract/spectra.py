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
    cohort: pd.DataFrame,
    extractor: RadiomicsExtractor,
    store: FeatureStore,
    region: str | None,
    *,
    failures: pd.DataFrame,
    n_jobs: int = 1,
    **options: Any,
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
    failures : DataFrame
        Columns sample_id and modality: images of which there are no features, and no spectra either.
    n_jobs : int, default=1
        Child processes; of one, this process computes: it takes less time than to start another one.
    **options
        Passed on to ``extract_cohort``.

    Returns
    -------
    DataFrame
        A row per sample, columns ``<modality>__<number>``; all NaN where an image is absent or could not be used,
        which is told of its features.
    """
    usable = cohort.set_index("sample_id", drop=False).rename_axis(index=None)
    for sample, modality in failures[["sample_id", "modality"]].itertuples(index=False):
        image = columns.join(modality.partition(columns.SEPARATOR)[0], "image")
        if image in usable:
            usable.loc[sample, image] = ""
    options |= {"tell": False, "here": n_jobs == 1, "n_jobs": n_jobs}
    extraction = extract_cohort(usable, SpectrumExtractor(extractor), store, region=region, **options)
    table = store.read([extraction.block.name], list(cohort["sample_id"]), keys=extraction.keys)
    return table[[name for name in table if columns.is_feature(name)]]
