"""What to compute: presets and pyradiomics parameter files, read and checked once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError

MAX_SETTINGS_BYTES = 1_000_000

# The 22 GLCM features of pyradiomics' exampleMR_3mm.yaml: all active ones but SumAverage
# (twice JointAverage) and MCC (newer than the published feature set).
_GLCM_22 = (
    "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
    "DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy "
    "JointEntropy MaximumProbability SumEntropy SumSquares"
).split()

# The 13 shape features active in pyradiomics 2.0.0, whose ``Volume`` counted voxels.
_SHAPE_13 = (
    "VoxelVolume SurfaceArea SurfaceVolumeRatio Sphericity Maximum3DDiameter Maximum2DDiameterSlice "
    "Maximum2DDiameterColumn Maximum2DDiameterRow MajorAxisLength MinorAxisLength LeastAxisLength Elongation Flatness"
).split()

_ALL_CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")

# MR intensities have no unit: z-scored over the image and spread by 100, so that a bin of 5 is a
# twentieth of a standard deviation and regions of a glioma span some 30 to 130 grey levels.
_MR_SETTING = {"normalize": True, "normalizeScale": 100, "voxelArrayShift": 300, "binWidth": 5}

PRESETS: dict[str, dict[str, Any]] = {
    "default": {
        "imageType": {"Original": {}},
        "featureClass": {name: [] for name in _ALL_CLASSES},
        "setting": _MR_SETTING,
    },
    # Yan et al. 2021 and Shi et al. 2023: 873 features in groups of 18 first order, 13 shape, 68 texture,
    # 430 wavelet, 258 LoG and 86 gradient. The papers name neither the sigmas nor which five of the
    # eight wavelet sub-bands they kept, nor the grey-level settings: those choices are ours.
    "shi2023": {
        "imageType": {
            "Original": {},
            "Wavelet": {"wavelet": "coif1"},
            "LoG": {"sigma": [1.0, 3.0, 5.0]},
            "Gradient": {},
        },
        "featureClass": {
            "shape": _SHAPE_13,
            "firstorder": [],
            "glcm": _GLCM_22,
            "glrlm": [],
            "glszm": [],
            "gldm": [],
        },
        "setting": _MR_SETTING,
        "radiofuse": {"wavelet_subbands": ["LLL", "LLH", "LHL", "HLL", "HHH"]},
    },
}

_PARTS = {"imageType", "featureClass", "setting", "voxelSetting"}
_OWN_PART = "radiofuse"
_OWN_KEYS = {"wavelet_subbands"}


@dataclass(frozen=True)
class Settings:
    """Checked radiomics settings.

    Attributes
    ----------
    name : str
        Preset name, or the stem of the parameter file; ``custom`` for a mapping.
    parameters : dict
        What pyradiomics takes: ``imageType``, ``featureClass``, ``setting``.
    wavelet_subbands : tuple of str or None
        The sub-bands kept of a wavelet decomposition; None keeps all.
    """

    name: str
    parameters: dict[str, Any] = field(hash=False)
    wavelet_subbands: tuple[str, ...] | None = None
    ibsi: bool = False

    @property
    def label(self) -> int | None:
        """The mask label that the parameter file itself names, if it names one."""
        return self.parameters.get("setting", {}).get("label")

    def identity(self) -> dict[str, Any]:
        """Everything the features depend on, as JSON-able data; the name is not part of it."""
        kept = list(self.wavelet_subbands) if self.wavelet_subbands else None
        return {"parameters": self.parameters, "wavelet_subbands": kept}


def read_settings(source: str | Path | Mapping[str, Any] | Settings) -> Settings:
    """Return checked settings from a preset name, a pyradiomics parameter file or a mapping.

    Parameters
    ----------
    source : str, Path, mapping or Settings
        ``"default"`` (107 features), ``"shi2023"`` (873), the path of a YAML or JSON parameter
        file as pyradiomics takes it, the same as a mapping, or settings read before.

    Returns
    -------
    Settings

    Raises
    ------
    RequestError
        If the source cannot be read or says things that contradict each other.

    Examples
    --------
    >>> read_settings("shi2023").wavelet_subbands
    ('LLL', 'LLH', 'LHL', 'HLL', 'HHH')
    """
    if isinstance(source, Settings):
        return source
    if isinstance(source, Mapping):
        return _checked("custom", source)
    if str(source) in PRESETS:
        return _checked(str(source), PRESETS[str(source)])
    path = Path(source)
    if not path.is_file():
        presets = ", ".join(sorted(PRESETS))
        raise RequestError(
            f"There is no radiomics preset or file {str(source)!r}. Choose from {presets}, or pass a file."
        )
    return _checked(path.stem.lower(), _parse(path))


def _parse(path: Path) -> Any:
    import yaml

    if path.stat().st_size > MAX_SETTINGS_BYTES:
        raise RequestError(f"{path.name} is larger than {MAX_SETTINGS_BYTES:,} bytes: not a parameter file.")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RequestError(f"{path.name} is not a readable YAML or JSON parameter file: {reason}") from error


def _checked(name: str, mapping: Any) -> Settings:
    if not isinstance(mapping, Mapping) or not mapping:
        raise RequestError(f"Radiomics settings {name!r} must be a mapping with the parts {sorted(_PARTS)}.")
    unknown = sorted(set(mapping) - _PARTS - {_OWN_PART})
    if unknown:
        raise RequestError(f"Radiomics settings {name!r} have unknown parts {unknown}; known are {sorted(_PARTS)}.")
    setting = mapping.get("setting") or {}
    if setting.get("binWidth") is not None and setting.get("binCount") is not None:
        raise RequestError(f"Radiomics settings {name!r} give both binWidth and binCount; keep one of the two.")
    own = mapping.get(_OWN_PART) or {}
    if set(own) - _OWN_KEYS:
        raise RequestError(f"Radiomics settings {name!r}: under 'radiofuse' only {sorted(_OWN_KEYS)} is known.")
    parameters = json.loads(json.dumps({part: mapping[part] for part in mapping if part in _PARTS}))
    return Settings(name, parameters, tuple(own["wavelet_subbands"]) if "wavelet_subbands" in own else None)
