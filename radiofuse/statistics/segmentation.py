"""How well a predicted mask covers an expert's: Dice, the 95th percentile of distances in mm, volumes in ml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.ndimage import binary_erosion, distance_transform_edt

from radiofuse.errors import RequestError
from radiofuse.statistics.intervals import draw_seed, multiplicities, value_and_interval

REGION_COLUMNS = ["region", "dice", "hausdorff_95_mm", "predicted_ml", "expert_ml", "volume_error_ml"]
SUMMARY_COLUMNS = [
    "region",
    "n_patients",
    "dice",
    "low",
    "high",
    "hausdorff_95_mm",
    "n_infinite",
    "volume_error_ml",
    "absolute_volume_error_ml",
    "n_empty",
]
MM3_PER_ML = 1000.0


def dice(predicted: np.ndarray, expert: np.ndarray) -> float:
    """Return twice the voxels of both over the voxels of each; 1 where both are empty.

    Parameters
    ----------
    predicted, expert : ndarray of bool, of one shape

    Raises
    ------
    RequestError
        If shapes differ.

    References
    ----------
    Dice LR (1945). Measures of the amount of ecologic association between species. Ecology 26:297.
    Maier-Hein L et al. (2024). Metrics reloaded. Nature Methods 21:195 (what is empty must be decided; BraTS has 1).

    Examples
    --------
    >>> dice(np.array([True, True, False]), np.array([False, True, True]))
    0.5
    >>> dice(np.zeros(3, bool), np.zeros(3, bool))
    1.0
    """
    _refuse_shapes(predicted, expert)
    total = int(predicted.sum()) + int(expert.sum())
    return 2 * int((predicted & expert).sum()) / total if total else 1.0


def hausdorff_95(predicted: np.ndarray, expert: np.ndarray, spacing_mm: Sequence[float]) -> float:
    """Return the 95th percentile of the distances between two surfaces, the larger of both directions.

    Parameters
    ----------
    predicted, expert : ndarray of bool, of one shape
    spacing_mm : sequence of float
        Size of a voxel along each axis of the arrays.

    Returns
    -------
    float
        In mm; 0 where both are empty, infinite where one is: there is nothing that a distance could lead to.

    Raises
    ------
    RequestError
        If shapes differ.

    References
    ----------
    Huttenlocher DP et al. (1993). Comparing images using the Hausdorff distance. IEEE TPAMI 15:850, section 2 and the
    ranked distance of section 4; the percentile is of each direction, as in MONAI.

    Examples
    --------
    >>> one, other = np.zeros((1, 1, 9), bool), np.zeros((1, 1, 9), bool)
    >>> one[..., 2], other[..., 5] = True, True
    >>> hausdorff_95(one, other, (1, 1, 1.5))
    4.5
    """
    _refuse_shapes(predicted, expert)
    if not predicted.any() or not expert.any():
        return float("inf") if predicted.any() or expert.any() else 0.0
    both = predicted | expert
    box = tuple(slice(int(place.min()), int(place.max()) + 1) for place in np.nonzero(both))
    one, other = (_surface(region[box]) for region in (predicted, expert))
    directed = (_distances(one, other, spacing_mm), _distances(other, one, spacing_mm))
    return float(max(np.percentile(distances, 95) for distances in directed))


def _surface(region: np.ndarray) -> np.ndarray:
    """Return the voxels of a region with a face to what lies outside it."""
    return region & ~binary_erosion(region)


def _distances(start: np.ndarray, target: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Return how far each voxel of one surface is from the other, in mm."""
    return distance_transform_edt(~target, sampling=spacing_mm)[start]


def region_volumes(mask: np.ndarray, regions: Mapping[str, Sequence[int]], spacing_mm: Sequence[float]) -> pd.DataFrame:
    """Return the volume of each region of a mask of labels.

    Parameters
    ----------
    mask : ndarray of int
    regions, spacing_mm
        As for ``score_regions``.

    Returns
    -------
    DataFrame
        Columns region and volume_ml.

    Examples
    --------
    >>> region_volumes(np.full((10, 10, 10), 4), {"WT": [1, 2, 4], "NCR": [1]}, (1, 1, 2))["volume_ml"].tolist()
    [2.0, 0.0]
    """
    voxel_ml = float(np.prod(spacing_mm)) / MM3_PER_ML
    volumes = [int(np.isin(mask, labels).sum()) * voxel_ml for labels in regions.values()]
    return pd.DataFrame({"region": list(regions), "volume_ml": volumes})


