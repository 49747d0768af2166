"""What to compute: presets and pyradiomics parameter files, read and checked once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.names import on_first_use
from radiofuse.radiomics.setting_checks import OWN_KEYS, OWN_PART, PARTS, problems_of
from radiofuse.radiomics.setting_effects import unread

parameter_files = on_first_use("radiofuse.radiomics.parameter_files")  # a preset needs no YAML

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
# twentieth of a standard deviation and regions of a glioma span some 30 to 130 gray levels.
_MR_SETTING = {"normalize": True, "normalizeScale": 100, "voxelArrayShift": 300, "binWidth": 5}

_SHI_CLASSES = {"shape": _SHAPE_13, "firstorder": [], "glcm": _GLCM_22, "glrlm": [], "glszm": [], "gldm": []}
_COIF1 = {"wavelet": "coif1"}

PRESETS: dict[str, dict[str, Any]] = {
    "default": {
        "imageType": {"Original": {}},
        "featureClass": {name: [] for name in _ALL_CLASSES},
        "setting": _MR_SETTING,
    },
    # Yan et al. 2021 and Shi et al. 2023: 873 features in groups of 18 first order, 13 shape, 68 texture,
    # 430 wavelet, 258 LoG and 86 gradient. The papers name neither the sigmas nor which five of the
    # eight wavelet sub-bands they kept, nor the gray-level settings: those choices are ours.
    "shi2023": {
        "imageType": {"Original": {}, "Wavelet": _COIF1, "LoG": {"sigma": [1.0, 3.0, 5.0]}, "Gradient": {}},
        "featureClass": _SHI_CLASSES,
        "setting": _MR_SETTING,
        "radiofuse": {"wavelet_subbands": ["LLL", "LLH", "LHL", "HLL", "HHH"]},
    },
    # The other way to 873: five and three times 86 are eight times 86, all sub-bands of one decomposition. No choice
    # of sub-bands and sigmas is left then, and the printed 258 LoG features would be three of the sub-bands.
    "shi2023_wavelet8": {
        "imageType": {"Original": {}, "Wavelet": _COIF1, "Gradient": {}},
        "featureClass": _SHI_CLASSES,
        "setting": _MR_SETTING,
    },
}

NO_FEATURE = "The radiomics settings enable no feature; name at least one imageType and featureClass."


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
    ibsi : bool
        Follow IBSI where pyradiomics departs from it; radiofuse's own engine alone can.
    round_intensities, mask_threshold, outlier_sigma
        What IBSI does beyond pyradiomics' settings; see `Preprocessing`.
    ivh_bin_width, ivh_bin_count
        Steps of the intensity-volume histogram.
    ibsi1_complete : bool
        All features of IBSI-1.
    """

    name: str
    parameters: dict[str, Any] = field(hash=False)
    wavelet_subbands: tuple[str, ...] | None = None
    ibsi: bool = False
    round_intensities: bool = False
    mask_threshold: float = 0.5
    outlier_sigma: float | None = None
    ivh_bin_width: float | None = None
    ivh_bin_count: int | None = None
    ibsi1_complete: bool = False

    @property
    def label(self) -> int | None:
        """The mask label that the parameter file itself names, if it names one."""
        return self.parameters.get("setting", {}).get("label")

    def without_effect(self) -> list[str]:
        """Return a sentence for each of pyradiomics' keys that nothing reads, as ``normalizeScale`` in these settings.

        Examples
        --------
        >>> read_settings({"setting": {"normalizeScale": 100}}).without_effect()
        ['setting: normalizeScale has no effect without normalize: true; leave it out.']
        """
        own = {OWN_PART: {"ibsi1_complete": self.ibsi1_complete}}
        return [one.sentence for one in unread(self.parameters | own)]

    def identity(self) -> dict[str, Any]:
        """Everything the features depend on, as JSON-able data; the name is not part of it."""
        subbands = list(self.wavelet_subbands) if self.wavelet_subbands else None
        first = {"parameters": _numbers_once(self.parameters), "wavelet_subbands": subbands}
        later = [field for field in fields(self) if field.name not in ("name", *first)]
        # Absent at the default: features stored before there was such a field keep their identity.
        changed = {
            field.name: _numbers_once(getattr(self, field.name))
            for field in later
            if getattr(self, field.name) != field.default
        }
        return first | changed

    def to_json(self) -> dict[str, Any]:
        """Return the name and the identity, as a bundle holds them; ``from_json`` reads them back."""
        return {"name": self.name, **self.identity()}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Settings:
        """Return the settings that ``to_json`` wrote; other keys are left alone, an absent field has its default.

        Examples
        --------
        >>> settings = read_settings("shi2023")
        >>> Settings.from_json(settings.to_json()) == settings
        True
        """
        known = {field.name: saved[field.name] for field in fields(cls) if field.name in saved}
        subbands = known.get("wavelet_subbands")
        return cls(**known | {"wavelet_subbands": tuple(subbands) if subbands else None})


