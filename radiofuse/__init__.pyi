"""The names of the room; `lazy_names` reads them here too."""

__version__: str

from .bundle import load_bundle as load_bundle
from .bundle import predict_cohort as predict_cohort
from .bundle import save_bundle as save_bundle
from .classify import BayesianRegularizedNetwork as BayesianRegularizedNetwork
from .classify import modality_classifier as modality_classifier
from .evaluate import cross_validated_predictions as cross_validated_predictions
from .experiment import build_model as build_model
from .experiment import read_recipe as read_recipe
from .experiment import run_recipe as run_recipe
from .extract import EmbeddingExtractor as EmbeddingExtractor
from .extract import RadiomicsExtractor as RadiomicsExtractor
from .extract import collect_features as collect_features
from .fuse import ConstraintFusion as ConstraintFusion
from .fuse import LateFusion as LateFusion
from .prepare import ComBat as ComBat
from .report import write_report as write_report
from .select import CorrelationSelector as CorrelationSelector
from .select import LassoSelector as LassoSelector
from .select import MannWhitneySelector as MannWhitneySelector
from .select import ReproducibilitySelector as ReproducibilitySelector
from .select import SelectorChain as SelectorChain
from .select import ThreeStepSelector as ThreeStepSelector
from .statistics import compare_models as compare_models
from .statistics import score_predictions as score_predictions
from .store import FeatureStore as FeatureStore
from .tables import read_cohort as read_cohort