def score_regions(
    predicted: np.ndarray, expert: np.ndarray, regions: Mapping[str, Sequence[int]], spacing_mm: Sequence[float]
) -> pd.DataFrame:
    """Compare two masks of labels region by region.

    Parameters
    ----------
    predicted, expert : ndarray of int, of one shape
    regions : mapping of str to sequence of int
        The labels that make each region.
    spacing_mm : sequence of float
        Size of a voxel along each axis of the arrays.

    Returns
    -------
    DataFrame
        Columns region, dice (1 where both are empty), hausdorff_95_mm (0 where both are empty, infinite where one is),
        predicted_ml, expert_ml, and volume_error_ml, the first volume less the second.

    Raises
    ------
    RequestError
        If shapes differ.

    Examples
    --------
    >>> predicted, expert = np.zeros((2, 10, 10, 10), np.uint8)
    >>> predicted[:5], expert[:6] = 2, 2
    >>> table = score_regions(predicted, expert, {"WT": [1, 2, 4], "ET": [4]}, (1, 1, 2))
    >>> table.round(3).to_dict("list")["dice"], table["volume_error_ml"].round(3).tolist()
    ([0.909, 1.0], [-0.2, 0.0])
    """
    pairs = {name: (np.isin(predicted, labels), np.isin(expert, labels)) for name, labels in regions.items()}
    volumes = [region_volumes(mask, regions, spacing_mm)["volume_ml"] for mask in (predicted, expert)]
    table = {
        "region": list(pairs),
        "dice": [dice(*pair) for pair in pairs.values()],
        "hausdorff_95_mm": [hausdorff_95(*pair, spacing_mm) for pair in pairs.values()],
        "predicted_ml": volumes[0],
        "expert_ml": volumes[1],
        "volume_error_ml": volumes[0] - volumes[1],
    }
    return pd.DataFrame(table, columns=REGION_COLUMNS)


def summarize_regions(
    scores: pd.DataFrame, *, n_resamples: int = 2000, random_state: int | np.random.RandomState | None = None
) -> pd.DataFrame:
    """Return each region's scores over patients, of whom each counts once.

    Parameters
    ----------
    scores : DataFrame
        The columns of ``score_regions`` and patient_id.
    n_resamples : int, default=2000
        Of patients, for the interval.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    DataFrame
        Columns region, n_patients, dice (mean; low and high, its 95 % interval by percentiles of resampled patients),
        hausdorff_95_mm (median, which one infinite distance does not move), n_infinite (patients with one),
        volume_error_ml (mean), absolute_volume_error_ml (mean), n_empty (patients of whose masks both are empty: their
        Dice is 1). One patient has no interval.

    Examples
    --------
    >>> scores = pd.DataFrame({"patient_id": ["a", "b"], "region": "WT", "dice": [0.5, 1.0]})
    >>> scores = scores.assign(hausdorff_95_mm=[3, 0], predicted_ml=[2, 0], expert_ml=[1, 0], volume_error_ml=[1, 0])
    >>> summarize_regions(scores, random_state=0)[["region", "dice", "n_empty"]].values.tolist()
    [['WT', 0.75, 1]]
    """
    seed = draw_seed(random_state)
    rows = []
    for region, of_region in scores.groupby("region", sort=False):
        measured = of_region.assign(
            absolute=of_region["volume_error_ml"].abs(),
            empty=(of_region["predicted_ml"] == 0) & (of_region["expert_ml"] == 0),
        )
        numbers = ["dice", "hausdorff_95_mm", "volume_error_ml", "absolute", "empty"]
        each = measured.groupby("patient_id")[numbers].mean()
        low, high = _dice_interval(each["dice"].to_numpy(), n_resamples, seed)
        distance, errors = each["hausdorff_95_mm"], each[["volume_error_ml", "absolute"]].mean()
        spread = (len(each), each["dice"].mean(), low, high, distance.median(), int(np.isinf(distance).sum()))
        rows.append((region, *spread, *errors, int((each["empty"] == 1).sum())))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _dice_interval(values: np.ndarray, n_resamples: int, seed: int) -> tuple[float, float]:
    if len(values) < 2:
        return np.nan, np.nan
    weights = multiplicities(len(values), n_resamples, seed)
    _, low, high = value_and_interval(values @ weights / weights.sum(axis=0), 0.95)
    return low, high


def _refuse_shapes(predicted: np.ndarray, expert: np.ndarray) -> None:
    if predicted.shape != expert.shape:
        raise RequestError(f"Two masks of one shape were expected; theirs are {predicted.shape} and {expert.shape}.")
