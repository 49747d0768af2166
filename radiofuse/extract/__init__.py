"""An image and its mask to a named vector, and a whole cohort through it."""

from __future__ import annotations

from radiofuse.names import lazy_names

_HOME = {
    "CropExtractor": "crops",
    "CroppedCohort": "crops",
    "EmbeddingExtractor": "embeddings",
    "Extraction": "cohort_run",
    "Features": "table",
    "PerturbedCohort": "perturbation",
    "PerturbedExtractor": "perturbation",
    "RadiomicsExtractor": "radiomics",
    "collect_crops": "crops",
    "add_crops": "table",
    "collect_features": "table",
    "extract_cohort": "cohort_run",
    "extract_perturbed": "perturbation",
    "has_images": "table",
    "label_of_masks": "cohort_run",
    "map_cohort": "voxel_maps",
    "write_voxel_maps": "voxel_maps",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