def _numbers_once(value: Any, key: str = "") -> Any:
    """Return a value with 3 for 3.0, but for ``sigma``: LoG's images are called by what the file says.

    Examples
    --------
    >>> _numbers_once({"binWidth": 5.0, "sigma": [1.0], "resampledPixelSpacing": [1.0, 1.5, 0]})
    {'binWidth': 5, 'sigma': [1.0], 'resampledPixelSpacing': [1, 1.5, 0]}
    """
    if isinstance(value, Mapping):
        return {name: _numbers_once(one, name) for name, one in value.items()}
    if isinstance(value, list) and key != "sigma":
        return [_numbers_once(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def read_settings(source: str | Path | Mapping[str, Any] | Settings) -> Settings:
    """Return checked settings from a preset name, a pyradiomics parameter file or a mapping.

    Parameters
    ----------
    source : str, Path, mapping or Settings
        ``"default"`` (107 features), ``"shi2023"`` or ``"shi2023_wavelet8"`` (873), the path of a YAML or JSON
        parameter file as pyradiomics takes it, the same as a mapping, or settings read before.

    Returns
    -------
    Settings

    Raises
    ------
    RequestError
        If the source cannot be read, names something that does not exist, holds a value out of its range, or says
        things that contradict each other or would silently do nothing. The message lists every problem.

    Notes
    -----
    Beside pyradiomics' four parts a file may have a part ``radiofuse`` with ``wavelet_subbands`` (the sub-bands that
    are kept) and ``ibsi``. What pyradiomics accepts is accepted, but for values that it then fails on, settings that
    have no effect where they stand, and text in place of numbers.

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
    return _checked(path.stem.lower(), parameter_files.read_parameters(path))


def _checked(name: str, mapping: Any) -> Settings:
    if not isinstance(mapping, Mapping) or not mapping:
        raise RequestError(f"Radiomics settings {name!r} must be a mapping with the parts {sorted(PARTS)}.")
    problems = problems_of(mapping)
    if problems:
        raise RequestError(_in_sentences(name, problems))
    own = {key: rule.default for key, rule in OWN_KEYS.items()} | dict(mapping.get(OWN_PART) or {})
    subbands = own.pop("wavelet_subbands")
    return Settings(name, _plain(mapping), None if subbands is None else _in_order(subbands), **own)


def _in_order(subbands: Sequence[str]) -> tuple[str, ...]:
    """Return sub-bands each once and in one order, whatever the file's: what they are called does not depend on it.

    Examples
    --------
    >>> _in_order(["HHH", "HLL", "LLL", "LLH", "LHL"])
    ('LLL', 'LLH', 'LHL', 'HLL', 'HHH')
    """
    return tuple(sorted(sorted(set(subbands), reverse=True), key=lambda band: band.count("H")))


def _in_sentences(name: str, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"Radiomics settings {name!r}: {problems[0]}"
    return "\n  - ".join([f"Radiomics settings {name!r} have {len(problems)} problems:", *problems])


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return pyradiomics' parts as JSON gives them back; an image type without settings has none of its own."""
    parts = {part: mapping[part] or {} for part in mapping if part in PARTS}
    if "imageType" in parts:
        parts["imageType"] = {name: own or {} for name, own in parts["imageType"].items()}
    return json.loads(json.dumps(parts))
