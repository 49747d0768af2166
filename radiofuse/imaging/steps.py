"""From images as they come to images ready for radiomics and networks: what is done, in order, and the record of it.

The order is fixed, so that a recipe says what and never when: masks of the brain, bias field, registration, spacing,
skull, cleaning of the tumor's mask, cut, intensities.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging import intensities
from radiofuse.imaging.mask_cleaning import cleaned
from radiofuse.imaging.registration import moved, register
from radiofuse.imaging.resampling import box_around, cut, upright_grid
from radiofuse.imaging.step_options import Steps

STRIPPED_SHARE = 0.5  # of an atlas' voxels that are not 0: less, and it shows a brain without its skull
VERSION = 1  # raised by hand where the same files and options would give other voxels


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
    """

    images: dict[str, sitk.Image]
    masks: dict[str, sitk.Image]
    brain: sitk.Image | None
    record: dict[str, Any]
    transforms: dict[str, sitk.Transform] = field(default_factory=dict)


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
        By modality; each mask on the grid of its image, or on that of the image or atlas registered to.
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
    sample = Prepared(dict(images), dict(masks), brain, {"version": VERSION, "steps": asdict(steps)})
    if steps.n4:
        sample = _without_bias(sample)
    if steps.register_to:
        sample = _registered(sample, steps, atlas)
    if steps.spacing_mm is not None:
        sample = _on_spacing(sample, steps.spacing_mm)
    if not steps.skull:
        sample = _without_skull(sample)
    if steps.largest_piece or steps.fill_holes or steps.least_mm3:
        sample = _cleaned(sample, steps)
    if steps.margin_mm is not None:
        sample = _cut(sample, steps.margin_mm)
    sample = _scaled(sample, steps) if steps.scale or steps.clip else sample
    return replace(sample, brain=_like(sample.brain, next(iter(sample.images.values()))))


def digest_of(steps: Steps, files: Mapping[str, str]) -> str:
    """Return what the outputs of a sample depend on: options, versions, the bytes of its files."""
    made_by = {"version": VERSION, "SimpleITK": sitk.Version.VersionString()}
    said = json.dumps({**made_by, "steps": asdict(steps), "files": dict(files)}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _without_bias(sample: Prepared) -> Prepared:
    found = {}
    for name, image in sample.images.items():
        region = _like(sample.brain, image) if sample.brain is not None else None
        found[name] = intensities.without_bias(image, image > 0 if region is None else region)
    return replace(sample, images=found)


def _like(mask: sitk.Image | None, image: sitk.Image) -> sitk.Image | None:
    """Return a mask on the grid of an image, None where there is none."""
    return None if mask is None else moved(mask, image, sitk.Transform(3, sitk.sitkIdentity), is_mask=True)


def _registered(sample: Prepared, steps: Steps, atlas: sitk.Image | None) -> Prepared:
    """Bring every image onto one of them, and that one onto the atlas; each is resampled once."""
    own = sample.images.get(steps.register_to)
    if own is None:
        raise ImageError("registration_failed", f"{steps.register_to} is absent, so nothing can be registered to it.")
    others = {name: image for name, image in sample.images.items() if name != steps.register_to}
    found = {name: register(image, own, kind=steps.transform) for name, image in others.items()}
    still: sitk.Transform = sitk.Transform(3, sitk.sitkIdentity)
    grid, last = own, still
    if atlas is not None:
        of_atlas = register(own, atlas, kind=steps.transform, brain=_shown(atlas))
        grid, last, found = atlas, of_atlas.transform, found | {steps.register_to: of_atlas}
    firsts = {name: found[name].transform if name in others else still for name in sample.images}
    ways = {name: sitk.CompositeTransform([first, last]) for name, first in firsts.items()}
    untouched = {steps.register_to} if atlas is None else set()
    images = {
        name: image if name in untouched else moved(image, grid, ways[name]) for name, image in sample.images.items()
    }
    masks = {}
    for name, mask in sample.masks.items():
        on_own, on_image = (_same_grid(mask, image) for image in (own, sample.images[name]))
        stays = not (on_own or on_image) and _same_grid(mask, grid)
        # a mask of all modalities is drawn on one of them
        masks[name] = mask if stays else moved(mask, grid, last if on_own else ways[name], is_mask=True)
    told = {name: {"mutual_information": [one.before, one.after], "worse": one.worse} for name, one in found.items()}
    kept: dict[str, sitk.Transform] = {name: way for name, way in ways.items() if name not in untouched}
    return replace(sample, images=images, masks=masks, record=sample.record | {"registration": told}, transforms=kept)


def _shown(atlas: sitk.Image) -> sitk.Image | None:
    """Return where an atlas without its skull has tissue; None where it shows the whole head."""
    shown = atlas != 0
    return shown if sitk.GetArrayViewFromImage(shown).mean() < STRIPPED_SHARE else None


def _same_grid(mask: sitk.Image, image: sitk.Image) -> bool:
    return mask.GetSize() == image.GetSize() and np.allclose(
        [*mask.GetOrigin(), *mask.GetSpacing(), *mask.GetDirection()],
        [*image.GetOrigin(), *image.GetSpacing(), *image.GetDirection()],
        atol=1e-3,
    )


def _on_spacing(sample: Prepared, spacing_mm: tuple[float, ...]) -> Prepared:
    still = sitk.Transform(3, sitk.sitkIdentity)
    grids = {name: upright_grid(image, spacing_mm) for name, image in sample.images.items()}
    images = {name: moved(image, grids[name], still) for name, image in sample.images.items()}
    masks = {name: moved(mask, grids[name], still, is_mask=True) for name, mask in sample.masks.items()}
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
        if steps.scale:
            voxels = intensities.SCALES[steps.scale](voxels, region, name)
        images[name] = sitk.GetImageFromArray(voxels.astype(np.float32))
        images[name].CopyInformation(image)
    return replace(sample, images=images)


def _voxels_of(sample: Prepared, name: str, image: sitk.Image, over: str) -> np.ndarray:
    if over == "image":
        return sitk.GetArrayViewFromImage(image) != 0
    mask = _like(sample.brain, image) if over == "brain" else sample.masks.get(name)
    if mask is None:
        lacking = "brain_mask is empty" if over == "brain" else "there is no mask"
        raise ImageError("empty_roi", f"{name}: over = {over!r} needs a mask, and {lacking}.")
    return sitk.GetArrayViewFromImage(mask) != 0
