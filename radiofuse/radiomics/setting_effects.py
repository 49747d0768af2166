"""Settings that nothing reads: which image types, classes and steps each key acts on, and what a file has of these."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from radiofuse.radiomics.ibsi2_rules import IBSI2, works_in_slices
from radiofuse.radiomics.ibsi_names import AGGREGATED_CLASSES, COMPLETE, IBSI_CLASSES
from radiofuse.radiomics.setting_rules import DEFAULTS, FEATURE_CLASSES, SETTINGS

MATRICES = ("glcm", "gldm", "glrlm", "glszm", "ngtdm")
SLICED = tuple(name for name, (_, aggregation) in AGGREGATED_CLASSES.items() if aggregation.startswith("2"))
PLANAR = ("Mean", "LaplacianOfGaussian", "Simoncelli")  # filter in the plane if force2D says so


def _aggregated(*matrices: str) -> tuple[str, ...]:
    return tuple(name for name in (*FEATURE_CLASSES, *IBSI_CLASSES) if name.split("-")[0] in matrices)


@dataclass(frozen=True)
class Readers:
    """What reads a key: filters, and classes that describe their images.

    Attributes
    ----------
    image_types, classes : tuple of str
    said : str
        What they are in words.
    """

    image_types: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    said: str = ""


def _of_filter(image_type: str) -> Readers:
    return Readers((image_type,), said=f"imageType {image_type}")


_OF_LEVELS = "a class that reads gray levels"
_OF_NEIGHBORS = "a class of glcm, gldm, ngtdm or ngldm"
_BINNED = Readers(
    classes=(*_aggregated("firstorder", *MATRICES, "gldzm", "ngldm"), "intensity-histogram"),
    said=_OF_LEVELS,
)
READERS = {
    "binWidth": _BINNED,
    "binCount": _BINNED,
    "distances": Readers(classes=_aggregated("glcm", "gldm", "ngtdm", "ngldm"), said=_OF_NEIGHBORS),
    "symmetricalGLCM": Readers(classes=("glcm",), said="the class glcm"),
    "weightingNorm": Readers(classes=("glcm", "glrlm"), said="the class glcm or glrlm"),
    "gldm_a": Readers(classes=_aggregated("gldm", "ngldm"), said="a class of gldm or ngldm"),
    "voxelArrayShift": Readers(classes=("firstorder",), said="the class firstorder"),
    "force2D": Readers(("Wavelet", *PLANAR), MATRICES, "pyradiomics' textures, shape2D or a filter that takes it"),
    "force2Ddimension": Readers(
        ("LBP2D", "Wavelet", *IBSI2), (*MATRICES, *SLICED), "force2D: true, a filter in slices or a class of slices"
    ),
    "sigma": _of_filter("LoG"),
    **{key: _of_filter("Wavelet") for key in ("start_level", "level", "wavelet")},
    "gradientUseSpacing": _of_filter("Gradient"),
    **{key: _of_filter(key[:5].upper()) for key in SETTINGS if key.startswith("lbp")},
}
# Of pyradiomics' classes; those of ``ibsi1_complete`` name the aggregation and the plane themselves.
AGGREGATING = ("weightingNorm", "force2D")
ON_COMPLETE = "on ibsi1_complete, whose classes name their aggregation"
# Of a key the one that turns its step on, and what a file would say.
STEPS = {
    "normalizeScale": ("normalize", "normalize: true"),
    "removeOutliers": ("normalize", "normalize: true"),
    "resampledPixelSpacing": ("interpolator", "an interpolator"),
    "interpolator": ("resampledPixelSpacing", "resampledPixelSpacing"),
    "resegmentMode": ("resegmentRange", "resegmentRange"),
    "resegmentShape": ("resegmentRange", "resegmentRange"),
}


class Unread(NamedTuple):
    """A key that nothing reads: where it stands, ``setting`` or an image type, and what it has no effect without."""

    where: str
    key: str
    why: str

    @property
    def sentence(self) -> str:
        """What and where, and what to do."""
        where = self.where if self.where == "setting" else f"imageType {self.where}"
        return f"{where}: {self.key} has no effect {self.why}; leave it out."


def unread(mapping: Mapping[str, Any]) -> Iterator[Unread]:
    """Yield each key that nothing reads; one with the value that holds anyway is left alone.

    Parameters
    ----------
    mapping : mapping
        Settings in which nothing else is wrong.

    Examples
    --------
    >>> [one.sentence for one in unread({"setting": {"removeOutliers": 3, "binWidth": 5}})]
    ['setting: removeOutliers has no effect without normalize: true; leave it out.']
    """
    setting = mapping.get("setting") or {}
    types = {name: own or {} for name, own in (mapping.get("imageType") or {"Original": {}}).items()}
    complete = bool((mapping.get("radiofuse") or {}).get("ibsi1_complete"))
    classes = COMPLETE if complete else mapping.get("featureClass") or _every_class(setting)
    # Windows of maps are flat by force2D, whatever class describes them.
    judged = [key for key in setting if not (key.startswith("force2D") and mapping.get("voxelSetting"))]
    for key in judged:
        if setting[key] != DEFAULTS[key] and (lacks := _lacking(key, setting, types, classes)):
            yield Unread("setting", key, ON_COMPLETE if complete and key in AGGREGATING else f"without {lacks}")
    general = DEFAULTS | setting
    for name, own in types.items():
        for key in (key for key in own if key in READERS and key not in IBSI2.get(name, ())):
            if own[key] != general[key] and not _is_read(key, name, general | own, classes):
                yield Unread(name, key, f"on it without {READERS[key].said}")


def _every_class(setting: Mapping[str, Any]) -> Collection[str]:
    return [name for name in FEATURE_CLASSES if name != "shape2D" or setting.get("force2D")]


def _lacking(
    key: str, setting: Mapping[str, Any], types: Mapping[str, Mapping[str, Any]], classes: Collection[str]
) -> str:
    """Return what a general key has no effect without; nothing where it has one."""
    if key in STEPS:
        switch, said = STEPS[key]
        return "" if (DEFAULTS | setting)[switch] else said
    if key == "padDistance":
        return "" if setting.get("preCrop") or _resamples(setting) else "resampledPixelSpacing or preCrop"
    if key not in READERS or (key.startswith("force2D") and _has_flat_shape(setting, classes)):
        return ""
    open_to_it = {name: own for name, own in types.items() if key not in own and not _displaced(key, own)}
    if any(_is_read(key, name, DEFAULTS | setting | own, classes) for name, own in open_to_it.items()):
        return ""
    return READERS[key].said if open_to_it else "an image type that has none of its own"


def _has_flat_shape(setting: Mapping[str, Any], classes: Collection[str]) -> bool:
    return bool(setting.get("force2D")) and "shape2D" in classes


def _resamples(setting: Mapping[str, Any]) -> bool:
    general = DEFAULTS | setting
    return general["resampledPixelSpacing"] is not None and general["interpolator"] is not None


def _displaced(key: str, own: Mapping[str, Any]) -> bool:
    """Return whether an image type's own number of bins takes the place of a width."""
    return key == "binWidth" and own.get("binCount") is not None


def _is_read(key: str, name: str, options: Mapping[str, Any], classes: Collection[str]) -> bool:
    """Return whether an image type's filter reads a key, or a class that describes its images."""
    by_filter = name in READERS[key].image_types
    by_class = READERS[key].classes
    if key == "force2D" and name in PLANAR:
        by_filter = options.get("dimensions") is None
    if key == "force2Ddimension":
        by_class = by_class if options["force2D"] else SLICED
        by_filter = works_in_slices(name, options) if name in IBSI2 else by_filter and _has_plane(name, options)
    return by_filter or any(one in by_class for one in classes)


def _has_plane(name: str, options: Mapping[str, Any]) -> bool:
    return name == "LBP2D" or options["force2D"]
