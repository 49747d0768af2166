"""MobileNetV2: depthwise convolutions between a wide and a narrow layer, and shortcuts between the narrow ones.

References
----------
Sandler M et al. MobileNetV2: inverted residuals and linear bottlenecks. CVPR 2018, Tables 1 and 2.
"""

from __future__ import annotations

from torch import Tensor, nn

from radiofuse.deep.encoders.pictures import check_number, narrowed
from radiofuse.deep.encoders.pooled import PooledEncoder

# Table 2: how much wider inside, channels, repetitions, stride of the first
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
FIRST, LAST = 32, 1280
DIVISOR = 8


class MobileNetV2(PooledEncoder):
    """MobileNetV2 for images of any number of channels.

    Parameters
    ----------
    channels : int, default=1
    n_classes : int, default=2
    width : float, default=1.0
        Factor of all channels, to multiples of 8; also of the last layer, which the paper leaves as it is.
    dropout : float, default=0.2
        In front of the classifier.

    Attributes
    ----------
    embedding_dim : int
        1,280 at width 1.
    encoder_version : int
        Raised by hand whenever other numbers come out.

    Examples
    --------
    >>> import torch
    >>> net = MobileNetV2(channels=3, width=0.25).eval()
    >>> net(torch.zeros(2, 3, 64, 64)).shape, net.embedding_dim
    (torch.Size([2, 2]), 320)
    """

    encoder_version = 1

    def __init__(self, channels: int = 1, n_classes: int = 2, *, width: float = 1.0, dropout: float = 0.2) -> None:
        check_number("width", width, 0.01, 4)
        last = narrowed(LAST, width, DIVISOR)
        body = nn.Sequential(*_layers(channels, width), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        for layer in body.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        super().__init__(body, last, channels=channels, n_classes=n_classes, dropout=dropout, smallest=32)

    @staticmethod
    def from_elsewhere(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of torchvision's mobilenet_v2 under our names, without its classifier."""
        return {
            f"body.{key.removeprefix('features.')}" if key.startswith("features.") else key: tensor
            for key, tensor in tensors.items()
            if not key.startswith("classifier.")
        }


class InvertedResidual(nn.Module):
    """Widen, look at each channel's neighborhood, narrow without bending; the input added where it fits."""

    def __init__(self, n_in: int, n_out: int, stride: int, factor: int) -> None:
        super().__init__()
        wide = n_in * factor
        widen = [_convolution(n_in, wide, 1)] if factor > 1 else []
        depthwise = _convolution(wide, wide, 3, stride, groups=wide)
        narrow = nn.Conv2d(wide, n_out, 1, bias=False), nn.BatchNorm2d(n_out)  # linear: a rectifier would lose half
        self.conv = nn.Sequential(*widen, depthwise, *narrow)
        self.adds = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)  # (n, n_out, h / stride, w / stride)


def _convolution(n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU6(inplace=True))


def _layers(channels: int, width: float) -> list[nn.Module]:
    """Return the layers from (n, channels, h, w) to (n, 1280, h / 32, w / 32)."""
    n_in = narrowed(FIRST, width, DIVISOR)
    layers: list[nn.Module] = [_convolution(channels, n_in, 3, stride=2)]
    for factor, c, repetitions, stride in STAGES:
        n_out = narrowed(c, width, DIVISOR)
        for number in range(repetitions):
            layers.append(InvertedResidual(n_in, n_out, stride if number == 0 else 1, factor))
            n_in = n_out
    return [*layers, _convolution(n_in, narrowed(LAST, width, DIVISOR), 1)]
