"""What to compute: presets and pyradiomics parameter files, read and checked once."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.radiomics.parameter_files import read_parameters
from radiofuse.radiomics.setting_rules import (
    FEATURE_CLASSES,
    IMAGE_TYPES,
    PER_IMAGE_TYPE,
    PREPROCESSING,
    SETTINGS,
    VOXEL,
    Rule,
    known_features,
)

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

NO_FEATURE = "The radiomics settings enable no feature; name at least one imageType and featureClass."

_PARTS = ("imageType", "featureClass", "setting", "voxelSetting")
_OWN_PART = "radiofuse"
_OWN_KEYS = {
    "wavelet_subbands": Rule(
        None,
        "a list of sub-bands as LLH, for two-dimensional wavelets as LH",
        lambda value: isinstance(value, list) and value != [] and all(map(_is_subband, value)),
    ),
    "ibsi": Rule(False, "true or false", lambda value: isinstance(value, bool)),
}


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
        first = {"parameters": self.parameters, "wavelet_subbands": kept}
        later = [one for one in fields(self) if one.name not in ("name", *first)]
        # Absent at the default: features stored before there was such a field keep their identity.
        own = {one.name: getattr(self, one.name) for one in later if getattr(self, one.name) != one.default}
        return first | own

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
        own = {one.name: saved[one.name] for one in fields(cls) if one.name in saved}
        kept = own.get("wavelet_subbands")
        return cls(**own | {"wavelet_subbands": tuple(kept) if kept else None})


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
    return _checked(path.stem.lower(), read_parameters(path))


def _checked(name: str, mapping: Any) -> Settings:
    if not isinstance(mapping, Mapping) or not mapping:
        raise RequestError(f"Radiomics settings {name!r} must be a mapping with the parts {sorted(_PARTS)}.")
    problems = list(_problems(mapping)) or list(_subband_problems(mapping))
    if problems:
        raise RequestError(_in_sentences(name, problems))
    own = {key: rule.default for key, rule in _OWN_KEYS.items()} | dict(mapping.get(_OWN_PART) or {})
    kept = own["wavelet_subbands"]
    return Settings(name, _plain(mapping), None if kept is None else tuple(kept), own["ibsi"])


def _in_sentences(name: str, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"Radiomics settings {name!r}: {problems[0]}"
    return "\n  - ".join([f"Radiomics settings {name!r} have {len(problems)} problems:", *problems])


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return pyradiomics' parts as JSON gives them back; an image type without settings has none of its own."""
    parts = {part: mapping[part] or {} for part in mapping if part in _PARTS}
    if "imageType" in parts:
        parts["imageType"] = {name: own or {} for name, own in parts["imageType"].items()}
    return json.loads(json.dumps(parts))


# ---------------------------------------------------------------- checks: each yields sentences


def _problems(mapping: Mapping[str, Any]) -> Iterator[str]:
    unknown = [part for part in mapping if part not in (*_PARTS, _OWN_PART)]
    if unknown:
        yield f"unknown parts {sorted(map(str, unknown))}; known are {sorted(_PARTS)}.{_nearest(unknown[0], _PARTS)}"
    parts = {part: mapping.get(part) for part in (*_PARTS, _OWN_PART)}
    odd = [part for part, content in parts.items() if not (content is None or isinstance(content, Mapping))]
    yield from (f"{part} must be a mapping, not {parts[part]!r}." for part in odd)
    parts = {part: {} if content is None or part in odd else content for part, content in parts.items()}
    yield from _entries("setting", parts["setting"], SETTINGS)
    yield from _entries("voxelSetting", parts["voxelSetting"], VOXEL)
    yield from _bin_contradiction(parts["setting"])
    for name, own in parts["imageType"].items():
        yield from _image_type(name, own, parts["setting"])
    for name, features in parts["featureClass"].items():
        yield from _feature_class(name, features, parts["setting"])
    yield from _own_part(parts[_OWN_PART])


def _entries(where: str, entries: Mapping[str, Any], rules: Mapping[str, Rule]) -> Iterator[str]:
    for key, value in entries.items():
        if key not in rules:
            yield f"{where}: {key} is unknown.{_elsewhere(key) or _nearest(key, rules)}"
        elif not rules[key].admits(value):
            yield f"{where}: {key} must be {rules[key].wants}, not {_said(value)}."


