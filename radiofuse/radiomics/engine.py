"""radiofuse's own engine: pyradiomics' features by name and value, computed only where the region reads them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.imaging.placed import as_simple
from radiofuse.names import on_first_use
from radiofuse.radiomics import image_types
from radiofuse.radiomics.classes import intensity_volume_histogram, local_intensity, shape, shape2d
from radiofuse.radiomics.codes import costs_one_image
from radiofuse.radiomics.ibsi_names import ORIGINAL_CLASSES
from radiofuse.radiomics.parameters import ImageType, Plan, resolve
from radiofuse.radiomics.preprocessing import Prepared, check_finite, prepare, prepare_each
from radiofuse.radiomics.region import Region
from radiofuse.radiomics.settings import NO_FEATURE, Settings
from radiofuse.radiomics.textures import TexturedRegion
from radiofuse.radiomics.textures import features as class_features

if TYPE_CHECKING:
    from radiofuse.imaging.placed import Image
diagnostics = on_first_use("radiofuse.radiomics.diagnostics")
metadata = on_first_use("importlib.metadata")

# Raised by hand when a value can change: stored features of an older number are computed again.
ENGINE_VERSION = 3
IBSI_VERSION = 4  # of what ``ibsi: true`` alone changes
SHAPE_CLASSES = ("shape", "shape2D")
ONCE = (*SHAPE_CLASSES, *ORIGINAL_CLASSES)  # on the original image, whatever image types there are
KEPT_SHAPES = 4  # regions: the modalities of a patient mostly share one mask, and shape is costly


class Engine:
    """Radiomic features of one image and region, or of several regions of one image.

    Parameters
    ----------
    settings : Settings
        What to compute; any pyradiomics parameter set.

    Raises
    ------
    RequestError
        If the settings enable no feature.

    Notes
    -----
    Threads may share an engine, but not an image: SimpleITK's images are not safe to share.

    Examples
    --------
    >>> import numpy as np, SimpleITK as sitk
    >>> from radiofuse.radiomics.settings import read_settings
    >>> noise = np.random.default_rng(0).normal(size=(12, 12, 12))
    >>> image, roi = sitk.GetImageFromArray(noise), sitk.GetImageFromArray((noise < 1).astype(np.uint8))
    >>> features = Engine(read_settings("default")).compute(image, roi)
    >>> len(features), round(features["original_shape_VoxelVolume"])
    (107, 1459)
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._plan = resolve(settings)
        self._shapes: dict[bytes, dict[str, float]] = {}
        if not self.feature_names():
            raise RequestError(NO_FEATURE)

    def feature_names(self) -> list[str]:
        """Return the names of the features in the order ``compute`` gives them."""
        shapes = [f"original_{of}_{name}" for of in ONCE for name in self._plan.classes.get(of, ())]
        images = [
            image
            for image_type in self._plan.image_types
            for image in image_types.names(image_type, self.settings.wavelet_subbands)
        ]
        per_image = [f"{of}_{name}" for of, names in self._texture_classes.items() for name in names]
        return shapes + [f"{image}_{feature}" for image in images for feature in per_image]

    @property
    def reads_outside_region(self) -> bool:
        """Say whether a feature depends on voxels outside the region, as by normalization, resampling or a filter."""
        steps = self._plan.preprocessing
        return self._reads_neighbors or steps.normalize or steps.resampled_spacing_mm is not None

    @property
    def _reads_neighbors(self) -> bool:
        """Say whether single voxels outside the region's box are read, as by a filter."""
        is_filtered = any(image_type.name != "Original" for image_type in self._plan.image_types)
        return is_filtered or "local-intensity" in self._plan.classes

    def compute(self, image: Image, roi: Image) -> dict[str, float]:
        """Return the features of the voxels where ``roi`` is 1.

        Parameters
        ----------
        image, roi : SimpleITK.Image or PlacedVoxels
            A checked pair on one grid; ``roi`` holds 0 and 1.

        Raises
        ------
        ImageError
            If the region or the image cannot carry the features asked for; ``code`` says why.
        """
        return self.compute_each(image, [roi])[0]

    def compute_each(self, image: Image, rois: Sequence[Image]) -> list[dict[str, float]]:
        """Return the features of several regions of one image, as ``compute`` would one by one.

        Filters are computed once, in the box that holds all regions, unless the settings resample the image
        or cut it to the region first: then each region has an image of its own.
        """
        with costs_one_image("radiofuse"):
            prepared = prepare_each(image, rois, self._plan, outside_is_read=self._reads_neighbors)
            # One array stands for one grid: filters then run once for all regions.
            if prepared and all(pair.array is prepared[0].array for pair in prepared):
                return self._described(prepared)
            return [self._described([pair])[0] for pair in prepared]

    def general_info(self, image: Image, roi: Image) -> dict[str, Any]:
        """Return pyradiomics' ``diagnostics_`` entries: versions, settings, image and mask at each step."""
        prepared = prepare(image, roi, self._plan)
        return diagnostics.general_info(as_simple(image), as_simple(roi), prepared, self.settings)

    def _described(self, prepared: Sequence[Prepared]) -> list[dict[str, float]]:
        """Return the features of regions that share the first one's image."""
        for pair in prepared:
            check_finite(pair)
        per_region = [self._shape_features(pair.shape_region) | self._original_features(pair) for pair in prepared]
        around = Region.around([pair.region for pair in prepared])
        source = image_types.Source(prepared[0].array, around, self.settings.wavelet_subbands)
        for image_type in self._plan.image_types:
            for name, values in image_types.filtered(source, image_type):
                for features, pair in zip(per_region, prepared, strict=True):
                    inside = values[pair.region.within(around)][pair.region.mask.view(bool)]
                    features |= self._textures(inside, pair, image_type, name)
        return per_region

    def _textures(self, inside: np.ndarray, pair: Prepared, image_type: ImageType, name: str) -> dict[str, float]:
        classes = self._texture_classes
        textured = TexturedRegion(
            inside, pair.region, image_type.texture, tuple(classes), name, self._plan.ibsi, pair.shape_region
        )
        return {f"{name}_{feature}": value for feature, value in class_features(textured, classes).items()}

    def _shape_features(self, region: Region) -> dict[str, float]:
        """Return the shape features; those of the last regions are kept, for other modalities on the same mask."""
        digest, shapes = region.digest(), self._shapes
        if digest not in shapes:
            # A new dict in place of a changed one: threads may share the engine.
            shapes = self._shapes = dict([*shapes.items(), (digest, self._shapes_of(region))][-KEPT_SHAPES:])
        return dict(shapes[digest])

    def _shapes_of(self, region: Region) -> dict[str, float]:
        plan, features = self._plan, {}
        if names := plan.classes.get("shape"):
            features |= {
                f"original_shape_{name}": value for name, value in shape.features(region, names, ibsi=plan.ibsi).items()
            }
        if names := plan.classes.get("shape2D"):
            flat = shape2d.features(region, names, flat_axis=plan.preprocessing.force2d_dimension)
            features |= {f"original_shape2D_{name}": value for name, value in flat.items()}
        return features

    def _original_features(self, pair: Prepared) -> dict[str, float]:
        """Return the features of IBSI's classes that read the original image: its intensities and their places."""
        features = {
            of: _ORIGINAL[of](pair, names, self._plan)
            for of in ORIGINAL_CLASSES
            if (names := self._plan.classes.get(of))
        }
        return {f"original_{of}_{name}": value for of, values in features.items() for name, value in values.items()}

    @property
    def _texture_classes(self) -> dict[str, tuple[str, ...]]:
        return {of: names for of, names in self._plan.classes.items() if of not in ONCE}

    def versions(self) -> dict[str, str]:
        """Return the engine and the libraries whose version can move a number."""
        return {
            "engine": f"radiofuse {ENGINE_VERSION}" + (f", IBSI {IBSI_VERSION}" if self._plan.ibsi else ""),
            "SimpleITK": metadata.version("SimpleITK"),
            "numpy": np.__version__,
            "scipy": metadata.version("scipy"),
            "PyWavelets": metadata.version("PyWavelets"),
        }


def _morphology(pair: Prepared, names: Sequence[str], plan: Plan) -> dict[str, float]:
    # It needs hulls and transforms, whose import costs others a tenth of a second.
    morphology = import_module("radiofuse.radiomics.classes.morphology")
    return morphology.features(pair.shape_region, pair.region, pair.array, names)


def _local_intensity(pair: Prepared, names: Sequence[str], plan: Plan) -> dict[str, float]:
    return local_intensity.features(pair.array, pair.region, names)


def _volume_histogram(pair: Prepared, names: Sequence[str], plan: Plan) -> dict[str, float]:
    inside = pair.array[pair.region.box][pair.region.mask.view(bool)]
    return intensity_volume_histogram.features(inside, names, plan.histogram_steps)


_ORIGINAL = {
    "morphology": _morphology,
    "local-intensity": _local_intensity,
    "intensity-volume-histogram": _volume_histogram,
}
