"""Statistics of runs, zones and dependences: the kernel against their formulas over every cell."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.radiomics.classes import _lengths
from radiofuse.radiomics.classes.runs_and_zones import EMPHASES, EPS, STATISTICS, LengthStatistics


def by_formula(counts: np.ndarray, lengths: np.ndarray, added: float) -> dict[str, float]:
    total, level = counts.sum(), np.arange(1.0, len(counts) + 1)[:, None]
    p = counts / total
    of_level, of_length = counts.sum(axis=1), counts.sum(axis=0)
    found = {
        "groups": total,
        "voxels": (counts * lengths).sum(),
        "level non-uniformity": (of_level**2).sum() / total,
        "length non-uniformity": (of_length**2).sum() / total,
        "level variance": (p * (level - (p * level).sum()) ** 2).sum(),
        "length variance": (p * (lengths - (p * lengths).sum()) ** 2).sum(),
        "entropy": -(p * np.log2(p + added, where=p > 0, out=np.zeros_like(p))).sum(),
    }
    return found | {name: (p * level**a * lengths**b).sum() for (a, b), name in EMPHASES.items()}


@pytest.mark.parametrize("ibsi", [False, True])
def test_every_statistic_is_its_formula(ibsi):
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.4, (5, 30, 12)) * rng.integers(1, 4, (5, 1, 1))
    counts[2] = 0
    lengths = np.sort(rng.choice(400, 12, replace=False)) + 1.0
    statistics = LengthStatistics(counts, lengths, ibsi=ibsi)
    expected = [by_formula(one.astype(float), lengths, 0.0 if ibsi else EPS) for one in counts if one.any()]
    assert len(statistics.n_groups) == len(expected) == 4
    for name in STATISTICS:
        np.testing.assert_allclose(statistics._of(name), [of[name] for of in expected], rtol=1e-13)


@pytest.mark.parametrize("shapes", [((2, 3, 4), 5, (2, 15)), ((2, 3, 4), 4, (1, 15)), ((2, 3, 4), 4, (2, 14))])
def test_the_kernel_refuses_shapes_that_do_not_fit(shapes):
    counts, lengths, statistics = (np.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match="fit"):
        _lengths.describe(counts, lengths, 0.0, statistics)
