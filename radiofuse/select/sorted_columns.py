"""Columns sorted once, for rank tests on many subsets of their rows: the training folds of one table."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length

from radiofuse.errors import RequestError
from radiofuse.names import kernel
from radiofuse.prepare.validation import as_numbers
from radiofuse.select.binary import require_binary_target
from radiofuse.select.mann_whitney import CHUNK, MannWhitney, from_counts, infinite_value

count_ordered = kernel("select._rank_sums").count_ordered

_NEGATIVE, _POSITIVE = 1, 2  # what a row is to the kernel; 0 is absent


class SortedColumns:
    """The order of every column's values, from which a test on any rows follows in one linear pass.

    Kept are the order and which values equal their predecessor: three bytes a cell (five from 65,536 rows).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features, none infinite; NaN is left out, column by column.

    Raises
    ------
    ValueError
        If ``X`` holds an infinite value.

    Examples
    --------
    >>> columns = SortedColumns([[3.0], [1.0], [2.0], [4.0], [0.0]])
    >>> columns.mann_whitney([0, 1, 2, 3], [1, 0, 0, 1]).auc
    array([1.])
    """

    def __init__(self, X: ArrayLike) -> None:
        table = as_numbers(X)
        shape = table.shape[::-1]
        self._order: np.ndarray = np.empty(shape, dtype=np.uint16 if len(table) <= 1 << 16 else np.uint32)
        self._same = np.zeros(shape, dtype=bool)
        self._n_values = np.empty(shape[0], dtype=np.int64)
        for start in range(0, shape[0], CHUNK):
            part = slice(start, start + CHUNK)
            columns = np.ascontiguousarray(table[:, part].T)
            infinite = np.isinf(columns).any(axis=1)
            if infinite.any():
                raise infinite_value(X, start + int(infinite.argmax()))
            self._sort(columns, part)

    def _sort(self, columns: np.ndarray, part: slice) -> None:
        order = np.argsort(columns, axis=1)
        values = np.take_along_axis(columns, order, axis=1)
        self._order[part] = order
        self._same[part, 1:] = values[:, 1:] == values[:, :-1]
        self._n_values[part] = columns.shape[1] - np.isnan(columns).sum(axis=1)

    def mann_whitney(
        self, rows: np.ndarray, y_rows: np.ndarray, *, method: str = "asymptotic", continuity: bool = True
    ) -> MannWhitney:
        """Test every column on a subset of the rows: ``mann_whitney(X[rows], y[rows])``, bit for bit.

        Parameters
        ----------
        rows : array-like of int
            Positions of rows, none of them twice.
        y_rows : array-like
            Their labels: two classes, the larger is the positive one.
        method, continuity
            See `radiofuse.select.mann_whitney.mann_whitney`.

        Raises
        ------
        RequestError
            If ``rows`` holds a row twice, or ``method`` is unknown.
        ValueError
            If ``y_rows`` does not hold two classes, or not one label per row.
        """
        check_consistent_length(rows, y_rows)
        y_rows = np.asarray(y_rows)
        classes = require_binary_target(y_rows)
        return from_counts(self.count(rows, y_rows == classes[1]), classes, method=method, continuity=continuity)

    def count(self, rows: np.ndarray, positive: np.ndarray) -> np.ndarray:
        """Return twice U, the tie term and the sizes of both classes per column, as integers.

        Parameters
        ----------
        rows : array-like of int
            Positions of rows, none of them twice.
        positive : ndarray of bool
            Which of them are of the positive class.

        Raises
        ------
        RequestError
            If ``rows`` holds a row twice.

        Examples
        --------
        >>> SortedColumns([[3.0], [1.0], [2.0], [4.0]]).count([0, 1, 3], np.array([True, False, True]))
        array([[4, 0, 2, 1]])
        """
        n_columns, n_rows = self._order.shape
        members = np.zeros(n_rows, dtype=np.uint8)
        members[rows] = np.where(positive, _POSITIVE, _NEGATIVE)
        if np.count_nonzero(members) < len(positive):
            raise RequestError("Expected each row at most once, got one twice; pass rows without repeats.")
        counts = np.empty((n_columns, 4), dtype=np.int64)
        count_ordered(self._order, self._same, self._n_values, members, counts)
        return counts
