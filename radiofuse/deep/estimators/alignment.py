"""Embeddings of one encoder turned into the axes of another, so that a table may hold both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiofuse.errors import CohortError


@dataclass(frozen=True, eq=False)
class Alignment:
    """A rotation, possibly with a reflection, between two centers: ``(E - source_mean) @ rotation + target_mean``.

    Attributes
    ----------
    rotation : ndarray of shape (d, d)
        Orthogonal: distances and angles between embeddings stay what they are.
    source_mean, target_mean : ndarray of shape (d,)
    """

    rotation: np.ndarray
    source_mean: np.ndarray
    target_mean: np.ndarray

    def apply(self, E: np.ndarray) -> np.ndarray:
        """Return embeddings of the source, shape (n, d), in the axes of the target."""
        return (E - self.source_mean) @ self.rotation + self.target_mean


def fit_alignment(source: np.ndarray, target: np.ndarray) -> Alignment:
    """Return the rotation and shift that bring ``source`` closest to ``target``, in least squares.

    Two encoders trained apart may code the same thing along different axes. Rows of the same samples show
    how the axes of one lie in the other. Nothing is stretched or sheared, so noise stays as large as it was.
    Directions in which the rows do not vary show nothing; they are turned as little as the others allow.

    Parameters
    ----------
    source, target : ndarray of shape (n, d)
        The same n samples embedded by two encoders.

    Returns
    -------
    Alignment

    Raises
    ------
    CohortError
        If the shapes differ, there is no row, or a number is not finite.

    References
    ----------
    Schönemann (1966). A generalized solution of the orthogonal Procrustes problem. Psychometrika 31, 1-10.

    Examples
    --------
    >>> source = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 1.0]])
    >>> quarter_turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> alignment = fit_alignment(source, source @ quarter_turn + 5)
    >>> bool(np.allclose(alignment.apply(np.array([[1.0, 0.0]])), [[5.0, 6.0]]))
    True
    """
    source, target = (np.asarray(E, dtype=np.float64) for E in (source, target))
    _check(source, target)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    covariance = (source - source_mean).T @ (target - target_mean)
    return Alignment(_closest_rotation(covariance), source_mean, target_mean)


def _closest_rotation(covariance: np.ndarray) -> np.ndarray:
    """Return the orthogonal R that maximizes trace(R' covariance), nearest to the identity where it is free."""
    U, strength, Vt = np.linalg.svd(covariance)
    known = int((strength > strength[0] * len(strength) * np.finfo(float).eps).sum())
    rotation = U[:, :known] @ Vt[:known]
    if known < len(strength):  # fewer rows than axes: LAPACK's choice of the rest would be an accident
        free_source, free_target = U[:, known:], Vt[known:].T
        left, _, right = np.linalg.svd(free_source.T @ free_target)
        rotation += free_source @ left @ right @ free_target.T
    return rotation


def _check(source: np.ndarray, target: np.ndarray) -> None:
    problem = None
    if source.shape != target.shape or source.ndim != 2 or not len(source):
        problem = f"they have the shapes {source.shape} and {target.shape}, one shape (n, d) with n > 0 was expected"
    elif not (np.isfinite(source).all() and np.isfinite(target).all()):
        problem = "some of their numbers are NaN or infinite; embed rows that have a crop"
    if problem:
        raise CohortError("The alignment of two encoders", [f"Their embeddings do not fit together: {problem}."])
