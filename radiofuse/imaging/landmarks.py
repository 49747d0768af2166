"""Nyul's landmarks: percentiles of an image moved to where those of reference images lie.

References
----------
Nyul, Udupa, Zhang (2000). New variants of a method of MRI scale standardization. IEEE Trans Med Imaging 19:143-150.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.gate import read_image

PERCENTILES = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)


def landmarks_of(values: np.ndarray) -> np.ndarray:
    """Return the percentiles 1, 10, 20, …, 90, 99 of some intensities, shape (11,); all 0 where there is none.

    >>> landmarks_of(np.arange(101.0))[[0, 5, 10]].tolist()
    [1.0, 50.0, 99.0]
    """
    return np.percentile(values.astype(np.float64), PERCENTILES) if values.size else np.zeros(len(PERCENTILES))


def landmarks_of_file(path: str) -> np.ndarray:
    """Return the percentiles of the voxels of an image that are not 0, shape (11,).

    Raises
    ------
    ImageError
        If the file cannot be used.
    """
    image = read_image(path).image  # kept by a name: a view does not keep it alive
    voxels = sitk.GetArrayViewFromImage(image)
    return landmarks_of(voxels[voxels != 0])


def standard_scale(places: np.ndarray) -> np.ndarray:
    """Return where percentiles lie on average, on a scale on which each image's outer ones are 0 and 1, shape (11,).

    Parameters
    ----------
    places : ndarray of shape (n_images, 11)
        As ``landmarks_of`` returns them; images of one intensity are left out.

    Raises
    ------
    ImageError
        ``degenerate_intensity`` if all images are of one intensity.

    Examples
    --------
    >>> standard_scale(np.array([np.arange(11.0), 100 + 20 * np.arange(11.0)]))[[0, 5, 10]].tolist()
    [0.0, 0.5, 1.0]
    """
    spread = places[:, -1:] - places[:, :1]
    known = spread[:, 0] > 0
    if not known.any():
        raise ImageError("degenerate_intensity", "All images are of one intensity: there are no percentiles to move.")
    return ((places - places[:, :1])[known] / spread[known]).mean(axis=0)


def on_scale(values: np.ndarray, places: np.ndarray, standard: np.ndarray) -> np.ndarray:
    """Return intensities on a standard scale: straight lines between percentiles, which go on beyond the outer ones.

    Parameters
    ----------
    values : ndarray
    places : ndarray of shape (11,)
        The image's own percentiles.
    standard : ndarray of shape (11,)

    Examples
    --------
    >>> on_scale(np.array([0.0, 5.0, 12.0]), np.arange(11.0), np.linspace(0, 1, 11)).tolist()
    [0.0, 0.5, 1.2]
    """
    distinct = np.concatenate([[True], np.diff(places) > 0])
    places, standard = places[distinct], standard[distinct]
    if len(places) < 2:
        return np.zeros(values.shape)
    slopes = np.diff(standard) / np.diff(places)
    part = np.clip(np.searchsorted(places, values, side="right") - 1, 0, len(slopes) - 1)
    return standard[part] + slopes[part] * (values.astype(np.float64) - places[part])
