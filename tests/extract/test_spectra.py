"""Spectra of a cohort: computed once, absent where an image is, of the masks that features read, in silence."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofuse.extract import RadiomicsExtractor
from radiofuse.extract.spectra import SpectrumExtractor, collect_spectra
from radiofuse.imaging import read_pair, write_volume
from radiofuse.imaging.spectrum import NAMES, spectrum
from radiofuse.store import FeatureStore
from radiofuse.tables.cohort import read_cohort


def test_spectra_are_computed_once_and_absent_with_their_image(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    drawn = np.zeros((12, 12, 8), np.uint8)
    drawn[3:8, 3:8, 2:4], drawn[3:8, 3:8, 4:6] = 1, 2
    write_volume(tmp_path / "mask.nii.gz", drawn, spacing_mm=(1, 1, 2))
    for name in ("a", "b", "c"):
        voxels = rng.normal(100, 9, drawn.shape).astype(np.float32)
        write_volume(tmp_path / f"{name}.nii.gz", voxels, spacing_mm=(1, 1, 2))
    (tmp_path / "cohort.csv").write_text(
        "sample_id,t1__image,t2__image,mask\np,a.nii.gz,,mask.nii.gz\nq,b.nii.gz,c.nii.gz,mask.nii.gz\n"
    )
    cohort, store = read_cohort(tmp_path / "cohort.csv"), FeatureStore(tmp_path / "store")
    extractor = RadiomicsExtractor({"setting": {"normalize": True}}, label=2)
    none = pd.DataFrame(columns=["sample_id", "modality"])
    done: list[tuple[int, int]] = []
    with caplog.at_level(logging.INFO):
        told = collect_spectra(cohort, extractor, store, None, failures=none, on_done=lambda *at: done.append(at))
        again = collect_spectra(cohort, extractor, store, None, failures=none, on_done=lambda *at: done.append(at))
    assert done == [(1, 3), (2, 3), (3, 3)] and again.equals(told) and not caplog.messages
    assert list(told) == [f"{name}__{one}" for name in ("t1", "t2") for one in NAMES]
    assert told.loc["p"].filter(like="t2__").isna().all() and told.notna().sum().sum() == 3 * len(NAMES)
    pair = read_pair(tmp_path / "b.nii.gz", tmp_path / "mask.nii.gz", label=2)
    assert np.array_equal(told.loc["q"].filter(like="t1__"), spectrum(pair, normalized=True))
    raw = SpectrumExtractor(RadiomicsExtractor({"setting": {}}, label=2))
    assert not raw.normalized and raw.block() != SpectrumExtractor(extractor).block()
    failed = pd.DataFrame([("q", "t2")], columns=["sample_id", "modality"])  # of which there are no features
    assert collect_spectra(cohort, extractor, store, None, failures=failed).loc["q"].filter(like="t2__").isna().all()
    assert cohort["t2__image"].str.endswith("c.nii.gz").sum() == 1  # the table is left as it was
    other = FeatureStore(tmp_path / "other")
    assert collect_spectra(cohort, extractor, other, None, failures=none, n_jobs=2).equals(told)  # by other processes
