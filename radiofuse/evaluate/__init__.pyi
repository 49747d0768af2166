"""The names of the room; `lazy_names` reads them here too."""

from .folds import FoldResult as FoldResult
from .folds import cross_validated_predictions as cross_validated_predictions
from .folds import gather_predictions as gather_predictions
from .folds import run_folds as run_folds
from .optimism import optimism_corrected as optimism_corrected
from .out_of_bag import Bootstrap632 as Bootstrap632
from .out_of_bag import bootstrap_632 as bootstrap_632
from .permutation import permutation_test as permutation_test
from .permuted_scores import PermutationTest as PermutationTest
from .permuted_scores import permutation_test_auc as permutation_test_auc
