"""One member of a fusion: an estimator, its columns, and the rows that have its modality."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse.probabilities import checked, of_second
from radiofuse.patients.routing import fit_with_groups
from radiofuse.wording import listed
from radiofuse.work.shared_calls import Key, key_of


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
    classes : ndarray of shape (n_classes,)
        What the labels 0, 1 and so on, that the estimator is fitted on, are called.
    """

    name: str
    estimator: Any
    block: pd.DataFrame
    classes: np.ndarray

    @cached_property
    def present(self) -> np.ndarray:
        """Whether each row has the modality, shape (n_samples,)."""
        values = self.block.to_numpy()
        if values.dtype == np.float64:
            return ~np.isnan(values).all(axis=1)
        return self.block.notna().any(axis=1).to_numpy()

    @property
    def known_block(self) -> pd.DataFrame:
        """The rows that have the modality."""
        return self.block if self.present.all() else self.block[self.present]

    def probability(self) -> np.ndarray:
        """Return probabilities, NaN where the modality is absent.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of two classes that of the second; of more one per class.
        """
        if not self.present.any():
            return self._unknown(len(self.block))
        return self._for_all_rows(self._checked(self.estimator.predict_proba(self.known_block), self.estimator))

    def _unknown(self, n_rows: int) -> np.ndarray:
        return of_second(np.full((n_rows, len(self.classes)), np.nan))

    def _for_all_rows(self, of_present: np.ndarray) -> np.ndarray:
        answer = self._unknown(len(self.block))
        answer[self.present] = of_present
        return answer

    def _checked(self, answer: Any, estimator: Any) -> np.ndarray:
        """Return the columns in the order of the labels, once they are known to hold probabilities."""
        answer, labels = np.asarray(answer, dtype=float), list(range(len(self.classes)))
        expected, own = (int(self.present.sum()), len(labels)), list(getattr(estimator, "classes_", labels))
        if answer.shape != expected or sorted(own) != labels:
            raise RequestError(
                f"Member {self.name!r} must answer {expected[0]} rows with shape {expected}, one column for each of "
                f"the classes {listed([str(label) for label in labels])}; it answered shape {answer.shape} "
                f"for the classes {own}. Mend its predict_proba."
            )
        return checked(of_second(answer[:, [own.index(label) for label in labels]]), *expected, f"Member {self.name!r}")

    def key(self, y: np.ndarray, groups: np.ndarray | None, *, what: str = "fit") -> Key:
        """Return what is the same for members that learn the same from the same rows, whatever they are called."""
        block = self.block
        names = (" ".join(map(str, block.columns)), " ".join(map(str, block.index)))  # quicker than lists of them
        return key_of(what, self.estimator, *names, np.ascontiguousarray(block.to_numpy()), self.classes, y, groups)

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
        return self._for_all_rows(self._checked(answer, classifier))

    def _training(self, y: np.ndarray, groups: np.ndarray | None) -> tuple[Any, Any, Any, Any]:
        """Return a clone, and rows, labels and patients of what has the modality."""
        present = self.present
        self._check_classes(y[present])
        return clone(self.estimator), self.known_block, y[present], groups if groups is None else groups[present]

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
        learner = replace(self, block=self.block.iloc[train])
        try:
            fitted = learner.fit(y[train], groups if groups is None else groups[train])
        except CohortError as error:
            warnings.warn(f"An inner fold goes without {self.name}. {error}", stacklevel=2)
            return self._unknown(len(test))
        return replace(self, estimator=fitted, block=self.block.iloc[test]).probability()

    def _check_classes(self, y: np.ndarray) -> None:
        counts = np.bincount(y, minlength=len(self.classes))
        if counts.all():
            return
        raise CohortError(
            "The training table",
            [
                f"Modality {self.name} must be present in rows of {self._all_classes()}, and is present "
                f"{self._whereabouts(counts)} of the {len(self.block)} that its classifier is fitted on. Leave the "
                "modality out, add patients that have it, or lower the number of folds."
            ],
        )

    def _all_classes(self) -> str:
        return "both classes" if len(self.classes) == 2 else f"each of the {len(self.classes)} classes"

    def _whereabouts(self, counts: np.ndarray) -> str:
        """Say in which rows the modality is present, of which some class has none."""
        if not counts.any():
            return "in none"
        if len(counts) == 2:
            return f"only in {counts.sum()} rows of one class"
        lacking = listed([str(label) for label in self.classes[counts == 0]])
        return f"in {counts.sum()} rows, none of them of class {lacking},"
