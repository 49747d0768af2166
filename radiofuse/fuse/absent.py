"""What stands in for a member that a row lacks."""

from __future__ import annotations

import numpy as np


def fill_absent(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Replace NaN by the row's mean over the members present, weighted by ``abs(weights)``.

    With weights >= 0 this equals renormalizing: the weights of the members present are raised so
    that their sum stays that of all. It goes on working where weights of both signs cancel and
    dividing by their sum would not. Where all members present have weight 0 the plain mean is taken.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_members)
    weights : ndarray of shape (n_members,)

    Returns
    -------
    ndarray of shape (n_samples, n_members)

    Examples
    --------
    >>> fill_absent(np.array([[0.2, 0.8, np.nan]]), np.array([3.0, 1.0, 1.0])).round(2)
    array([[0.2 , 0.8 , 0.35]])
    """
    present = ~np.isnan(values)
    strength = present * np.abs(weights)
    strength = np.where(strength.any(axis=1, keepdims=True), strength, present)
    known = np.where(present, values, 0)
    mean = (strength * known).sum(axis=1, keepdims=True) / strength.sum(axis=1, keepdims=True)
    return np.where(present, values, mean)


def fill_absent_by_class(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fill each class's slice as `fill_absent` does.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_members, n_classes)
    weights : ndarray of shape (n_members,) or (n_members, n_classes)
        With one weight per member the members present are averaged whole: what sums to 1 over the classes stays so.

    Returns
    -------
    ndarray of shape (n_samples, n_members, n_classes)

    Examples
    --------
    >>> P = np.array([[[0.2, 0.3, 0.5], [0.4, 0.5, 0.1], [np.nan, np.nan, np.nan]]])
    >>> fill_absent_by_class(P, np.ones(3))[0, 2].round(2)
    array([0.3, 0.4, 0.3])
    """
    slices = np.moveaxis(values, 2, 0)
    per_class = np.broadcast_to(weights.T, (len(slices), values.shape[1]))
    return np.stack([fill_absent(*pair) for pair in zip(slices, per_class, strict=True)], axis=2)
