"""What is wrong with a mapping of radiomics settings: each check yields sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from radiofuse.names import did_you_mean
from radiofuse.radiomics import ibsi2_rules
from radiofuse.radiomics.ibsi2_rules import IBSI2
from radiofuse.radiomics.ibsi_names import AGGREGATED_CLASSES, IBSI_CLASSES
from radiofuse.radiomics.ibsi_rules import ibsi_problems
from radiofuse.radiomics.setting_effects import AGGREGATING, unread
from radiofuse.radiomics.setting_rules import (
    FEATURE_CLASSES,
    IMAGE_TYPES,
    PER_IMAGE_TYPE,
    PREPROCESSING,
    SETTINGS,
    VOXEL,
    Rule,
    integer,
    is_number,
    known_features,
    number,
    switch,
)

PARTS = ("imageType", "featureClass", "setting", "voxelSetting")
OWN_PART = "radiofuse"
OWN_KEYS = {
    "wavelet_subbands": Rule(
        None,
        "a list of sub-bands as LLH, for two-dimensional wavelets as LH",
        lambda value: isinstance(value, list) and value != [] and all(map(_is_subband, value)),
    ),
    "ibsi": switch(False),
    "round_intensities": switch(False),
    "mask_threshold": Rule(
        0.5,
        "a number above 0 and of at most 1, the share of a voxel that the mask covers",
        lambda value: is_number(value) and 0 < value <= 1,
    ),
    "outlier_sigma": number(None, above=0),
    "ivh_bin_width": number(None, above=0),
    "ivh_bin_count": integer(None, 1),
    "ibsi1_complete": switch(False),
}


def problems_of(mapping: Mapping[str, Any]) -> list[str]:
    """Return every problem; those of keys that are right by themselves only where all else is in order."""
    return list(_problems(mapping)) or [*_subband_problems(mapping), *_refused_as_unread(mapping)]


def _refused_as_unread(mapping: Mapping[str, Any]) -> Iterator[str]:
    """Yield what nothing reads and pyradiomics has not: of IBSI 2, and beside all of IBSI 1. The rest is told."""
    complete = (mapping.get(OWN_PART) or {}).get("ibsi1_complete")
    yield from (one.sentence for one in unread(mapping) if one.where in IBSI2 or (complete and one.key in AGGREGATING))


def _problems(mapping: Mapping[str, Any]) -> Iterator[str]:
    unknown = [part for part in mapping if part not in (*PARTS, OWN_PART)]
    if unknown:
        known = (*PARTS, OWN_PART)
        meant = f" It belongs under {OWN_PART}." if unknown[0] in OWN_KEYS else did_you_mean(str(unknown[0]), known)
        yield f"unknown parts {sorted(map(str, unknown))}; known are {sorted(known)}.{meant}"
    parts = {part: mapping.get(part) for part in (*PARTS, OWN_PART)}
    odd = [part for part, content in parts.items() if not (content is None or isinstance(content, Mapping))]
    yield from (f"{part} must be a mapping, not {parts[part]!r}." for part in odd)
    # What is no mapping has had its sentence; the other parts are judged all the same.
    parts = {part: {} if content is None or part in odd else content for part, content in parts.items()}
    yield from _entries("setting", parts["setting"], SETTINGS)
    yield from _entries("voxelSetting", parts["voxelSetting"], VOXEL)
    yield from _bin_contradiction(parts["setting"])
    for name, own in parts["imageType"].items():
        yield from _image_type(name, own, parts["setting"])
    for name, features in parts["featureClass"].items():
        yield from _feature_class(name, features, parts["setting"])
    yield from _own_part(parts[OWN_PART])
    yield from ibsi_problems(parts["setting"], parts["featureClass"], parts[OWN_PART])


def _entries(where: str, entries: Mapping[str, Any], rules: Mapping[str, Rule], name: str = "") -> Iterator[str]:
    for key, value in entries.items():
        if key not in rules:
            instead = f" {ibsi2_rules.ELSEWHERE[name, key]}" if (name, key) in ibsi2_rules.ELSEWHERE else ""
            yield f"{where}: {key} is unknown.{instead or _elsewhere(key) or _meant(key, rules)}"
        elif not rules[key].admits(value):
            meant = did_you_mean(value, rules[key].names) if isinstance(value, str) else ""
            yield f"{where}: {key} must be {rules[key].wants}, not {_said(value)}.{meant}"


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
    homes = {"setting": SETTINGS, "voxelSetting": VOXEL, OWN_PART: OWN_KEYS}
    return "".join(f" It belongs under {part}." for part, keys in homes.items() if key in keys)


def _meant(name: Any, known: Iterable[str]) -> str:
    """Return a sentence with the known name most like ``name``, or with all of them."""
    return did_you_mean(str(name), known) or f" Known are {', '.join(map(str, known))}."


def _bin_contradiction(setting: Mapping[str, Any]) -> Iterator[str]:
    if setting.get("binWidth") is not None and setting.get("binCount") is not None:
        yield "they give both binWidth and binCount; keep one of the two."


def _image_type(name: Any, own: Any, setting: Mapping[str, Any]) -> Iterator[str]:
    where = f"imageType {name}"
    if name not in (*IMAGE_TYPES, *IBSI2):
        yield f"{where} is unknown.{_meant(name, (*IMAGE_TYPES, *IBSI2))}"
        return
    if not (own is None or isinstance(own, Mapping)):
        yield f"{where} must be a mapping of settings, {{}} for none, not {own!r}."
        return
    own = own or {}
    # Known keys in the wrong place deserve another sentence than unknown ones.
    early = [key for key in own if key in PREPROCESSING]
    yield from (f"{where}: {key} acts before any filter, on all image types; move it to setting." for key in early)
    known = ibsi2_rules.rules(name) if name in IBSI2 else PER_IMAGE_TYPE
    yield from _entries(where, {key: own[key] for key in own if key not in early}, known, name)
    yield from (f"{where}{flaw}" for flaw in ibsi2_rules.flaws(name, own))
    yield from (f"{where}: {problem}" for problem in _bin_contradiction(own))
    if own.get("binWidth") is not None and "binCount" not in own and setting.get("binCount") is not None:
        yield f"{where}: binWidth has no effect beside setting's binCount; give binCount: null here as well."
    if name == "LoG" and not own.get("sigma", setting.get("sigma")):
        yield f"{where} has no sigma; give its widths in mm, as {{sigma: [1, 3]}}."


def _feature_class(name: Any, features: Any, setting: Mapping[str, Any]) -> Iterator[str]:
    where = f"featureClass {name}"
    if name not in (*FEATURE_CLASSES, *IBSI_CLASSES):
        yield f"{where} is unknown.{_aggregated(str(name)) or _meant(name, (*FEATURE_CLASSES, *IBSI_CLASSES))}"
        return
    if name == "shape2D" and setting.get("force2D") is not True:
        yield f"{where} needs force2D: true under setting, and a region one voxel thick along force2Ddimension."
    if features is not None and not isinstance(features, list):
        yield f"{where} must be a list of features, [] for all of them, not {features!r}."
        return
    known = known_features(name) if features else ()  # looked up in the class' module, which costs an import
    for feature in (feature for feature in features or () if feature not in known):
        yield f"{where}: there is no feature {feature}.{_meant(feature, known)}"


def _aggregated(name: str) -> str:
    """Return a sentence with the aggregations of a class' matrices, if the name is of a class that has several."""
    matrix, has_one, _ = name.partition("-")
    classes = [known for known, (of, _) in AGGREGATED_CLASSES.items() if has_one and of == matrix]
    ways = ", ".join(known.partition("-")[2] for known in classes)
    return f"{did_you_mean(name, classes)} {matrix} is aggregated as {ways}." if classes else ""


