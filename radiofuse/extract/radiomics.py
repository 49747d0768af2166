"""RadiomicsExtractor: one image and one mask in, one vector of radiomic features out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.named import named_features, named_regions
from radiofuse.imaging import RoiPair, check_pair, read_mask, read_pair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.memory import as_image
from radiofuse.imaging.padding import padding_told
from radiofuse.names import on_first_use
from radiofuse.radiomics import Settings, make_backend, read_settings
from radiofuse.radiomics.engine import Engine
from radiofuse.store import Block

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    import pandas as pd
    import SimpleITK as sitk
    from nibabel.spatialimages import SpatialImage

    Volume = str | Path | sitk.Image | SpatialImage | np.ndarray
else:
    pd = on_first_use("pandas")


class RadiomicsExtractor:
    """Radiomic features of one region in one image.

    Parameters
    ----------
    settings : str, Path or mapping, default="default"
        Preset (``default``: 107 features, ``shi2023`` and ``shi2023_wavelet8``: 873), pyradiomics parameter file, or
        mapping.
    label : "any", int or list of int, optional
        Which mask values are the region: every non-zero one, one value, or the union of several.
        Left out, the parameter file's own ``label`` holds, else that of the cohort table (1 for
        pyradiomics' batch tables), else ``"any"``.
    backend : str, default="radiofuse"
        The engine: a key of ``radiofuse.radiomics.BACKENDS`` or ``package.module:Class``.

    See Also
    --------
    EmbeddingExtractor : Features by a trained network.
    collect_features : A cohort through an extractor, as one table.

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
        if settings is not self.settings:  # those that were read before were told of then
            for sentence in self.settings.without_effect():
                log.warning("Radiomics settings %r: %s", self.settings.name, sentence)
        named = self.settings.label if label is None else label
        self.label_is_named = named is not None
        self.label = "any" if named is None else named
        self.backend = backend
        self._engine = make_backend(backend, self.settings)
        self._names = tuple(self._engine.feature_names())

    def __reduce__(self) -> tuple:  # rebuilt in each worker process: engines need not be picklable
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
        return self._block

    @cached_property
    def _block(self) -> Block:
        identity = {"settings": self.settings.identity(), "versions": self._engine.versions()}
        return Block.create(self.settings.name, self._names, identity)

    def extract(
        self, image: Volume, mask: Volume, *, spacing_mm: Sequence[float] | None = None, as_array: bool = False
    ) -> pd.Series | np.ndarray:
        """Return the features of one image and mask, by name.

        Parameters
        ----------
        image, mask : path, SimpleITK.Image, nibabel image or ndarray
            Either two files or two volumes in memory, 3-D, on one grid. Arrays have the axes (x, y, z), as
            nibabel's do.
        spacing_mm : (x, y, z), optional
            Voxel size of arrays, in mm; needed for them alone.
        as_array : bool, default=False
            Return the values alone, in the order of ``feature_names``.

        Returns
        -------
        Series of float64, indexed by feature name, or ndarray of shape (n_features,)
            ``features.to_csv("features.csv")`` writes a line per feature,
            ``features.to_frame("patient 1").T.to_csv("features.csv")`` a line per patient. The features of
            a whole cohort become a CSV by ``python -m radiofuse.extract`` and ``python -m radiofuse.store export``.

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
        >>> features = extractor.extract(voxels, voxels > 499, spacing_mm=(1, 1, 2))
        >>> print(features.to_frame("patient 1").T.to_csv())
        ,original_shape_VoxelVolume
        patient 1,1000.0
        <BLANKLINE>
        """
        vector = self.compute(self._pair(image, mask, spacing_mm, self.label))
        return vector if as_array else named_features(vector, self._index, self.settings.name)

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self._names, name="feature")

    def execute(
        self, image: Volume, mask: Volume, label: MaskLabel | None = None, *, spacing_mm: Sequence[float] | None = None
    ) -> dict[str, float]:
        """Return the features as a dict, as pyradiomics' ``RadiomicsFeatureExtractor.execute`` does.

        Nothing of pandas is imported for it, which takes longer than the features of a small region. The dict has no
        ``diagnostics_`` entries: ``general_info`` returns them.

        Parameters
        ----------
        image, mask, spacing_mm
            As for ``extract``.
        label : "any", int or list of int, optional
            The region, in place of the extractor's own; pyradiomics takes 1 where nothing names another.

        Returns
        -------
        dict of str to float
            In the order of ``feature_names``.

        Examples
        --------
        >>> extractor = RadiomicsExtractor({"featureClass": {"shape": ["VoxelVolume"]}})
        >>> voxels = np.arange(1000.0).reshape(10, 10, 10)
        >>> extractor.execute(voxels, np.digitize(voxels, [500, 800]), 2, spacing_mm=(1, 1, 2))
        {'original_shape_VoxelVolume': 400.0}
        """
        pair = self._pair(image, mask, spacing_mm, self.label if label is None else label)
        return dict(zip(self._names, self.compute(pair).tolist(), strict=True))

    def _pair(self, image: Volume, mask: Volume, spacing_mm: Sequence[float] | None, label: MaskLabel) -> RoiPair:
        if isinstance(image, (str, Path)) and isinstance(mask, (str, Path)) and spacing_mm is None:
            return read_pair(image, mask, label=label, outside_is_read=self.reads_outside_region)
        if isinstance(image, (str, Path)) or isinstance(mask, (str, Path)):
            raise RequestError("Image and mask are two paths, or both in memory; spacing_mm is for arrays alone.")
        volumes = (as_image(image, "The image", spacing_mm), as_image(mask, "The mask", spacing_mm))
        return check_pair(*volumes, label=label, outside_is_read=self.reads_outside_region)

    def extract_each(
        self,
        image: Volume,
        mask: Volume,
        labels: Sequence[MaskLabel],
        *,
        spacing_mm: Sequence[float] | None = None,
        as_array: bool = False,
    ) -> pd.DataFrame | np.ndarray:
        """Return the features of several regions of one mask; filters are computed once for all of them.

        Parameters
        ----------
        image, mask, spacing_mm
            As for ``extract``.
        labels : sequence of "any", int or list of int
            Each names a region, as ``label`` does.
        as_array : bool, default=False
            Return the values alone.

        Returns
        -------
        DataFrame of float64, or ndarray, shape (n_labels, n_features)
            A row per region, by its label (``"1, 4"`` for ``[1, 4]``); ``regions.to_csv("regions.csv")`` writes it.

        Examples
        --------
        >>> extractor = RadiomicsExtractor({"featureClass": {"shape": ["VoxelVolume"]}})
        >>> voxels = np.arange(1000.0).reshape(10, 10, 10)
        >>> mask = np.digitize(voxels, [500, 800])
        >>> regions = extractor.extract_each(voxels, mask, [1, [1, 2]], spacing_mm=(1, 1, 1))
        >>> print(regions.to_csv())
        label,original_shape_VoxelVolume
        1,300.0
        "1, 2",500.0
        <BLANKLINE>
        """
        pairs = self._pairs(image, mask, spacing_mm, labels)
        vectors = self._vectors(pairs)
        if as_array:
            return vectors
        return named_regions(vectors, self._index, labels)

    def _pairs(
        self, image: Volume, mask: Volume, spacing_mm: Sequence[float] | None, labels: Sequence[MaskLabel]
    ) -> list[RoiPair]:
        """Return a region per label, all on one image, which is read once."""
        pairs = [self._pair(image, mask, spacing_mm, label) for label in labels[:1]]
        if len(labels) > 1:
            drawn = read_mask(mask).image if isinstance(mask, (str, Path)) else as_image(mask, "The mask", spacing_mm)
            check = partial(check_pair, pairs[0].volume, drawn, outside_is_read=self.reads_outside_region)
            pairs += [check(label=label) for label in labels[1:]]
        return pairs

    def _vectors(self, regions: list[RoiPair]) -> np.ndarray:
        """Return the vectors, shape (n_regions, n_features), of regions of one image."""
        together = getattr(self._engine, "compute_each", None)
        if regions and together:
            reads_arrays = isinstance(self._engine, Engine)
            rois = [pair.region if reads_arrays else pair.roi for pair in regions]
            found = together(regions[0].volume if reads_arrays else regions[0].image, rois)
        else:
            found = [self._computed(pair) for pair in regions]
        return np.array([self._vector(features) for features in found]).reshape(len(regions), len(self._names))

    def _computed(self, pair: RoiPair) -> Mapping[str, float]:
        if isinstance(self._engine, Engine):
            return self._engine.compute(pair.volume, pair.region)
        return self._engine.compute(pair.image, pair.roi)

    def general_info(self, image: Volume, mask: Volume, *, spacing_mm: Sequence[float] | None = None) -> dict[str, Any]:
        """Return pyradiomics' ``diagnostics_`` entries: versions, settings, image and mask; radiofuse's engine only."""
        pair = self._pair(image, mask, spacing_mm, self.label)
        if not hasattr(self._engine, "general_info"):
            raise RequestError(f"The back end {self.backend!r} tells no general_info. Take radiofuse's own.")
        return self._engine.general_info(pair.image, pair.roi)

    def compute(self, pair: RoiPair) -> np.ndarray:
        """Return the feature vector, shape (n_features,), of a pair that passed the gate."""
        with padding_told(pair.notes):
            return self._vector(self._computed(pair))

    def compute_each(self, pairs: Sequence[RoiPair]) -> np.ndarray:
        """Return the vectors, shape (n_regions, n_features), of regions of one image, filtered once for all."""
        return self._vectors(list(pairs))

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
            instead = " in place of ibsi1_complete" if self.settings.ibsi1_complete else ""
            raise ImageError(
                "feature_not_finite",
                f"{len(bad)} of {len(values)} features came out NaN or infinite, the first is {self._names[bad[0]]}. "
                "The region is too small, flat or scattered for these settings: look at the mask, or name "
                f"under featureClass{instead} the classes and features that it has.",
            )
