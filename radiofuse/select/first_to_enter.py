"""Which columns the LASSO lets in first: its path, knot by knot."""

from __future__ import annotations

import numpy as np

from radiofuse.prepare.standardize import standardize

ROUNDING = 1e-12  # share of a length below which nothing but rounding is left
PARALLEL = 1e-9  # speed up to which a distance is never closed


def first_to_enter(X: np.ndarray, y: np.ndarray, q: int) -> list[int]:
    """Return the first ``q`` columns that get a coefficient on the LASSO path, in their order.

    A column that leaves again stays counted. There are fewer where the path ends before.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Standardized here; a constant column never enters.
    y : ndarray of shape (n_samples,)
        Centered here.
    q : int
        How many columns to wait for.

    References
    ----------
    B. Efron et al., "Least angle regression", Annals of Statistics 32 (2004) 407-499, sections 2 and 3.1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80.0) % 2
    >>> X[:, 3] += 2 * y
    >>> first_to_enter(X, y, 1)
    [3]
    """
    path = _Homotopy(np.ascontiguousarray(standardize(X).T) / np.sqrt(len(X)), y - y.mean())
    entered: dict[int, None] = {}
    while len(entered) < q and path.follow():
        entered.update(dict.fromkeys(path.active))
    return list(entered)


class _Homotopy:
    """The LASSO path from knot to knot; between two, all correlations with the residual are linear.

    ``columns`` are of length 1, one per row. At every point the active columns have the correlation ±``level``,
    the others a smaller one.
    """

    def __init__(self, columns: np.ndarray, y: np.ndarray) -> None:
        self._columns = columns
        self._correlation = columns @ y
        self._level = np.abs(self._correlation).max(initial=0)
        self._end = ROUNDING * np.linalg.norm(y)
        self._dependent: list[int] = []  # linear combinations of the active columns
        self.active: list[int] = []
        self._coef = np.empty(0)
        self._gram = np.empty((0, 0))
        self._next = int(np.argmax(np.abs(self._correlation)))

    def follow(self) -> bool:
        """Let in or out the column of this knot and go to the next; say whether the path went on."""
        if self._level <= self._end:
            return False
        if self._next in self.active:
            self._leave(self.active.index(self._next))
        else:
            self._enter(self._next)
        self._walk()
        return True

    def _enter(self, column: int) -> None:
        products = self._columns[self.active] @ self._columns[column]
        if 1 - products @ np.linalg.solve(self._gram, products) < ROUNDING:
            self._dependent.append(column)
            return
        self._gram = np.block([[self._gram, products[:, None]], [products, 1.0]])
        self.active.append(column)
        self._coef = np.append(self._coef, 0.0)

    def _leave(self, position: int) -> None:
        del self.active[position]
        self._coef = np.delete(self._coef, position)
        self._gram = np.delete(np.delete(self._gram, position, axis=0), position, axis=1)
        self._dependent.clear()

    def _walk(self) -> None:
        signs = np.sign(self._correlation[self.active])
        slope = np.linalg.solve(self._gram, signs)  # of the coefficients, as the level falls
        falls = self._columns @ (slope @ self._columns[self.active])  # of the correlations
        steps = np.minimum(
            _meet(self._level - self._correlation, 1 - falls), _meet(self._level + self._correlation, 1 + falls)
        )
        steps[self._dependent] = np.inf
        steps[self.active] = _meet(signs * self._coef, -signs * slope)  # a coefficient reaches 0
        self._next = int(np.argmin(steps))
        step = min(steps[self._next], self._level)
        self._coef += step * slope
        self._correlation -= step * falls
        self._level -= step


def _meet(distance: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Return after what step a distance is closed; infinity where it is not."""
    return np.divide(np.maximum(distance, 0), speed, out=np.full(len(speed), np.inf), where=speed > PARALLEL)
