"""A light 3-D U-Net that reads the sequences that a patient has, and is told of an absent one by NaN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radiofuse.deep.fusion.joins import ScalarAverage
from radiofuse.deep.fusion.weighting_net import hide_modalities
from radiofuse.deep.tasks.blocks import Decoder, levels
from radiofuse.errors import RequestError


class UNet(nn.Module):
    """A stem for each sequence, their average by learned weights, and a U-Net of residual blocks.

    Parameters
    ----------
    channels : int
        Sequences.
    n_classes : int, default=4
        Of voxels, background first.
    widths : sequence of int, default=(8, 16, 32)
        Channels of each level; each level but the first halves the grid.
    blocks : int, default=1
        Residual blocks of each level of the encoder.
    modality_dropout : bool, default=False
        Whether in training none, one or two of a patient's sequences are hidden, with probability .5, .3 and .2.

    References
    ----------
    Çiçek et al. (2016). 3D U-Net: learning dense volumetric segmentation from sparse annotation. MICCAI.
    The average over sequences that are there follows Liu et al. (GMMAS): the mean with weights exp(v - 1).

    Examples
    --------
    >>> net = UNet(2).eval()
    >>> x = torch.randn(1, 2, 8, 8, 8)
    >>> net(x).shape
    torch.Size([1, 4, 8, 8, 8])
    >>> x[:, 1] = torch.nan  # the second sequence is absent
    >>> bool(net(x).isfinite().all())
    True
    """

    def __init__(
        self,
        channels: int,
        n_classes: int = 4,
        *,
        widths: Sequence[int] = (8, 16, 32),
        blocks: int = 1,
        modality_dropout: bool = False,
    ) -> None:
        super().__init__()
        self.channels, self.modality_dropout = channels, modality_dropout
        self.stems = nn.Conv3d(channels, channels * widths[0], 3, padding=1, groups=channels)
        self.average = ScalarAverage(channels, widths[0])
        self.levels = levels(widths, [blocks] * len(widths))
        self.decoder = Decoder(widths, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (b, n_classes, d, h, w).

        Parameters
        ----------
        x : Tensor, shape (b, channels, d, h, w)
            Sides are multiples of 2 to the power of the levels less one; an absent sequence is NaN in all voxels.
        """
        present = ~x.isnan().flatten(2).any(2)  # (b, channels)
        if self.training and self.modality_dropout:
            present = hide_modalities(present.cpu(), torch.default_generator).to(x.device)
        stems = self.stems(x.nan_to_num(nan=0.0)).unflatten(1, (self.channels, -1))  # (b, channels, width, d, h, w)
        x = self.average.mean(stems, present)
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return self.decoder(x, maps[:-1])


def check_sizes(window: Sequence[int], widths: Sequence[int]) -> None:
    """Refuse a window that cannot be halved as often as there are levels below the first.

    Raises
    ------
    RequestError

    Examples
    --------
    >>> check_sizes((32, 32, 30), (8, 16, 32))
    Traceback (most recent call last):
    radiofuse.errors.RequestError: A window of 32 x 32 x 30 voxels cannot be halved 2 times, once for each level ...
    """
    halvings = len(widths) - 1
    if len(window) != 3 or not widths or min(*window, *widths) < 1 or any(side % 2**halvings for side in window):
        raise RequestError(
            f"A window of {' x '.join(map(str, window))} voxels cannot be halved {halvings} times, once for each level "
            f"below the first. Take sides that are multiples of {2**halvings}, or fewer widths."
        )
