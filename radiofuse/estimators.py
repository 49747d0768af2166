"""What the package asks of a model that is handed to it, for type checkers: scikit-learn's contract in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Seed = int | np.random.RandomState | None


class Estimator(Protocol):
    """What can be cloned and fitted."""

    def fit(self, X: Any, y: Any, /) -> Any:
        """Fit to rows and their labels."""

    def get_params(self, deep: bool = True) -> Mapping[str, Any]:
        """Return the arguments it was made with."""

    def set_params(self, **params: Any) -> Self:
        """Change arguments it was made with."""


class Classifier(Estimator, Protocol):
    """What answers with a probability per class."""

    def predict_proba(self, X: Any, /) -> np.ndarray:
        """Return the probability of each class, columns in the order of ``classes_``."""


class Answering(Protocol):
    """A model of an experiment: it answers under its own names, be it one or those of its members and fusions."""

    def fit(self, X: Any, y: Any, groups: Any = None) -> Any:
        """Fit to rows, their labels and their patients."""

    def predict_proba_each(self, X: Any, /) -> pd.DataFrame:
        """Return the probability of the positive class, a column per answer; NaN where a row cannot be answered.

        Of more than two classes the columns are pairs of answer and class.
        """


class Weighing(Protocol):
    """A fitted model that weighs its members anew in every row."""

    def modality_weights(self, X: Any, /) -> pd.DataFrame:
        """Return the weight of each member, a column, in each row."""

    def predict(self, X: Any, /) -> np.ndarray:
        """Return the class that each row is called."""


class Explaining(Protocol):
    """A fitted model that says what each member contributed to its answer, and how sure its weights are."""

    out_of_fold_: pd.DataFrame | None  # what its weights were learned from, by row; None if none were

    def contributions(self, X: Any, /) -> pd.DataFrame:
        """Return contributions in log-odds, a column per member, of several classes per member and class."""

    def weight_intervals(
        self, y: Any, groups: Any = None, *, n_resamples: int = 200, random_state: Seed = None
    ) -> pd.DataFrame:
        """Return learned weights with low and high over resampled patients of the rows that it was fitted on."""


class Findings(NamedTuple):
    """What a fitted model of members offers to be recorded of it."""

    columns: dict[str, list[str]]  # what each member reads, in the order of the members
    chains: dict[str, Any]  # of those members that are pipelines with a selection
    weights: pd.DataFrame  # fusion, member, weight; class where weights differ by class
    chosen: dict[str, dict[str, str]] = {}  # of combiners that chose something: option and value
    weighing: Weighing | None = None  # the model itself, where its weights differ by row
    explaining: Explaining | None = None  # the model itself, where members contribute to its answer
    pseudo_labels: pd.DataFrame | None = None  # a row on what a self-trained model kept of them


@runtime_checkable
class OffersFindings(Protocol):
    """A model that says itself what folds should record of it."""

    classes_: np.ndarray

    def findings(self) -> Any:
        """Return what was selected and how members weigh, once fitted."""


class Selector(Estimator, Protocol):
    """What keeps some of the columns."""

    def get_support(self, indices: bool = False) -> np.ndarray:
        """Say which columns stay."""


class Splitter(Protocol):
    """What deals rows into folds."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows to learn from and the rows held out, once per fold."""


Folding = int | Splitter
