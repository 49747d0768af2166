"""Regions: the box of a mask, whatever its type and layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import ImageError
from radiofuse.radiomics.region import Region

SPACING = (2.0, 1.0, 0.5)


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    seed=st.integers(0, 2**20),
    share=st.floats(0.01, 1),
    dtype=st.sampled_from([bool, np.uint8, np.int16, float]),
    axes=st.permutations(range(3)),
)
def test_the_box_is_that_of_the_voxels_that_are_not_0(shape, seed, share, dtype, axes):
    rng = np.random.default_rng(seed)
    mask = ((rng.random(shape) < share) * rng.integers(1, 5, shape)).astype(dtype).transpose(axes)
    indices = np.argwhere(mask)
    if not len(indices):
        with pytest.raises(ImageError, match="no voxel"):
            Region.of(mask, SPACING)
        return
    region = Region.of(mask, SPACING)
    assert region.start == tuple(indices.min(axis=0))
    assert region.shape == tuple(np.ptp(indices, axis=0) + 1)
    assert region.volume_shape == mask.shape
    assert region.mask.dtype == np.uint8
    assert region.mask.flags.c_contiguous
    np.testing.assert_array_equal(region.mask, mask[region.box] != 0)
    assert region.n_voxels == len(indices)


def test_the_region_around_others_holds_the_voxels_of_each():
    volume = np.zeros((6, 7, 8), bool)
    parts = [volume.copy() for _ in range(3)]
    parts[0][1, 2:4, 3] = parts[1][4, 4, 6] = parts[2][1:3, 2, 3] = True
    regions = [Region.of(part, SPACING) for part in parts]
    together = Region.around(regions)
    whole = Region.of(parts[0] | parts[1] | parts[2], SPACING)
    assert (together.start, together.shape) == (whole.start, whole.shape)
    np.testing.assert_array_equal(together.mask, whole.mask)
    for region in regions:
        assert (together.mask[region.within(together)] >= region.mask).all()


def test_the_digest_tells_forms_and_spacings_apart_and_not_places():
    box, other = np.ones((2, 3, 2), bool), np.ones((2, 2, 3), bool)
    here, there = (Region.of(np.pad(box, ((n, 1), (1, n), (0, n))), SPACING) for n in (0, 3))
    assert here.digest() == there.digest()
    assert here.digest() != Region.of(other, SPACING).digest()
    assert here.digest() != Region.of(box, (1.0, 1.0, 1.0)).digest()
