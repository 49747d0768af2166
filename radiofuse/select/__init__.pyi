"""The names of the room; `lazy_names` reads them here too."""

from .boruta import BorutaSelector as BorutaSelector
from .chain import SelectorChain as SelectorChain
from .chain import build_chain as build_chain
from .choices import SELECTORS as SELECTORS
from .correlation import CorrelationSelector as CorrelationSelector
from .fold_reuse import fit_in_folds as fit_in_folds
from .fold_reuse import fit_in_splits as fit_in_splits
from .kruskal import KruskalSelector as KruskalSelector
from .lasso import LassoSelector as LassoSelector
from .mann_whitney import MannWhitneySelector as MannWhitneySelector
from .mrmr import MRMRSelector as MRMRSelector
from .penalized_fit import PathEdgeWarning as PathEdgeWarning
from .recursive_elimination import RFESelector as RFESelector
from .relief import ReliefSelector as ReliefSelector
from .reproducibility import ReproducibilitySelector as ReproducibilitySelector
from .shortfall import NothingSelectedError as NothingSelectedError
from .shortfall import NothingSelectedWarning as NothingSelectedWarning
from .sorted_columns import SortedColumns as SortedColumns
from .stability_selection import StabilitySelector as StabilitySelector
from .three_step import ThreeStepSelector as ThreeStepSelector
from .univariate import AnovaSelector as AnovaSelector
from .univariate import MutualInfoSelector as MutualInfoSelector
from .univariate import TTestSelector as TTestSelector
from .univariate import VarianceSelector as VarianceSelector
from .words import Words as Words
