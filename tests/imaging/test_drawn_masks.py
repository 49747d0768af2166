"""Masks move with the image that they were drawn on, told from its grid, or are refused."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.registration import moved
from radiofuse.imaging.step_options import Steps
from radiofuse.imaging.steps import prepared
from tests.imaging.heads import brain, dice, tumor


def test_a_brain_drawn_on_the_image_registered_to_comes_along_to_the_atlas() -> None:
    atlas = brain(8)
    t2 = sitk.Resample(atlas, atlas, sitk.TranslationTransform(3, (6.0, -4.0, 2.0)), sitk.sitkLinear, 0.0)
    region = sitk.Cast(t2 != 0, sitk.sitkUInt8)
    found = prepared({"t2": t2}, {}, region, Steps(register_to="t2", atlas="a", skull=False), atlas)
    assert dice(found.images["t2"], atlas) > 0.97 and dice(found.brain, atlas) > 0.97


def test_a_mask_moves_with_the_image_that_it_was_drawn_on() -> None:
    t2, mask = brain(2), tumor(brain(2))
    moves = {"t1": (5.0, -4.0, 3.0), "flair": (-4.0, 3.0, -2.0)}
    wide = sitk.Image(50, 50, 40, sitk.sitkUInt8)  # a grid of its own for flair, none for t1
    wide.SetOrigin((-3.0, -3.0, -3.0))
    images, own = {"t2": t2}, {"t2": mask}
    for name, grid in (("t1", t2), ("flair", wide)):
        shift = sitk.TranslationTransform(3, moves[name])
        images[name] = sitk.Resample(t2, grid, shift, sitk.sitkLinear, 0.0)
        own[name] = moved(mask, grid, shift, is_mask=True)
    for masks in (own, dict.fromkeys(images, own["flair"])):
        found = prepared(images, masks, None, Steps(register_to="t2"))
        assert {name: dice(one, mask) > 0.85 for name, one in found.masks.items()} == dict.fromkeys(masks, True)


def test_a_mask_stored_along_other_axes_or_cropped_is_put_on_its_image_first() -> None:
    image, mask = brain(3), tumor(brain(3))
    stored = [mask, sitk.DICOMOrient(mask, "RAS"), mask[10:30, 8:30, 6:26]]
    for steps in (Steps(margin_mm=2.0), Steps(scale="z_score", over="region")):
        plain, *others = (prepared({"t1": image}, {"t1": one}, None, steps) for one in stored)
        for found in others:
            for one, other in ((found.images, plain.images), (found.masks, plain.masks)):
                assert one["t1"].GetOrigin() == other["t1"].GetOrigin()
                np.testing.assert_array_equal(*(sitk.GetArrayViewFromImage(of["t1"]) for of in (one, other)))


def test_a_mask_that_lies_on_no_image_of_its_sample_is_refused() -> None:
    image, mask = brain(3), tumor(brain(3))
    mask.SetOrigin((0.5, 3.0, 2.0))
    for steps in (Steps(spacing_mm=(1.0, 1.0, 1.0)), Steps(register_to="t2"), Steps(scale="z_score")):
        with pytest.raises(ImageError, match="t1: the mask does not lie on its image, nor on another") as caught:
            prepared({"t1": image, "t2": brain(4)}, {"t1": mask}, None, steps)
        assert caught.value.code == "geometry_mismatch"
    with pytest.raises(ImageError, match="brain_mask: the mask does not lie on its image"):
        prepared({"t1": image}, {}, mask, Steps(skull=False))
