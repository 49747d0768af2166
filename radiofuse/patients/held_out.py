"""Splits that are no k-fold: a site at a time, a share of the patients, or folds that somebody fixed."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.patients.splits import Split, as_ids, check_classes
from radiofuse.wording import some

UNKNOWN, SMALL = "unknown", "small sites"  # folds of patients whose site is not known, and of pooled sites


@validate_params(
    {"smallest": [Interval(Integral, 1, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def site_splits(sites: ArrayLike, groups: ArrayLike | None = None, *, smallest: int = 1) -> list[Split]:
    """Return one split for each site: it is tested on, and all others are trained on.

    Parameters
    ----------
    sites : array-like of shape (n_samples,)
        Site of each row; empty or NaN where it is not known. A patient of whom some rows name a site is of that site.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. Without it each row is a patient.
    smallest : int, default=1
        Sites with fewer patients than this are one fold together.

    Returns
    -------
    list of Split
        By the name of the site; then the pooled ones, then, under the name ``unknown``, patients of no known site, who
        may be of one that is trained on.

    Raises
    ------
    RequestError
        A patient with rows of two sites, or fewer than two folds of known sites.

    Examples
    --------
    >>> splits = site_splits(["B", "A", "A", "C", ""], smallest=2)
    >>> [(split.name, split.test.tolist()) for split in splits]
    [('A', [1, 2]), ('small sites: B, C', [0, 3]), ('unknown', [4])]
    """
    refuse_misaligned(sites=sites, groups=groups)
    named = pd.Series(np.asarray(sites, dtype=object)).astype("str").str.strip().replace("", np.nan)
    patients = np.arange(len(named)) if groups is None else as_ids(groups, "patient")
    check_consistent_length(named, patients)
    _refuse_travelers(named, patients)
    site = named.groupby(patients).transform("first").fillna(UNKNOWN).to_numpy(str)
    sizes = {name: np.unique(patients[site == name]).size for name in np.unique(site).tolist() if name != UNKNOWN}
    small = [name for name, size in sizes.items() if size < smallest]
    fold = np.where(np.isin(site, small), f"{SMALL}: {', '.join(small)}", site)
    names = [*(name for name in sizes if name not in small), *np.unique(fold[np.isin(site, small)]).tolist()]
    if len(names) < 2:
        raise RequestError(
            f"The patients are of {some(sizes) or 'no known site'}: one fold, where leaving a site out needs two. "
            "Name the sites in the column site, lower smallest_site, or split by kfold."
        )
    return _one_each(fold, [*names, *([UNKNOWN] if UNKNOWN in site else [])])


def _one_each(fold: np.ndarray, names: Iterable[str], repeat: int = 0) -> list[Split]:
    """Return a split for each name, which tests its rows and trains on all others."""
    return [
        Split(repeat, place, np.flatnonzero(fold != name), np.flatnonzero(fold == name), name)
        for place, name in enumerate(names)
    ]


def _refuse_travelers(named: pd.Series, patients: np.ndarray) -> None:
    n_sites = named.groupby(patients).nunique()
    moved = n_sites.index[n_sites > 1]
    if len(moved):
        raise RequestError(
            f"{len(moved)} patients have samples of two sites, for example {moved[0]} "
            f"({some(named[patients == moved[0]].unique())}); patients are kept whole. Give each patient one site."
        )


def fewest_to_hold_out(share: float) -> int:
    """Return how many patients a class needs so that a share of them is at least one, and another is left.

    >>> fewest_to_hold_out(0.3), fewest_to_hold_out(0.1)
    (2, 5)
    """
    return max(2, ceil(0.5 / share))


@validate_params(
    {
        "share": [Interval(Real, 0, 1, closed="neither")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def holdout_splits(
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    share: float = 0.3,
    n_repeats: int = 1,
    random_state: int | np.random.RandomState | None = None,
) -> list[Split]:
    """Return splits that hold out a share of the patients of each class.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels: 0 and 1, or classes of any name. A patient with rows of several counts in the rarest of them.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. Without it each row is a patient.
    share : float, default=0.3
        Of the patients of each class, rounded, and at least one is left to train on.
    n_repeats : int, default=1
        How often patients are drawn anew; more repeats leave the earlier ones as they were.
    random_state : int, RandomState or None, default=None
        Seed of the drawing. What is drawn depends on the patients' ids, not on the order of the rows.

    Returns
    -------
    list of Split
        One per repeat.

    Raises
    ------
    RequestError
        Labels that are no classes, or a class with too few patients to hold one out.

    Examples
    --------
    >>> (split,) = holdout_splits([0, 0, 0, 0, 1, 1], share=0.5, random_state=0)
    >>> len(split.train), len(split.test)
    (3, 3)
    """
    refuse_misaligned(y=y, groups=groups)
    labels = check_classes(y)
    patients = np.arange(len(labels)) if groups is None else as_ids(groups, "patient")
    check_consistent_length(labels, patients)
    ids, place = np.unique(patients, return_inverse=True)
    classes = _rarest_class(labels, place)
    for name, size in zip(*np.unique(classes, return_counts=True), strict=True):
        if size < fewest_to_hold_out(share):
            raise RequestError(
                f"Label {name} has {size} patients, too few to hold out a share of {share:g}; it needs "
                f"{fewest_to_hold_out(share)}. Hold out a larger share, or add patients of that label."
            )
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_repeats)
    splits = []
    for repeat, seed in enumerate(seeds):
        held = np.isin(place, _drawn(classes, share, np.random.RandomState(seed)))
        splits.append(Split(repeat, 0, np.flatnonzero(~held), np.flatnonzero(held)))
    return splits


def _rarest_class(labels: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the class of each patient, the rarest one of those that its rows have."""
    pairs = pd.DataFrame({"patient": place, "label": labels}).drop_duplicates()
    pairs["size"] = pairs.groupby("label")["patient"].transform("size")
    return pairs.sort_values(["patient", "size", "label"]).drop_duplicates("patient")["label"].to_numpy()


