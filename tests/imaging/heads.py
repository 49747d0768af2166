"""Generated heads: a ball with smooth lumps in it, and a tumor of two labels."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk


def brain(seed: int = 0, size: tuple[int, int, int] = (40, 36, 28)) -> sitk.Image:
    """Return something with structure: a ball with smooth lumps in it."""
    rng = np.random.default_rng(seed)
    lumps = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.normal(size=size[::-1])), 2.0)
    z, y, x = np.ogrid[: size[2], : size[1], : size[0]]
    inside = sum(((at - n / 2) / (0.42 * n)) ** 2 for at, n in ((x, size[0]), (y, size[1]), (z, size[2]))) < 1
    voxels = np.where(inside, 100 + 300 * sitk.GetArrayFromImage(lumps), 0).astype(np.float32)
    return sitk.GetImageFromArray(voxels)


def tumor(image: sitk.Image) -> sitk.Image:
    voxels = np.zeros(image.GetSize()[::-1], np.uint8)
    voxels[10:18, 14:22, 16:26] = 2
    voxels[12:15, 16:20, 18:22] = 4
    mask = sitk.GetImageFromArray(voxels)
    mask.CopyInformation(image)
    return mask


def dice(one: sitk.Image, other: sitk.Image) -> float:
    first, second = (sitk.GetArrayViewFromImage(mask) != 0 for mask in (one, other))
    return 2 * (first & second).sum() / (first.sum() + second.sum())
