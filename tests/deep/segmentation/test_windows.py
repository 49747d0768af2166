"""Windows and flips: stitched identity, MONAI's inferer, a plain loop, symmetric functions."""

from __future__ import annotations

from functools import partial
from itertools import combinations, product

import pytest

torch = pytest.importorskip("torch")

from monai.inferers import sliding_window_inference  # noqa: E402
from torch.nn import functional  # noqa: E402

from radiofuse.deep.segmentation.windows import in_flips, in_windows, window_starts  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

VOLUME = torch.randn(2, 9, 11, 14, generator=torch.Generator().manual_seed(0))
KERNEL = torch.randn(3, 2, 3, 3, 3, generator=torch.Generator().manual_seed(1))


def convolved(x):
    return functional.conv3d(x, KERNEL, padding=1)


@pytest.mark.parametrize("gaussian", [False, True])
@pytest.mark.parametrize("window", [(4, 5, 6), (9, 11, 14), (16, 4, 15)])
def test_stitched_identity(window, gaussian):
    torch.testing.assert_close(in_windows(lambda x: x, VOLUME, window, gaussian=gaussian), VOLUME)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("window", [(4, 5, 6), (12, 4, 15)])
def test_it_is_what_monai_makes(window, overlap):
    theirs = sliding_window_inference(VOLUME[None], window, 2, convolved, overlap=overlap)[0]
    torch.testing.assert_close(in_windows(convolved, VOLUME, window, overlap=overlap, gaussian=False), theirs)


def test_batches_of_windows_are_windows_one_by_one():
    one, many = (in_windows(convolved, VOLUME, (4, 5, 6), batch_size=size) for size in (1, 7))
    torch.testing.assert_close(one, many)


def test_numbers_are_averaged_over_windows_beside_maps():
    def both(x):
        return {"map": x, "mean": x.mean((2, 3, 4))}

    answer = in_windows(both, VOLUME, (4, 5, 6), batch_size=3)
    starts = [window_starts(n, side, 0.5) for n, side in zip((9, 11, 14), (4, 5, 6), strict=True)]
    means = [VOLUME[:, a : a + 4, b : b + 5, c : c + 6].mean((1, 2, 3)) for a, b, c in product(*starts)]
    torch.testing.assert_close(answer["mean"], torch.stack(means).mean(0))
    torch.testing.assert_close(answer["map"], VOLUME)


def test_flips_of_what_knows_no_side_change_nothing_and_of_others_do():
    torch.testing.assert_close(in_flips(lambda x: x**2, VOLUME), VOLUME**2)
    torch.testing.assert_close(in_flips(lambda x: {"n": x.amax((1, 2, 3))}, VOLUME)["n"], VOLUME.amax((1, 2, 3)))
    assert not torch.allclose(in_flips(lambda x: convolved(x[None])[0], VOLUME), convolved(VOLUME[None])[0])


def test_flips_of_a_convolution_are_one_convolution_with_the_mean_of_the_flipped_kernels():
    all_axes = [axes for n in range(4) for axes in combinations((2, 3, 4), n)]
    mean = torch.stack([KERNEL.flip(axes) for axes in all_axes]).mean(0)
    expected = functional.conv3d(VOLUME[None], mean, padding=1)[0]
    torch.testing.assert_close(in_flips(lambda x: convolved(x[None])[0], VOLUME), expected)


def test_windows_in_flips_of_a_symmetric_function():
    by_windows = partial(in_windows, lambda x: x.abs(), window=(4, 5, 6))
    torch.testing.assert_close(in_flips(by_windows, VOLUME), VOLUME.abs())


@pytest.mark.parametrize(("window", "overlap"), [((4, 4), 0.5), ((4, 4, 0), 0.5), ((4, 4, 4), 1.0)])
def test_what_is_no_window_is_refused(window, overlap):
    with pytest.raises(RequestError, match="three sides"):
        in_windows(convolved, VOLUME, window, overlap=overlap)
