"""From images as they come to images ready for radiomics and networks: what is done, in order, and the record of it.

The order is fixed, so that a recipe says what and never when: masks of the brain, bias field, registration, spacing,
skull, cleaning of the tumor's mask, cut, intensities.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging import intensities, registration
from radiofuse.imaging.checkerboard import checkerboard
from radiofuse.imaging.drawn_masks import ATLAS, DrawnMask, drawn_brain, drawn_masks
from radiofuse.imaging.landmarks import landmarks_of, on_scale
from radiofuse.imaging.mask_cleaning import cleaned
from radiofuse.imaging.registration import Registration, moved, register
from radiofuse.imaging.resampling import box_around, cut, upright_grid
from radiofuse.imaging.step_options import Steps

STILL = sitk.Transform(3, sitk.sitkIdentity)
Given = TypeVar("Given")

STRIPPED_SHARE = 0.5  # of an atlas' voxels that are not 0: less, and it shows a brain without its skull
VERSION = 2  # raised by hand where the same files and options would give other voxels


@dataclass(frozen=True)
class Prepared:
    """One sample after all steps.

    Attributes
    ----------
    images : dict of str to SimpleITK.Image
        By modality.
    masks : dict of str to SimpleITK.Image
        Of the tumor, by modality.
    brain : SimpleITK.Image or None
    record : dict
        What was done and found, for JSON.
    transforms : dict of str to SimpleITK.Transform
        By modality: from a place in the image registered to, to the same place in the modality's own.
    figures : dict of str to str
        By modality: what registering it did, as SVG.
    """

    images: dict[str, sitk.Image]
    masks: dict[str, sitk.Image]
    brain: sitk.Image | None
    record: dict[str, Any]
    transforms: dict[str, sitk.Transform] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)


def prepared(
    images: Mapping[str, sitk.Image],
    masks: Mapping[str, sitk.Image],
    brain: sitk.Image | None,
    steps: Steps,
    atlas: sitk.Image | None = None,
) -> Prepared:
    """Return the images of one sample after all steps.

    Parameters
    ----------
    images, masks : mapping of str to SimpleITK.Image
        By modality; each mask on the grid of an image of the sample, turned or cropped at most, or on the atlas'.
    brain : SimpleITK.Image, optional
        Likewise, of all modalities.
    steps : Steps
    atlas : SimpleITK.Image, optional
        What the image that `register_to` names is brought onto itself.

    Raises
    ------
    ImageError
        If a step cannot be taken; the message names the step and the modality.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image = sitk.GetImageFromArray(rng.normal(100, 5, (8, 8, 8)))
    >>> mask = sitk.GetImageFromArray(np.pad(np.ones((4, 4, 4), np.uint8), 2))
    >>> found = prepared({"t1": image}, {"t1": mask}, None, Steps(scale="z_score", over="region", margin_mm=1))
    >>> found.images["t1"].GetSize(), round(float(sitk.GetArrayFromImage(found.images["t1"])[1:5, 1:5, 1:5].std()), 6)
    ((6, 6, 6), 1.0)
    """
    drawn = drawn_masks(images, masks, steps.register_to, atlas)
    drawn_on_head = None if brain is None else drawn_brain(images, brain, steps.register_to, atlas)
    sample = Prepared(dict(images), dict(masks), brain, {"version": VERSION, "steps": asdict(steps)})
    if steps.n4:
        sample = _without_bias(sample, drawn_on_head)
    if steps.register_to:
        sample = _registered(sample, steps, atlas, drawn, drawn_on_head)
    else:
        sample = replace(sample, masks={name: _own(mask, name, images[name]) for name, mask in drawn.items()})
    if steps.spacing_mm is not None:
        sample = _on_spacing(sample, steps.spacing_mm)
    if not steps.skull:
        sample = _without_skull(sample)
    if steps.largest_piece or steps.fill_holes or steps.least_mm3:
        sample = _cleaned(sample, steps)
    if steps.margin_mm is not None:
        sample = _cut(sample, steps.margin_mm)
    sample = _scaled(sample, steps) if steps.scale or steps.clip or steps.divide_by else sample
    return replace(sample, brain=_like(sample.brain, next(iter(sample.images.values()))))


def digest_of(steps: Steps, files: Mapping[str, str]) -> str:
    """Return what the outputs of a sample depend on: options, versions, the bytes of its files.

    Of the atlas the name alone is an option, which names transforms; its bytes are among the files.
    """
    made_by = {"version": VERSION, "registration": registration.VERSION, "SimpleITK": sitk.Version.VersionString()}
    options = asdict(steps) | {"atlas": Path(steps.atlas).name}
    said = json.dumps({**made_by, "steps": options, "files": dict(files)}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _without_bias(sample: Prepared, brain: DrawnMask | None) -> Prepared:
    # before registration, what was drawn on the atlas says nothing of where the brain is in an image
    drawn = None if brain is None or brain.on == ATLAS else brain.mask
    found = {}
    for name, image in sample.images.items():
        region = _like(drawn, image)
        found[name] = intensities.without_bias(image, image > 0 if region is None else region)
    return replace(sample, images=found)


def _own(drawn: DrawnMask, name: str, image: sitk.Image) -> sitk.Image:
    """Return a mask on the grid of its image, resampled if it was drawn on another one of the sample."""
    return drawn.mask if drawn.on == name else moved(drawn.mask, image, STILL, is_mask=True)


def _like(mask: sitk.Image | None, image: sitk.Image) -> sitk.Image | None:
    """Return a mask on the grid of an image, None where there is none."""
    return None if mask is None else moved(mask, image, STILL, is_mask=True)


def _registered(
    sample: Prepared,
    steps: Steps,
    atlas: sitk.Image | None,
    masks: Mapping[str, DrawnMask],
    brain: DrawnMask | None,
) -> Prepared:
    """Bring every image onto one of them, and that one onto the atlas; each is resampled once, masks with it."""
    target = steps.register_to
    if target not in sample.images:
        raise ImageError("registration_failed", f"{target} is absent, so nothing can be registered to it.")
    found, ways = _ways(sample.images, steps, atlas)
    grid = sample.images[target] if atlas is None else atlas
    still = target if atlas is None else ATLAS

    def brought(image: sitk.Image, on: str, *, is_mask: bool = False) -> sitk.Image:
        return image if on == still else moved(image, grid, ways[on], is_mask=is_mask)

    return replace(
        sample,
        images={name: brought(image, name) for name, image in sample.images.items()},
        masks={name: brought(one.mask, one.on, is_mask=True) for name, one in masks.items()},
        brain=None if brain is None else brought(brain.mask, brain.on, is_mask=True),
        record=sample.record | {"registration": {name: _told(steps, name, one) for name, one in found.items()}},
        transforms={name: way for name, way in ways.items() if name != still},
        figures={name: _figure(sample, steps, atlas, name, one) for name, one in found.items()},
    )


def _ways(
    images: Mapping[str, sitk.Image], steps: Steps, atlas: sitk.Image | None
) -> tuple[dict[str, Registration], dict[str, sitk.Transform]]:
    """Return what was registered, and for each image the way from a place of the common grid to its own."""
    target = steps.register_to
    others = [name for name in images if name != target]
    found = {name: _onto(images, name, steps) for name in others}
    firsts = {name: found[name].transform if name in found else STILL for name in images}
    last = STILL
    if atlas is not None:
        found[target] = register(images[target], atlas, kind=steps.transform, brain=_shown(atlas))
        last = found[target].transform
    return found, {name: sitk.CompositeTransform([first, last]) for name, first in firsts.items()}


def _onto(images: Mapping[str, sitk.Image], name: str, steps: Steps) -> Registration:
    try:
        return register(images[name], images[steps.register_to], kind=steps.transform)
    except ImageError as error:
        raise ImageError("registration_failed", f"{name} onto {steps.register_to}: {error}") from None


def _told(steps: Steps, name: str, found: Registration) -> dict[str, Any]:
    """Return what the record says of a registration."""
    to = steps.register_to if name != steps.register_to else Path(steps.atlas).name.partition(".")[0]
    return {"to": to, "mutual_information": [found.before, found.after], "worse": found.worse}


def _figure(sample: Prepared, steps: Steps, atlas: sitk.Image | None, name: str, found: Registration) -> str:
    fixed = sample.images[steps.register_to] if atlas is None or name != steps.register_to else atlas
    as_came, registered = (moved(sample.images[name], fixed, way) for way in (STILL, found.transform))
    return checkerboard(fixed, as_came, registered, (name, _told(steps, name, found)["to"]), found)


def _shown(atlas: sitk.Image) -> sitk.Image | None:
    """Return where an atlas without its skull has tissue; None where it shows the whole head."""
    shown = atlas != 0
    return shown if sitk.GetArrayViewFromImage(shown).mean() < STRIPPED_SHARE else None


def _on_spacing(sample: Prepared, spacing_mm: tuple[float, ...]) -> Prepared:
    grids = {name: upright_grid(image, spacing_mm) for name, image in sample.images.items()}
    images = {name: moved(image, grids[name], STILL) for name, image in sample.images.items()}
    masks = {name: moved(mask, grids[name], STILL, is_mask=True) for name, mask in sample.masks.items()}
    return replace(sample, images=images, masks=masks)


def _without_skull(sample: Prepared) -> Prepared:
    if sample.brain is None:
        raise ImageError(
            "brain_missing",
            "skull = false needs a mask of the brain, and brain_mask is empty. Fill it, for instance by HD-BET or "
            "SynthStrip, or leave skull out.",
        )
    images = {
        name: sitk.Mask(sitk.Cast(image, sitk.sitkFloat32), sitk.Cast(_like(sample.brain, image), sitk.sitkUInt8))
        for name, image in sample.images.items()
    }
    return replace(sample, images=images)


def _cleaned(sample: Prepared, steps: Steps) -> Prepared:
    masks, told = {}, {}
    for name, mask in sample.masks.items():
        if not sitk.GetArrayViewFromImage(mask).any():
            raise ImageError("empty_roi", f"{name}: the mask is zero everywhere. Draw the region, or empty its cell.")
        masks[name], told[name] = cleaned(
            mask, largest=steps.largest_piece, least_mm3=steps.least_mm3, fill_holes=steps.fill_holes
        )
        if not sitk.GetArrayViewFromImage(masks[name]).any():
            raise ImageError("empty_roi", f"{name}: nothing of the mask is left after least_mm3 = {steps.least_mm3:g}.")
    return replace(sample, masks=masks, record=sample.record | {"mask": told})


def _cut(sample: Prepared, margin_mm: float) -> Prepared:
    images, masks = {}, {}
    for name, image in sample.images.items():
        mask = sample.masks.get(name)
        if mask is None or not sitk.GetArrayViewFromImage(mask).any():
            raise ImageError("empty_roi", f"{name}: margin_mm cuts around the tumor, and there is no mask of one.")
        box = box_around(mask, margin_mm)
        images[name], masks[name] = cut(image, box), cut(mask, box)
    return replace(sample, images=images, masks=masks)


def _scaled(sample: Prepared, steps: Steps) -> Prepared:
    images = {}
    for name, image in sample.images.items():
        voxels = sitk.GetArrayFromImage(image).astype(np.float64)
        region = _voxels_of(sample, name, image, steps.over)
        if not region.any():
            raise ImageError("empty_roi", f"{name}: the voxels that over = {steps.over!r} asks for are none.")
        if steps.clip is not None:
            voxels = intensities.clipped(voxels, region, (steps.clip[0], steps.clip[1]))
        if steps.landmarks is not None:
            standard = np.array(_given_for(name, steps.landmarks, "landmarks"))
            voxels = np.where(voxels != 0, on_scale(voxels, landmarks_of(voxels[region]), standard), 0.0)
        elif steps.scale:
            voxels = intensities.SCALES[steps.scale](voxels, region, name)
        if steps.divide_by is not None:
            voxels = voxels / _given_for(name, steps.divide_by, "divide_by")
        images[name] = sitk.GetImageFromArray(voxels.astype(np.float32))
        images[name].CopyInformation(image)
    return replace(sample, images=images)


def _given_for(name: str, numbers: Mapping[str, Given], entry: str) -> Given:
    if name not in numbers:
        raise ImageError("constant_missing", f"{entry} names {', '.join(numbers)}, and not {name}. Add its numbers.")
    return numbers[name]


def _voxels_of(sample: Prepared, name: str, image: sitk.Image, over: str) -> np.ndarray:
    if over == "image":
        return sitk.GetArrayViewFromImage(image) != 0
    mask = _like(sample.brain, image) if over == "brain" else sample.masks.get(name)
    if mask is None:
        lacking = "brain_mask is empty" if over == "brain" else "there is no mask"
        raise ImageError("empty_roi", f"{name}: over = {over!r} needs a mask, and {lacking}.")
    return sitk.GetArrayViewFromImage(mask) != 0
