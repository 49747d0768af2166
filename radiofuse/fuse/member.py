"""One member of a fusion: an estimator, its columns, and the rows that have its modality."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse.probabilities import checked
from radiofuse.patients.routing import fit_with_groups


@dataclass(frozen=True)
class Member:
    """An estimator with its block of a table.

    Parameters
    ----------
    name : str
    estimator : estimator
        Unfitted for ``fit``, ``fit_transform`` and ``out_of_fold``, which clone it; fitted for ``probability``.
    block : DataFrame of shape (n_samples, n_columns)
        Its columns; a row of NaN lacks the modality.
    """

    name: str
    estimator: Any
    block: pd.DataFrame

    @cached_property
    def present(self) -> np.ndarray:
        """Whether each row has the modality, shape (n_samples,)."""
        return self.block.notna().any(axis=1).to_numpy()

    def probability(self) -> np.ndarray:
        """Return the positive class's probability per row, NaN where the modality is absent."""
        present = self.present
        result = np.full(len(self.block), np.nan)
        if present.any():
            result[present] = self._positive(self.estimator.predict_proba(self.block[present]), present.sum())
        return result

    def _positive(self, answer: Any, n_rows: int) -> np.ndarray:
        """Return the column of class 1, wherever ``classes_`` has it, once it holds probabilities."""
        answer, classes = np.asarray(answer, dtype=float), list(getattr(self.estimator, "classes_", (0, 1)))
        if answer.shape != (n_rows, 2) or sorted(classes) != [0, 1]:
            raise RequestError(
                f"Member {self.name!r} must answer {n_rows} rows with shape {(n_rows, 2)}, one column for each of the "
                f"classes 0 and 1; it answered shape {answer.shape} for the classes {classes}. Mend its predict_proba."
            )
        return checked(answer[:, classes.index(1)], n_rows, f"Member {self.name!r}")

    def fit(self, y: np.ndarray, groups: np.ndarray | None) -> Any:
        """Return a clone of the estimator fitted on the rows that have the modality.

        Raises
        ------
        CohortError
            If those rows do not hold both classes, or too few patients for the estimator.
        """
        estimator, *rows = self._training(y, groups)
        with self._saying_where():
            return fit_with_groups(estimator, *rows)

    def fit_transform(self, y: np.ndarray, groups: np.ndarray | None) -> tuple[Any, np.ndarray]:
        """Return a clone fitted as by ``fit``, and what it makes of those rows.

        A transformer may answer for the rows it is fitted on otherwise than for new ones: an encoder gives
        them what it learned without their patients.
        """
        estimator, *rows = self._training(y, groups)
        with self._saying_where():
            return estimator, fit_with_groups(estimator, *rows, method="fit_transform")

    def in_sample(self, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Return the probabilities of the very rows that a clone is fitted on; NaN where the modality is absent.

        Raises
        ------
        CohortError
            If the estimator, as an encoder that classifies, refuses the rows it was fitted on.
        """
        classifier, Z, labels, groups = self._training(y, groups)
        with self._saying_where():
            if isinstance(classifier, Pipeline) and len(classifier) > 1:
                # an encoder before the classifier answers for these rows while it is fitted, and refuses them later
                before, classifier = classifier[:-1], classifier[-1]
                Z = fit_with_groups(before, Z, labels, groups, method="fit_transform")
            answer = fit_with_groups(classifier, Z, labels, groups).predict_proba(Z)
        probability = np.full(len(self.block), np.nan)
        probability[self.present] = self._positive(answer, len(labels))
        return probability

    def _training(self, y: np.ndarray, groups: np.ndarray | None) -> tuple[Any, Any, Any, Any]:
        """Return a clone, and rows, labels and patients of what has the modality."""
        present = self.present
        self._check_classes(y[present])
        return clone(self.estimator), self.block[present], y[present], groups if groups is None else groups[present]

    @contextmanager
    def _saying_where(self) -> Iterator[None]:
        n_rows = self.present.sum()
        try:
            yield
        except CohortError as error:
            where = f"Modality {self.name}, in the {n_rows} rows that its classifier is fitted on,"
            raise CohortError(where, error.problems) from error
        except ValueError as error:
            error.add_note(f"Raised while fitting member {self.name!r} on {n_rows} rows.")
            raise

    def out_of_fold(self, train: np.ndarray, test: np.ndarray, y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
        """Return the probabilities of the rows ``test`` by a clone fitted on the rows ``train``.

        All NaN, with a warning, where too few rows of an inner fold have the modality to fit anything:
        the combiners then learn from the members there are, as they do in rows that lack it.
        """
        learner = Member(self.name, self.estimator, self.block.iloc[train])
        try:
            fitted = learner.fit(y[train], groups if groups is None else groups[train])
        except CohortError as error:
            warnings.warn(f"An inner fold goes without {self.name}. {error}", stacklevel=2)
            return np.full(len(test), np.nan)
        return Member(self.name, fitted, self.block.iloc[test]).probability()

    def _check_classes(self, y: np.ndarray) -> None:
        found = len(np.unique(y))
        if found < 2:
            rows = f"only in {len(y)} rows of one class" if found else "in none"
            raise CohortError(
                "The training table",
                [
                    f"Modality {self.name} must be present in rows of both classes, and is present {rows} of the "
                    f"{len(self.block)} that its classifier is fitted on. Leave the modality out, add patients "
                    f"that have it, or lower the number of folds."
                ],
            )
