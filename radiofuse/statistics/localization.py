"""Whether a map of a network lies on the tumor: three measures, and their means over patients with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.intervals import draw_seed, multiplicities, value_and_interval
from radiofuse.statistics.metrics import auc
from radiofuse.wording import counted, number

TRAINED, RANDOM, CENTER = "trained", "random weights", "center prior"
CONTROLS = (RANDOM, CENTER)
CALLED = {CENTER: "the center prior", RANDOM: "random weights"}
MEASURES = {
    "mass_inside": "share of its mass in the tumor",
    "voxel_auc": "voxel AUC",
    "peak_inside": "peak in the tumor",
}
OF_MAP = ["network", "map"]
SAMPLE = [*OF_MAP, "weights", "sample_id", "patient_id", "tumor_share", *MEASURES]
SUMMARY = [*OF_MAP, "measure", "against", "value", "low", "high", "n_patients"]


@dataclass(frozen=True)
class Localization:
    """How a map lies to a region.

    Attributes
    ----------
    tumor_share : float
        Of the voxels that the network looked at: what an even map has as mass.
    mass_inside : float
        The share of the map's sum that lies in the region.
    voxel_auc : float
        The chance that a voxel of the region has more of the map than one beside it, ties half; 0.5 is none.
    peak_inside : float
        1 where the map's maximum lies in the region (the pointing game), else 0; of several maxima their share.
    """

    tumor_share: float
    mass_inside: float
    voxel_auc: float
    peak_inside: float


def localize(values: np.ndarray, region: np.ndarray, looked_at: np.ndarray) -> Localization:
    """Compare a map with a region.

    Parameters
    ----------
    values : ndarray
        0 or more; of a signed map its absolute values.
    region : ndarray of bool, of the same shape
        The tumor.
    looked_at : ndarray of bool, of the same shape
        What the network saw; the rest is not counted.

    Returns
    -------
    Localization
        NaN where a measure does not exist: of a map of nothing, or where all or none that was seen is tumor.

    Raises
    ------
    RequestError
        If shapes differ, or the map has values below 0 or that are not finite.

    References
    ----------
    Zhang J et al. Top-down neural attention by excitation backprop. IJCV 2018 (the pointing game).

    Examples
    --------
    >>> tumor = np.array([True, True, False, False, False])
    >>> localize(np.array([4.0, 2.0, 1.0, 1.0, 9.0]), tumor, np.array([True, True, True, True, False]))
    Localization(tumor_share=0.5, mass_inside=0.75, voxel_auc=1.0, peak_inside=1.0)
    """
    if not values.shape == region.shape == looked_at.shape:
        shapes = ", ".join(str(one.shape) for one in (values, region, looked_at))
        raise RequestError(f"Map, region and what was looked at must be of one shape; theirs are {shapes}.")
    seen, tumor = values[looked_at].astype(np.float64), region[looked_at].astype(bool)
    if not (seen >= 0).all() or np.isinf(seen).any():  # NaN is not 0 or more
        raise RequestError("A map of 0 or more was expected and it holds others. Of a signed map give absolute values.")
    total, n_tumor = seen.sum(), int(tumor.sum())
    if not n_tumor or not total:
        return Localization(n_tumor / max(len(seen), 1), np.nan, np.nan, np.nan)
    peaks = seen == seen.max()
    area = float(auc(tumor, seen)) if n_tumor < len(seen) else np.nan
    return Localization(n_tumor / len(seen), float(seen[tumor].sum() / total), area, float(tumor[peaks].mean()))


def localization_row(of_map: tuple[str, str], weights: str, sample: tuple[str, str], found: Localization) -> dict:
    """Return a row of the table that ``summarize_localization`` takes: network and map, weights, sample and patient."""
    return dict(zip(SAMPLE, (*of_map, weights, *sample, *asdict(found).values()), strict=True))


@validate_params(
    {
        "table": [pd.DataFrame],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def summarize_localization(
    table: pd.DataFrame,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> pd.DataFrame:
    """Return the mean of each measure over patients, and how much it is above that of the controls.

    Parameters
    ----------
    table : DataFrame
        Columns network, map, weights ("trained", "random weights" or "center prior"), sample_id, patient_id and the
        measures.
    n_resamples : int, default=2000
        Of whole patients; a patient's scans count together as one.
    confidence : float, default=0.95
    random_state : int, RandomState or None, default=None

    Returns
    -------
    DataFrame
        Columns network, map, measure, against ("" the map itself; a control: the map less the control, patient by
        patient), value, low, high, n_patients. One patient has no interval.

    Examples
    --------
    >>> masses = {"trained": 0.3, "center prior": 0.4}
    >>> rows = [("net", "grad_cam", w, s, s, 0.1, m, 0.5, 0.0) for s in "ab" for w, m in masses.items()]
    >>> told = summarize_localization(pd.DataFrame(rows, columns=SAMPLE), random_state=0)
    >>> told[["measure", "against", "value", "high"]].round(2).head(2).to_numpy().tolist()
    [['mass_inside', '', 0.3, 0.3], ['mass_inside', 'center prior', -0.1, -0.1]]
    """
    seed = draw_seed(random_state)
    rows = [
        (*name, measure, against, *_interval(each.dropna().to_numpy(), n_resamples, confidence, seed))
        for name, of_map in table.groupby(OF_MAP, sort=False)
        for measure, against, each in _by_patient(of_map)
    ]
    return pd.DataFrame(rows, columns=SUMMARY)


def _by_patient(of_map: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    """Yield measure, control and the number of each patient."""
    for measure in MEASURES:
        wide = of_map.pivot_table(measure, "patient_id", "weights", aggfunc="mean", dropna=False)
        yield measure, "", wide[TRAINED]
        yield from ((measure, control, wide[TRAINED] - wide[control]) for control in CONTROLS if control in wide)


def _interval(values: np.ndarray, n_resamples: int, confidence: float, seed: int) -> tuple[float, float, float, int]:
    if len(values) < 2:
        return float(values.mean()) if len(values) else np.nan, np.nan, np.nan, len(values)
    weights = multiplicities(len(values), n_resamples, seed)
    return *value_and_interval(values @ weights / weights.sum(axis=0), confidence), len(values)


def localization_sentences(summary: pd.DataFrame) -> list[str]:
    """Return how to read a summary: whether each map is better than random weights and the middle of the picture.

    Examples
    --------
    >>> told = [("", 0.6, 0.5, 0.7, 9), ("center prior", -0.1, -0.2, -0.05, 9)]
    >>> rows = [("net", "grad_cam", "voxel_auc", *each) for each in told]
    >>> print(*localization_sentences(pd.DataFrame(rows, columns=SUMMARY))[1:])
    grad_cam of net: voxel AUC 0.60 (0.50 to 0.70) in 9 patients, 0.10 below the center prior (-0.20 to -0.05): it is
    no better than the center prior and localizes nothing.
    """
    told = [
        "A map that is no better than the center prior, a spot in the middle of the picture, localizes nothing; one "
        "that is no better than random weights shows the image, and not what was learned."
    ]
    main = summary[(summary["measure"] == "voxel_auc") & summary["value"].notna()]
    for (network, name), rows in main.groupby(OF_MAP, sort=False):
        by_control = {row.against: row for row in rows.itertuples()}
        if "" in by_control and CENTER in by_control:
            told.append(f"{name} of {network}: {_compared(by_control)}.")
    return told


def _compared(by_control: Mapping[str, Any]) -> str:
    own = by_control[""]
    differences = {name: by_control[name] for name in (CENTER, RANDOM) if name in by_control}
    reached = f"voxel AUC {number(own.value)}{_span(own)} in {counted(own.n_patients, 'patient')}"
    compared = [_difference(name, row) for name, row in differences.items()]
    return f"{', '.join([reached, *compared])}: {_verdict(differences)}"


def _difference(control: str, row: Any) -> str:
    side = "above" if row.value > 0 else "below"
    return f"{number(abs(row.value))} {side} {CALLED[control]}{_span(row)}"


def _verdict(differences: Mapping[str, Any]) -> str:
    """Say what a map is shown to do; it must pass both controls, and the one that it does not pass is named."""
    if not all(np.isfinite(row.low) for row in differences.values()):
        return "one patient proves nothing"
    if differences[CENTER].high <= 0:
        return "it is no better than the center prior and localizes nothing"
    if RANDOM in differences and differences[RANDOM].high <= 0:
        return "it is no better than random weights and shows nothing that was learned"
    failed = [CALLED[name] for name, row in differences.items() if not row.low > 0]
    if failed:
        return f"not shown to localize better than {' and '.join(failed)}"
    if RANDOM not in differences:
        return "it localizes more than the middle does, not held against random weights"
    return "it localizes more than the middle and random weights do"


def _span(row: Any) -> str:
    return f" ({number(row.low)} to {number(row.high)})" if np.isfinite(row.low) else ""