def _own_part(own: Mapping[str, Any]) -> Iterator[str]:
    unknown = [key for key in own if key not in OWN_KEYS]
    if unknown:
        yield (
            f"radiofuse: {', '.join(map(str, unknown))} unknown; known are only {', '.join(OWN_KEYS)}."
            f"{_elsewhere(unknown[0])}"
        )
    yield from _entries(OWN_PART, {key: own[key] for key in own if key in OWN_KEYS}, OWN_KEYS)


def _subband_problems(mapping: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem if the kept sub-bands have a letter too many or too few: no image would have their names."""
    subbands = (mapping.get(OWN_PART) or {}).get("wavelet_subbands") or ()
    types = mapping.get("imageType") or {}
    if subbands and "Wavelet" not in types:
        yield "radiofuse: wavelet_subbands has no effect without imageType Wavelet; add it, or leave them out."
        return
    setting = {**(mapping.get("setting") or {}), **(types.get("Wavelet") or {})}
    n_axes = 2 if setting.get("force2D") else 3
    other = [band for band in subbands if len(band) != n_axes]
    if other:
        yield f"radiofuse: wavelet_subbands {other} must have {n_axes} letters, one for each axis that is transformed."


def _is_subband(name: Any) -> bool:
    return isinstance(name, str) and len(name) in (2, 3) and set(name) <= set("LH")