def _drawn(classes: np.ndarray, share: float, random: np.random.RandomState) -> np.ndarray:
    """Return the places of the patients that are held out."""
    drawn = []
    for name in np.unique(classes):
        own = np.flatnonzero(classes == name)
        n_held = min(int(share * len(own) + 0.5), len(own) - 1)
        drawn.append(random.permutation(own)[:n_held])
    return np.concatenate(drawn)


def fixed_splits(fold: ArrayLike, groups: ArrayLike | None = None, *, repeat: int = 0) -> list[Split]:
    """Return one split for each fold that somebody fixed: its rows are tested on, all others trained on.

    Parameters
    ----------
    fold : array-like of shape (n_samples,)
        Name of the fold in which each row is tested; empty or NaN for a row that is only trained on.
    groups : array-like of shape (n_samples,), optional
        Patient of each row. Without it each row is a patient.
    repeat : int, default=0
        Which repeat they are.

    Returns
    -------
    list of Split
        In the order of the folds' names; numbers ascend as numbers.

    Raises
    ------
    RequestError
        A patient with rows in two folds, or in a fold and outside; no fold at all, or one without training rows.

    Examples
    --------
    >>> splits = fixed_splits(["10", "9", "9", "10", ""])
    >>> [(split.name, split.train.tolist(), split.test.tolist()) for split in splits]
    [('9', [0, 3, 4], [1, 2]), ('10', [1, 2, 4], [0, 3])]
    """
    refuse_misaligned(fold=fold, groups=groups)
    named = pd.Series(np.asarray(fold, dtype=object)).astype("str").fillna("").str.strip().to_numpy(str)
    patients = np.arange(len(named)) if groups is None else as_ids(groups, "patient")
    check_consistent_length(named, patients)
    n_folds = pd.Series(named).groupby(patients).nunique()
    both = n_folds.index[n_folds > 1]
    if len(both):
        where = some(name or "none" for name in np.unique(named[patients == both[0]]))
        raise RequestError(
            f"{len(both)} patients stand in more than one fold, for example {both[0]} ({where}): they would be trained "
            "and tested on. Give all samples of a patient one fold."
        )
    names = sorted(set(named.tolist()) - {""}, key=_by_number)
    if not names or len(set(named)) < 2:
        what = f"only the fold {names[0]}, and nobody to train on" if names else "no fold to test on"
        raise RequestError(f"The fixed folds name {what}. Give two folds, or leave the fold of some patients empty.")
    return _one_each(named, names, repeat)


def _by_number(name: str) -> tuple[float, str]:
    return (float(name), "") if name.isdecimal() else (np.inf, name)
