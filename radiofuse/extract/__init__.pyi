"""The names of the room; `lazy_names` reads them here too."""

from .cohort_run import Extraction as Extraction
from .cohort_run import extract_cohort as extract_cohort
from .crops import CropExtractor as CropExtractor
from .crops import CroppedCohort as CroppedCohort
from .crops import collect_crops as collect_crops
from .embeddings import EmbeddingExtractor as EmbeddingExtractor
from .perturbation import PerturbedCohort as PerturbedCohort
from .perturbation import PerturbedExtractor as PerturbedExtractor
from .perturbation import extract_perturbed as extract_perturbed
from .pictures import PicturedCohort as PicturedCohort
from .pictures import collect_pictures as collect_pictures
from .predicted_masks import make_masks as make_masks
from .radiomics import RadiomicsExtractor as RadiomicsExtractor
from .table import Features as Features
from .table import add_crops as add_crops
from .table import add_pictures as add_pictures
from .table import collect_features as collect_features
from .table import has_images as has_images
from .tasks import label_of_masks as label_of_masks
from .voxel_maps import map_cohort as map_cohort
from .voxel_maps import write_voxel_maps as write_voxel_maps
