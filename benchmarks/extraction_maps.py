"""Voxel-wise maps of both engines, class by class."""

from __future__ import annotations

import statistics

from extraction_cases import timed
from extraction_pairs import Case, brain1, data_dir, generated

from radiofuse.extract.voxel_maps import feature_maps
from radiofuse.radiomics import read_settings
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.preprocessing import prepare


def maps(repeats: int) -> None:
    """Voxel-wise maps, kernel radius 1, of brain1 or of a generated volume, class by class."""
    case = brain1(data) if (data := data_dir()) else generated(4_000)
    print("\nvoxel-wise maps, Original, kernel radius 1, CPU seconds")
    for feature_class in ("glcm", "firstorder", "glrlm", "glszm", "gldm", "ngtdm"):
        settings = {"featureClass": {feature_class: []}, "imageType": {"Original": {}}, "setting": {"binWidth": 25}}
        rounds = [maps_by_both(settings, case) for _ in range(1 if feature_class == "glcm" else repeats)]
        theirs, ours = (statistics.median(side) for side in zip(*rounds, strict=True))
        print(f"{feature_class:<12}{theirs:>9.3f}{ours:>9.4f}{theirs / ours:>8.0f}x", flush=True)


def maps_by_both(settings: dict, case: Case) -> tuple[float, float]:
    return timed(lambda: pyradiomics_maps(settings, case))[0], timed(lambda: own_maps(settings, case))[0]


def pyradiomics_maps(settings: dict, case: Case) -> dict:
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    extractor = RadiomicsFeatureExtractor({**settings, "setting": {**settings["setting"], "additionalInfo": False}})
    return extractor.execute(case.pair.image, case.pair.roi, voxelBased=True)


def own_maps(settings: dict, case: Case) -> dict:
    checked = read_settings(settings)
    plan = resolve(checked)
    return dict(feature_maps(prepare(case.pair.image, case.pair.roi, plan), plan, checked.wavelet_subbands))
