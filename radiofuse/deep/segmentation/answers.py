"""What trained U-Nets say of a patient: the class of each voxel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.device import in_batches_that_fit, one_thread
from radiofuse.deep.segmentation.components import without_scatter
from radiofuse.deep.segmentation.options import SegmenterOptions
from radiofuse.deep.segmentation.windows import in_flips, in_windows


def segmented(nets: Sequence[nn.Module], volume: np.ndarray, options: SegmenterOptions) -> np.ndarray:
    """Return the most probable class of each voxel by the mean of several networks, without scattered pieces.

    Parameters
    ----------
    nets : sequence of nn.Module
        In eval mode, on one device.
    volume : ndarray of float32, shape (channels, d, h, w)
        NaN where a sequence is absent.
    options : SegmenterOptions

    Returns
    -------
    ndarray of uint8, shape (d, h, w)
    """
    device = next(nets[0].parameters()).device

    def shares(windows: Tensor) -> Tensor:
        return torch.stack([net(windows).softmax(1) for net in nets]).mean(0)

    x = torch.from_numpy(np.ascontiguousarray(volume, dtype=np.float32)).to(device)

    def whole(batch_size: int) -> Tensor:
        of_volume = partial(in_windows, shares, window=options.window, overlap=options.overlap, batch_size=batch_size)
        return in_flips(of_volume, x) if options.flips else of_volume(x)

    with torch.inference_mode(), one_thread():
        found = in_batches_that_fit(whole, options.batch_size)
    return without_scatter(found.argmax(0).to(torch.uint8).cpu().numpy())