def _said(value: Any) -> str:
    if isinstance(value, str) and _is_written_number(value):
        return f"the text {value!r}; write {float(value)!r}, without quotes"
    return "null; leave it out to have the default" if value is None else repr(value)


def _is_written_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _elsewhere(key: str) -> str:
    """Return where a key belongs that stands in the wrong part."""
    homes = {"setting": SETTINGS, "voxelSetting": VOXEL, _OWN_PART: _OWN_KEYS}
    return "".join(f" It belongs under {part}." for part, keys in homes.items() if key in keys)


def _nearest(name: Any, known: Iterable[str]) -> str:
    """Return a sentence with the known name most like ``name``, or with all of them."""
    likeness = {one: _likeness(str(name).lower(), one.lower()) for one in known}
    closest = max(likeness, key=likeness.get)
    return f" The nearest known is {closest}." if likeness[closest] > 1 else f" Known are {', '.join(likeness)}."


def _likeness(name: str, other: str) -> float:
    """Return 0 to 2; letters that changed places, as in glmc, count as half a mistake."""
    pairs = (name, other), (sorted(name), sorted(other))
    return sum(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs)


def _bin_contradiction(setting: Mapping[str, Any]) -> Iterator[str]:
    if setting.get("binWidth") is not None and setting.get("binCount") is not None:
        yield "they give both binWidth and binCount; keep one of the two."


def _image_type(name: Any, own: Any, setting: Mapping[str, Any]) -> Iterator[str]:
    where = f"imageType {name}"
    if name not in IMAGE_TYPES:
        yield f"{where} is unknown.{_nearest(name, IMAGE_TYPES)}"
        return
    if not (own is None or isinstance(own, Mapping)):
        yield f"{where} must be a mapping of settings, {{}} for none, not {own!r}."
        return
    own = own or {}
    early = [key for key in own if key in PREPROCESSING]
    yield from (f"{where}: {key} acts before any filter, on all image types; move it to setting." for key in early)
    yield from _entries(where, {key: own[key] for key in own if key not in early}, PER_IMAGE_TYPE)
    yield from (f"{where}: {problem}" for problem in _bin_contradiction(own))
    if own.get("binWidth") is not None and "binCount" not in own and setting.get("binCount") is not None:
        yield f"{where}: binWidth has no effect beside setting's binCount; give binCount: null here as well."
    if name == "LoG" and not own.get("sigma", setting.get("sigma")):
        yield f"{where} has no sigma; give its widths in mm, as {{sigma: [1, 3]}}."


def _feature_class(name: Any, features: Any, setting: Mapping[str, Any]) -> Iterator[str]:
    where = f"featureClass {name}"
    if name not in FEATURE_CLASSES:
        yield f"{where} is unknown.{_nearest(name, FEATURE_CLASSES)}"
        return
    if name == "shape2D" and setting.get("force2D") is not True:
        yield f"{where} needs force2D: true under setting, and a region one voxel thick along force2Ddimension."
    if features is not None and not isinstance(features, list):
        yield f"{where} must be a list of features, [] for all of them, not {features!r}."
        return
    known = known_features(name) if features else ()
    for feature in (feature for feature in features or () if feature not in known):
        yield f"{where}: there is no feature {feature}.{_nearest(feature, known)}"


def _own_part(own: Mapping[str, Any]) -> Iterator[str]:
    unknown = [key for key in own if key not in _OWN_KEYS]
    if unknown:
        yield (
            f"radiofuse: {', '.join(map(str, unknown))} unknown; known are only ['wavelet_subbands'] and ['ibsi']."
            f"{_elsewhere(unknown[0])}"
        )
    yield from _entries(_OWN_PART, {key: own[key] for key in own if key in _OWN_KEYS}, _OWN_KEYS)


def _subband_problems(mapping: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem if the kept sub-bands have a letter too many or too few: no image would have their names."""
    kept = (mapping.get(_OWN_PART) or {}).get("wavelet_subbands") or ()
    types = mapping.get("imageType") or {}
    setting = {**(mapping.get("setting") or {}), **(types.get("Wavelet") or {})}
    n_axes = 2 if setting.get("force2D") else 3
    other = [band for band in kept if len(band) != n_axes]
    if other:
        yield f"radiofuse: wavelet_subbands {other} must have {n_axes} letters, one for each axis that is transformed."


def _is_subband(name: Any) -> bool:
    return isinstance(name, str) and len(name) in (2, 3) and set(name) <= set("LH")
