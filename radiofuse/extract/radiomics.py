"""RadiomicsExtractor: one image and one mask in, one vector of radiomic features out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging import RoiPair, check_pair, read_image, read_mask, read_pair
from radiofuse.imaging.memory import as_image
from radiofuse.radiomics import Settings, make_backend, read_settings
from radiofuse.store import Block

if TYPE_CHECKING:
    import SimpleITK as sitk
    from nibabel.spatialimages import SpatialImage

    Volume = str | Path | sitk.Image | SpatialImage | np.ndarray

MaskLabel = str | int | Sequence[int]


class RadiomicsExtractor:
    """Radiomic features of one region in one image.

    Parameters
    ----------
    settings : str, Path or mapping, default="default"
        Preset (``default``: 107 features, ``shi2023``: 873), pyradiomics parameter file, or mapping.
    label : "any", int or list of int, optional
        Which mask values are the region: every non-zero one, one value, or the union of several.
        Left out, the parameter file's own ``label`` holds, else that of the cohort table (1 for
        pyradiomics' batch tables), else ``"any"``.
    backend : str, default="radiofuse"
        The engine: a key of ``radiofuse.radiomics.BACKENDS`` or ``package.module:Class``.

    Examples
    --------
    >>> extractor = RadiomicsExtractor("default")
    >>> len(extractor.feature_names())
    107
    """

    def __init__(
        self,
        settings: str | Path | Mapping[str, Any] | Settings = "default",
        *,
        label: MaskLabel | None = None,
        backend: str = "radiofuse",
    ):
        self.settings = read_settings(settings)
        named = self.settings.label if label is None else label
        self.label_is_named = named is not None
        self.label = "any" if named is None else named
        self.backend = backend
        self._engine = make_backend(backend, self.settings)
        self._names = tuple(self._engine.feature_names())

    def __reduce__(self):  # rebuilt in each worker process: engines need not be picklable
        label = self.label if self.label_is_named else None
        return partial(type(self), label=label, backend=self.backend), (self.settings,)

    @property
    def reads_outside_region(self) -> bool:
        """Whether a feature depends on voxels outside the region; of engines that do not say, yes."""
        return getattr(self._engine, "reads_outside_region", True)

    def feature_names(self) -> list[str]:
        """Return the feature names, in the order of the vector."""
        return list(self._names)

    def block(self) -> Block:
        """Return what identifies these features in a store: settings, engine and library versions."""
        identity = {"settings": self.settings.identity(), "versions": self._engine.versions()}
        return Block.create(self.settings.name, self._names, identity)

    def extract(self, image: Volume, mask: Volume, *, spacing_mm: Sequence[float] | None = None) -> np.ndarray:
        """Return the feature vector of one image and mask.

        Parameters
        ----------
        image, mask : path, SimpleITK.Image, nibabel image or ndarray
            Either two files or two volumes in memory, 3-D, on one grid. Arrays have the axes (x, y, z), as
            nibabel's do.
        spacing_mm : (x, y, z), optional
            Voxel size of arrays, in mm; needed for them alone.

        Returns
        -------
        ndarray of float64, shape (n_features,)

        Raises
        ------
        ImageError
            If file, mask, region or a feature is unusable; ``code`` says why.
        RequestError
            If one is a path and the other is not, or an array comes without ``spacing_mm``.

        Examples
        --------
        >>> extractor = RadiomicsExtractor({"featureClass": {"shape": ["VoxelVolume"]}})
        >>> voxels = np.arange(1000.0).reshape(10, 10, 10)
        >>> np.asarray(extractor.extract(voxels, voxels > 499, spacing_mm=(1, 1, 2))).tolist()
        [1000.0]
        """
        return self.compute(self._pair(image, mask, spacing_mm))

    def _pair(self, image: Volume, mask: Volume, spacing_mm: Sequence[float] | None = None) -> RoiPair:
        are_paths = [isinstance(one, (str, Path)) for one in (image, mask)]
        if any(are_paths) and not (all(are_paths) and spacing_mm is None):
            raise RequestError("Image and mask are two paths, or both in memory; spacing_mm is for arrays alone.")
        if all(are_paths):
            return read_pair(image, mask, label=self.label, outside_is_read=self.reads_outside_region)
        volumes = (as_image(image, "The image", spacing_mm), as_image(mask, "The mask", spacing_mm))
        return check_pair(*volumes, label=self.label, outside_is_read=self.reads_outside_region)

    def extract_each(self, image: Volume, mask: Volume, labels: Sequence[MaskLabel]) -> np.ndarray:
        """Return one feature vector per label of one mask; filters are computed once for all of them.

        Parameters
        ----------
        image, mask : path, SimpleITK.Image or nibabel image
        labels : sequence of "any", int or list of int
            Each names a region, as ``label`` does.

        Returns
        -------
        ndarray of float64, shape (n_labels, n_features)
        """
        if isinstance(image, (str, Path)):
            image, mask = read_image(image).image, read_mask(mask).image
        else:
            image, mask = as_image(image, "The image"), as_image(mask, "The mask")
        pairs = [check_pair(image, mask, label=label) for label in labels]
        rois = [pair.roi for pair in pairs]
        image = pairs[0].image if pairs else image
        together = getattr(self._engine, "compute_each", None)
        found = together(image, rois) if together else [self._engine.compute(image, roi) for roi in rois]
        return np.array([self._vector(features) for features in found]).reshape(len(rois), len(self._names))

    def general_info(self, image: Volume, mask: Volume) -> dict[str, Any]:
        """Return pyradiomics' ``diagnostics_`` entries: versions, settings, image and mask; radiofuse's engine only."""
        pair = self._pair(image, mask)
        if not hasattr(self._engine, "general_info"):
            raise RequestError(f"The back end {self.backend!r} tells no general_info. Take radiofuse's own.")
        return self._engine.general_info(pair.image, pair.roi)

    def compute(self, pair: RoiPair) -> np.ndarray:
        """Return the feature vector, shape (n_features,), of a pair that passed the gate."""
        return self._vector(self._engine.compute(pair.image, pair.roi))

    def _vector(self, features: Mapping[str, float]) -> np.ndarray:
        missing = [name for name in self._names if name not in features]
        if missing:
            raise ImageError(
                "extraction_failed",
                f"The back end left out {len(missing)} of {len(self._names)} features, the first is {missing[0]}.",
            )
        values = np.array([features[name] for name in self._names], dtype=np.float64)
        self._refuse_non_finite(values)
        return values

    def _refuse_non_finite(self, values: np.ndarray) -> None:
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise ImageError(
                "feature_not_finite",
                f"{len(bad)} of {len(values)} features came out NaN or infinite, the first is {self._names[bad[0]]}. "
                "The region is too small, flat or scattered for these settings: look at the mask.",
            )
