"""Does a new model move patients the right way? Net reclassification and integrated discrimination improvement.

Both are asked for by reviewers and both are criticized: the category-free NRI rises with variables that carry no
information when the new model is miscalibrated, its two parts are of different patients and their sum is no share
of anything, and the z-tests of NRI and IDI reject too often for nested models fitted on the same patients. Report
the parts, and a comparison by a proper score or net benefit beside them. Hilden and Gerds 2014, Stat Med
33:3405-3414; Kerr et al. 2014, Epidemiology 25:114-121; Pepe et al. 2015, Stat Biosci 7:282-295.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.delong import standardized
from radiofuse.statistics.inputs import check_binary, check_both_labels


class NetReclassification(NamedTuple):
    """Net share of rows whose probability moves the right way."""

    nri: float  # events + nonevents, from -2 to 2
    events: float  # share of the positives that move up, minus that of those that move down
    nonevents: float  # share of the negatives that move down, minus that of those that move up
    se: float
    se_events: float
    se_nonevents: float
    z: float
    p_value: float  # two-sided

    def _repr_html_(self) -> str:
        return notebook.result(self)


def net_reclassification(
    label: ArrayLike, old: ArrayLike, new: ArrayLike, *, cutoffs: ArrayLike | None = None
) -> NetReclassification:
    """Return the net reclassification improvement of a new model over an old one.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1, of independent rows.
    old, new : array-like of shape (n_samples,)
        Probabilities of label 1, from models that did not see the row.
    cutoffs : array-like of shape (n_cutoffs,), optional
        Ascending, inside 0 to 1: a row moves when its category changes, and a category holds its lower cutoff.
        Without them any change of the probability is a move (the category-free NRI), one by rounding too, as in
        ``improveProb`` of R's Hmisc: round both where equal probabilities were computed in two ways.

    Returns
    -------
    NetReclassification
        Without any move, z is 0 and the p-value 1. Where all rows of each label move alike there is no variance:
        both are NaN, and a warning is logged.

    Raises
    ------
    RequestError
        Labels of one kind, probabilities outside 0 to 1, unequal lengths, or cutoffs that do not ascend in 0 to 1.

    See Also
    --------
    integrated_discrimination : By probabilities, without categories.
    decision_curve : By what a wrong call costs.

    Notes
    -----
    Criticised: see the head of this module. The standard error holds the models fixed.

    References
    ----------
    Pencina et al. 2008, Stat Med 27:157-172; Pencina, D'Agostino and Steyerberg 2011, Stat Med 30:11-21
    (category-free). The variance is that of ``improveProb`` of R's Hmisc. Hilden and Gerds 2014, Stat Med
    33:3405-3414 (against).

    Examples
    --------
    >>> found = net_reclassification([1, 1, 0, 0], [0.5, 0.5, 0.4, 0.4], [0.7, 0.6, 0.3, 0.5])
    >>> found.events, found.nonevents, found.nri
    (1.0, 0.0, 1.0)
    """
    label, old, new = _paired_probabilities(label, old, new)
    if cutoffs is not None:
        cutoffs = _check_cutoffs(cutoffs)
        old, new = (np.searchsorted(cutoffs, probability, side="right") for probability in (old, new))
    move = np.sign(new - old)
    events, var_events = _net_share(move[label == 1])
    nonevents, var_nonevents = _net_share(-move[label == 0])
    se, z, p_value = _z_test(events + nonevents, var_events + var_nonevents)
    se_events, se_nonevents = float(np.sqrt(var_events)), float(np.sqrt(var_nonevents))
    return NetReclassification(events + nonevents, events, nonevents, se, se_events, se_nonevents, z, p_value)


class IntegratedDiscrimination(NamedTuple):
    """Gain in the distance of the mean probabilities of positives and negatives."""

    idi: float  # events + nonevents
    events: float  # rise of the mean probability of the positives
    nonevents: float  # fall of the mean probability of the negatives
    se: float
    z: float
    p_value: float  # two-sided

    def _repr_html_(self) -> str:
        return notebook.result(self)


def integrated_discrimination(label: ArrayLike, old: ArrayLike, new: ArrayLike) -> IntegratedDiscrimination:
    """Return the integrated discrimination improvement of a new model over an old one.

    Parameters
    ----------
    label, old, new
        As in `net_reclassification`; at least two rows of each label.

    Raises
    ------
    RequestError
        As in `net_reclassification`, or fewer than two rows of a label.

    See Also
    --------
    net_reclassification : By categories of risk.

    Notes
    -----
    Criticised: see the head of this module.

    References
    ----------
    Pencina et al. 2008, Stat Med 27:157-172. Kerr et al. 2011, Am J Epidemiol 174:364-374 (against its z-test).

    Examples
    --------
    >>> found = integrated_discrimination([1, 1, 0, 0], [0.5, 0.5, 0.4, 0.4], [0.8, 0.6, 0.2, 0.3])
    >>> round(found.idi, 3), round(found.events, 3), round(found.nonevents, 3)
    (0.35, 0.2, 0.15)
    """
    label, old, new = _paired_probabilities(label, old, new)
    if np.bincount(label, minlength=2).min() < 2:
        raise RequestError("The standard error of an IDI needs two rows of each label or more; add rows.")
    rise, fall = (new - old)[label == 1], (old - new)[label == 0]
    events, nonevents = float(rise.mean()), float(fall.mean())
    variance = rise.var(ddof=1) / rise.size + fall.var(ddof=1) / fall.size
    idi = events + nonevents
    return IntegratedDiscrimination(idi, events, nonevents, *_z_test(idi, variance))


def _paired_probabilities(label: ArrayLike, old: ArrayLike, new: ArrayLike) -> tuple[np.ndarray, ...]:
    refuse_misaligned(label=label, old=old, new=new)
    label, old = check_binary(label, old)
    label, new = check_binary(label, new)
    check_both_labels(label, "reclassification")
    return label, old, new


def _check_cutoffs(cutoffs: ArrayLike) -> np.ndarray:
    values = np.atleast_1d(np.asarray(cutoffs, dtype=float))
    inside = (values > 0) & (values < 1)
    if values.size == 0 or not inside.all() or (np.diff(values) <= 0).any():
        raise RequestError(
            f"Cutoffs must ascend between 0 and 1, and are {values.tolist()}; give for example [0.1, 0.3]."
        )
    return values


def _net_share(move: np.ndarray) -> tuple[float, float]:
    """Return the mean of moves of -1, 0 or 1, and its variance."""
    share = float(move.mean())
    return share, float(np.mean(move != 0) - share**2) / move.size


def _z_test(value: float, variance: float) -> tuple[float, float, float]:
    """Return the standard error, z and its two-sided p-value."""
    z = standardized(value, variance)
    return float(np.sqrt(variance)), z, float(2 * ndtr(-abs(z)))
