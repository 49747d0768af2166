"""Random arguments of every kernel function, such as Python hands them: takes ``rng``, returns them in their order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiofuse.names import kernel

Arguments = list
FORWARD = [(z, y, x) for z in (0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)]
ODD = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1.0)


# ---------------------------------------------------------------- images


def sizes(rng: np.random.Generator, most: int = 9) -> tuple[int, int, int]:
    """Return a volume's shape: also of one voxel, one line, one slice."""
    shape = rng.integers(1, most, 3)
    shape[rng.random(3) < 0.2] = 1
    return tuple(map(int, shape))


def floats(rng: np.random.Generator, shape: object) -> np.ndarray:
    values = rng.normal(0, 10.0 ** rng.integers(-3, 6), shape)
    if rng.random() < 0.2:
        values = np.round(values)
    if rng.random() < 0.15:
        values = np.where(rng.random(values.shape) < 0.1, rng.choice(ODD, values.shape), values)
    return np.full_like(values, rng.choice(ODD)) if rng.random() < 0.05 else values


def levels(rng: np.random.Generator, dtype: str) -> tuple[np.ndarray, int]:
    """Return gray levels with a border of zeros, and the highest there may be: few, or as many as a kernel takes."""
    n_levels = int(rng.choice([1, 2, 5, 40, 300]))
    inside = rng.integers(0, n_levels + 1, sizes(rng)) * (rng.random() < 0.95)
    return np.pad(inside, 1).astype(dtype), n_levels


def offsets(rng: np.random.Generator) -> np.ndarray:
    return np.array(FORWARD, np.int32)[rng.permutation(13)[: rng.integers(14)]].reshape(-1, 3)


def mask(rng: np.random.Generator, shape: object) -> np.ndarray:
    return (rng.random(shape) < rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])).astype(np.uint8)


def discretization(rng: np.random.Generator) -> Arguments:
    n = int(rng.integers(0, 60))
    edges = np.sort(floats(rng, int(rng.integers(2, 40))))
    return [floats(rng, n), edges, np.zeros(n, np.int32)]


def neighbors(rng: np.random.Generator) -> Arguments:
    box, n_levels = levels(rng, "i4")
    around = offsets(rng) * int(rng.choice([1, 1, 1, 2, 5]))
    n = len(around)
    out = [np.zeros((n, n_levels, n_levels), "i4"), np.zeros((n_levels, 2 * n + 1), "i4"), np.zeros((n_levels, 4))]
    return [
        box,
        around,
        n_levels,
        int(rng.choice([0, 1, 70_000])),
        *(one if rng.random() < 0.8 else None for one in out),
    ]


def runs(rng: np.random.Generator) -> Arguments:
    box, n_levels = levels(rng, "u2")
    around = offsets(rng)
    return [box, around, np.zeros((len(around), n_levels, max(box.shape) - 2), np.int32), bool(rng.integers(2))]


def zones(rng: np.random.Generator) -> Arguments:
    box, _ = levels(rng, "u2")
    of_zones = [np.zeros(int(np.count_nonzero(box)), np.int32) for _ in range(2)]
    labels = np.zeros(box.shape, np.int32) if rng.random() < 0.5 else None
    return [box, int(rng.integers(-1, 3)), *of_zones, labels]


def lengths(rng: np.random.Generator) -> Arguments:
    shape = tuple(int(rng.integers(*bounds)) for bounds in ((0, 4), (1, 40), (1, 30)))
    counts = rng.poisson(rng.choice([0.0, 0.05, 3]), shape) * (np.abs(floats(rng, ())) if rng.random() < 0.3 else 1.0)
    return [counts, np.sort(rng.integers(1, 500, shape[2])).astype(float), 2.2e-16, np.zeros((shape[0], 15))]


