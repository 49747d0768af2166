"""The names of the room; `lazy_names` reads them here too."""

from .brnn import BayesianRegularizedNetwork as BayesianRegularizedNetwork
from .choices import CLASSIFIERS as CLASSIFIERS
from .modality import modality_classifier as modality_classifier
from .recalibration import RecalibratedClassifier as RecalibratedClassifier
from .self_training import SelfTrainedClassifier as SelfTrainedClassifier