def glcm(rng: np.random.Generator) -> Arguments:
    n_directions, n_levels = int(rng.integers(1, 6)), int(rng.choice([1, 2, 3, 8, 30]))
    counts = rng.poisson(rng.choice([0.05, 1, 20]), (n_directions, n_levels, n_levels)).astype(np.int32)
    weights = np.abs(floats(rng, n_directions)) if rng.random() < 0.4 else None
    rows = np.zeros((n_directions if weights is None else 1, 24))
    return [counts, weights, *(bool(rng.integers(2)) for _ in "s"), 2.2e-16, *map(bool, rng.integers(0, 2, 2)), rows]


def cube_counts(rng: np.random.Generator) -> Arguments:
    return [mask(rng, sizes(rng, 20)), np.zeros((256, 4), np.int64)]


def coordinates(rng: np.random.Generator) -> Arguments:
    region = mask(rng, sizes(rng))
    return [region, rng.uniform(0.1, 5, 3), np.zeros((3, int(region.sum())))]


def diameters(rng: np.random.Generator) -> Arguments:
    return [mask(rng, sizes(rng, 14)), rng.uniform(0.1, 5, 3), np.zeros(4)]


def pieces(rng: np.random.Generator) -> Arguments:
    region = mask(rng, sizes(rng, 12))
    n_rows = region.shape[0] * region.shape[1]
    room = n_rows * ((region.shape[2] + 1) // 2)
    return [region, np.zeros((4, room), np.int32), np.zeros(n_rows + 1, np.int32)]


def survey(rng: np.random.Generator) -> Arguments:
    values = floats(rng, sizes(rng, 14)) * (rng.random() < 0.9)
    dtype = np.dtype(rng.choice(["f4", "f8", "?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"]))
    return [values.astype(dtype) if dtype.kind == "f" else np.clip(np.nan_to_num(values), 0, 100).astype(dtype)]


# ---------------------------------------------------------------- maps


def windows(n_features: int) -> Callable[[np.random.Generator], tuple[Arguments, int]]:
    """Return what makes grid, centers, positions, out and n_levels, and says how many positions a window has."""

    def shared(rng: np.random.Generator) -> tuple[Arguments, int]:
        reach, shape, n_levels = int(rng.integers(1, 3)), np.array(sizes(rng, 6)), int(rng.choice([1, 2, 6, 200]))
        padded = shape + 2 * reach
        grid = rng.integers(0, n_levels + 1, padded).astype(np.int32).ravel()
        strides = np.array([padded[1] * padded[2], padded[2], 1])
        centers = (np.argwhere(np.ones(shape)) + reach) @ strides
        steps = np.array([o for o in np.ndindex(*[2 * reach + 1] * 3) if rng.random() < 0.9] or [(0, 0, 0)]) - reach
        return [grid, centers, steps @ strides, np.zeros((n_features, len(centers))), n_levels], len(steps)

    return shared


def pairs(rng: np.random.Generator, n_positions: int) -> Arguments:
    counts = rng.integers(0, 12, rng.integers(0, 14))
    return [rng.integers(0, n_positions, (counts.sum(), 2)).astype(np.int32), np.cumsum([0, *counts]).astype(np.int64)]


def firstorder_maps(rng: np.random.Generator) -> Arguments:
    shared, _ = windows(19)(rng)
    return [*shared, floats(rng, len(shared[0])), float(rng.choice([0, 300])), 1.5]


def glcm_maps(rng: np.random.Generator) -> Arguments:
    shared, n_positions = windows(24)(rng)
    around = pairs(rng, n_positions)
    weights = rng.uniform(0, 2, len(around[1]) - 1) if rng.random() < 0.4 else None
    return [*shared, *around, weights, *map(bool, rng.integers(0, 2, 3))]


def maps_of_pairs(n_features: int, *more: int) -> Callable[[np.random.Generator], Arguments]:
    def made(rng: np.random.Generator) -> Arguments:
        shared, n_positions = windows(n_features)(rng)
        return [*shared, *pairs(rng, n_positions), *more]

    return made


def glrlm_maps(rng: np.random.Generator) -> Arguments:
    shared, n_positions = windows(16)(rng)
    lengths = rng.integers(0, min(6, n_positions + 1), rng.integers(0, 30))
    bounds = np.sort(rng.integers(0, len(lengths) + 1, rng.integers(0, 13)))
    of_direction = np.array([0, *bounds, len(lengths)], np.int64)
    lines = rng.integers(0, n_positions, lengths.sum()).astype(np.int32)
    weights = rng.uniform(0, 2, len(of_direction) - 1) if rng.random() < 0.4 else None
    return [*shared, lines, np.cumsum([0, *lengths]).astype(np.int64), of_direction, weights]


# ---------------------------------------------------------------- filters


def recursive_gaussian(rng: np.random.Generator) -> Arguments:
    dtype = np.dtype(rng.choice(["f4", "f8", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"]))
    shape = np.array(sizes(rng, 12)) + 3
    values = np.clip(np.nan_to_num(floats(rng, shape)), 0 if dtype.kind == "u" else -100, 100)
    volume = values.astype(dtype)
    first = rng.integers(0, shape - 3)
    stop = np.minimum(shape, first + 4 + rng.integers(0, 6, 3))
    inner = first + rng.integers(0, 3, 3)
    end = np.minimum(stop, inner + 1 + rng.integers(0, 6, 3))
    n_sigmas = int(rng.integers(1, 4))
    reads = [np.stack([rng.integers(0, first + 1), rng.integers(stop, shape + 1)]) for _ in range(n_sigmas)]
    extents = np.array([np.stack([*read, inner, end], axis=1) for read in reads], np.int64)
    taps = (n_sigmas, 3, 2, 2, 12)
    recursions = floats(rng, taps) if rng.random() < 0.3 else rng.uniform(-0.4, 0.4, taps)
    out = np.zeros((n_sigmas, *(end - inner)), "f4")
    return [volume, dtype.kind, dtype.itemsize, out, recursions, extents, floats(rng, 3)]


def gradient(rng: np.random.Generator) -> Arguments:
    shape = np.array(sizes(rng))
    return [floats(rng, shape + 2), np.zeros(shape, "f4"), floats(rng, 3)]


def wavelet(rng: np.random.Generator) -> Arguments:
    a, n, b = sizes(rng, 12)
    dtype, n_taps = rng.choice(["f4", "f8"]), int(rng.integers(1, 13))
    with np.errstate(over="ignore"):
        block, taps = (floats(rng, shape).astype(dtype) for shape in ((a, n + n_taps - 1, b), n_taps))
    return [block, np.zeros((a, n, b), dtype), taps, int(rng.integers(0, 30)), int(rng.integers(1, 30))]


def spheres(rng: np.random.Generator) -> Arguments:
    planes, rows, columns = sizes(rng)
    coefficients, region = floats(rng, np.array((planes, rows, columns)) + 4), mask(rng, (rows, columns))
    n, n_vertices = planes + rows + columns, int(rng.integers(0, 7))
    most = np.repeat([planes, rows, columns], [planes, rows, columns])
    starts = rng.integers(-1, most + 1, (n_vertices, n)).astype(np.int32)
    out = np.zeros((int(region.sum()), n_vertices))
    return [coefficients, region, starts, floats(rng, (n_vertices, 4, n)), out, int(rng.integers(planes))]


# ---------------------------------------------------------------- selection


def merge_classes(rng: np.random.Generator) -> Arguments:
    n_columns = int(rng.integers(0, 20))
    sorted_values = [np.sort(np.round(floats(rng, (n_columns, int(rng.integers(1, 12)))))) for _ in range(2)]
    return [*sorted_values, np.zeros((n_columns, 4), np.int64)]


def count_ordered(rng: np.random.Generator) -> Arguments:
    n_columns, n_rows = int(rng.integers(0, 9)), int(rng.integers(0, 20))
    order = np.array([rng.permutation(n_rows) for _ in range(n_columns)]).reshape(n_columns, n_rows)
    same = mask(rng, order.shape)
    n_values = rng.integers(0, n_rows + 1, n_columns).astype(np.int64)
    members = rng.integers(0, 3, n_rows).astype(np.uint8)
    return [order.astype(rng.choice(["u2", "u4"])), same, n_values, members, np.zeros((n_columns, 4), np.int64)]


def lasso_start(rng: np.random.Generator) -> Arguments:
    p, n = int(rng.integers(1, 9)), int(rng.integers(2, 30))
    n_folds = int(rng.integers(0, 4)) if n > 8 else 0
    folds = np.sort(rng.integers(0, max(n_folds, 1), n)).astype(np.int64)
    weights = np.full(n, 1 / n) if rng.random() < 0.5 else rng.uniform(0, 1, n)
    rounding = np.full(p, 1e-12)
    return [
        floats(rng, (p, n)),
        floats(rng, n),
        weights,
        folds,
        max(n_folds, 1),
        rounding,
        np.zeros(p),
        bool(rng.integers(2)),
    ]


def lasso_advance(rng: np.random.Generator) -> Arguments:
    started = lasso_start(rng)
    paths = kernel("select._lasso_path").start(*started)
    alpha = float(np.abs(started[6]).max() * rng.choice([1.5, 0.5, 0.01, 0.0]))
    return [paths, alpha, np.zeros(started[4]), np.zeros(len(started[0]))]


def coordinate_descent(rng: np.random.Generator) -> Arguments:
    p, n, k, f = int(rng.integers(1, 7)), 8 * int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
    columns, targets = floats(rng, (p, n)), rng.integers(0, 2, (k, n)).astype(float)
    problems = [rng.uniform(0, 2 / n, (f, n)), np.ones((f, p)), np.full(f, 1e-9), mask(rng, f)]
    filled = [np.zeros((f, k, p)), floats(rng, (f, k, p)), np.zeros((f, k, n)), np.zeros(f)]
    alpha = float(rng.choice([1.0, 0.1, 1e-4]))
    return [columns, targets, *problems, *filled, int(rng.integers(3)), alpha, 2 * alpha, float(rng.choice([1.0, 0.5]))]


CASES: dict[str, Callable[[np.random.Generator], Arguments]] = {
    "imaging._pieces.count": pieces,
    "imaging._survey.intensities": survey,
    "imaging._survey.moments": survey,
    "imaging._survey.mask": survey,
    "radiomics._discretization.levels": discretization,
    "radiomics.classes._neighbors.count": neighbors,
    "radiomics.classes._runs.run_lengths": runs,
    "radiomics.classes._zones.zones": zones,
    "radiomics.classes._lengths.describe": lengths,
    "radiomics.classes._glcm.features_of_directions": glcm,
    "radiomics.classes._mesh.cube_counts": cube_counts,
    "radiomics.classes._mesh.coordinates": coordinates,
    "radiomics.classes._mesh.squared_diameters": diameters,
    "radiomics.classes._firstorder_maps.describe": firstorder_maps,
    "radiomics.classes._glcm_maps.describe": glcm_maps,
    "radiomics.classes._gldm_maps.describe": maps_of_pairs(16, 1),
    "radiomics.classes._glrlm_maps.describe": glrlm_maps,
    "radiomics.classes._glszm_maps.describe": maps_of_pairs(16),
    "radiomics.classes._ngtdm_maps.describe": maps_of_pairs(5),
    "radiomics.filters._recursive_gaussian.laplacians_in_box": recursive_gaussian,
    "radiomics.filters._gradient.gradient_magnitude": gradient,
    "radiomics.filters._wavelet.filter_axis": wavelet,
    "radiomics.filters._spheres.sample_plane": spheres,
    "select._rank_sums.merge_classes": merge_classes,
    "select._rank_sums.count_ordered": count_ordered,
    "select._lasso_path.start": lasso_start,
    "select._lasso_path.advance": lasso_advance,
    "select._coordinate_descent.minimize_penalized": coordinate_descent,
}
