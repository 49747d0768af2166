"""VGG16 with two attention gates: where the network looks is an answer of its own.

The last map guides two earlier ones: a gate compares each of their pixels with what stands at that place five pools
deep, and what passes is pooled. A map shows where evidence was taken from, not for which class.

References
----------
Yan Y, Kawahara J, Hamarneh G. Melanoma recognition via visual attention. IPMI 2019 (the gates and the network).
Simonyan K, Zisserman A. Very deep convolutional networks for large-scale image recognition. ICLR 2015, Table 1, D.
Jetley S et al. Learn to pay attention. ICLR 2018 (an attention guided by the last map).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.deep.encoders.pictures import check_choice, check_number, check_pictures, narrowed

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # a pool behind each
GATES = ("sigmoid", "softmax")
COMPARED = 256  # channels in which a pixel and its guide are compared


class AttentionGate(nn.Module):
    """One number per pixel of a map: how much of the pixel goes into what the map is pooled to.

    Parameters
    ----------
    n_local, n_guide, n_compared : int
        Channels of the map, of its guide, and of the space in which the two are added.
    gate : {"sigmoid", "softmax"}
        Each pixel between 0 and 1 for itself, or all pixels with a sum of 1.
    """

    def __init__(self, n_local: int, n_guide: int, n_compared: int, gate: str) -> None:
        super().__init__()
        self.gate = gate
        self.local = nn.Conv2d(n_local, n_compared, 1, bias=False)
        self.guide = nn.Conv2d(n_guide, n_compared, 1, bias=False)
        self.score = nn.Conv2d(n_compared, 1, 1)

    def attention(self, local: Tensor, guide: Tensor) -> Tensor:
        """Return the attention (n, 1, h, w) that a map (n, c, h, w) is paid under its guide (n, g, h', w')."""
        # the 1x1 convolution first: it and the interpolation may change places, and the small map has fewer pixels
        guided = functional.interpolate(self.guide(guide), local.shape[2:], mode="bilinear", align_corners=False)
        score = self.score(functional.relu(self.local(local) + guided))  # (n, 1, h, w)
        if self.gate == "softmax":
            return score.flatten(2).softmax(dim=2).view(score.shape)
        return score.sigmoid()

    def forward(self, local: Tensor, guide: Tensor) -> Tensor:
        passed = self.attention(local, guide) * local  # (n, c, h, w)
        return passed.sum(dim=(2, 3)) if self.gate == "softmax" else passed.mean(dim=(2, 3))  # (n, c)


class VGG16Attention(nn.Module):
    """VGG16 with batch normalization and attention gates on its third and fourth pool, guided by the fifth.

    Parameters
    ----------
    channels : int, default=1
    n_classes : int, default=2
    width : float, default=1.0
        Factor of all channels.
    gate : {"sigmoid", "softmax"}, default="sigmoid"
        Of both gates, see ``AttentionGate``.
    dropout : float, default=0.5
        Share of the embedding that is dropped in front of the classifier, in training.

    Attributes
    ----------
    embedding_dim : int
        Fifth pool, third, fourth: 512 + 256 + 512 numbers at width 1.
    encoder_version : int
        Raised by hand whenever other numbers come out.

    Examples
    --------
    >>> net = VGG16Attention(channels=3, width=0.125).eval()
    >>> x = torch.zeros(2, 3, 64, 64)
    >>> net(x).shape, net.embed(x).shape
    (torch.Size([2, 2]), torch.Size([2, 160]))
    >>> {name: tuple(map_.shape) for name, map_ in net.attention(x).items()}
    {'pool3': (2, 1, 8, 8), 'pool4': (2, 1, 4, 4)}
    """

    encoder_version = 1
    map_layer = "features.42"  # what the last pool, the guide of both gates, is made from: 14 x 14 of 224 pixels
    may_be_fresh = ("pool3.", "pool4.")  # the plain VGG16 that weights often come from has no gates

    def __init__(
        self,
        channels: int = 1,
        n_classes: int = 2,
        *,
        width: float = 1.0,
        gate: Literal["sigmoid", "softmax"] = "sigmoid",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_number("width", width, 0.01, 4)
        check_number("dropout", dropout, 0, 1)
        check_choice("gate", gate, GATES)
        self.channels, self.smallest = channels, 2 ** len(BLOCKS)
        blocks = [[narrowed(c, width) for c in block] for block in BLOCKS]
        self.features = nn.Sequential(*_layers(channels, blocks))
        n3, n4, n5 = (block[-1] for block in blocks[2:])
        compared = narrowed(COMPARED, width)
        self.pool3, self.pool4 = (AttentionGate(n, n5, compared, gate) for n in (n3, n4))
        self.embedding_dim = n5 + n3 + n4
        self.drop, self.classify = nn.Dropout(dropout), nn.Linear(self.embedding_dim, n_classes)

    def _pools(self, x: Tensor) -> list[Tensor]:
        """Return the third, fourth and fifth pool: (n, 256, h/8, w/8), (n, 512, h/16, w/16), (n, 512, h/32, w/32)."""
        check_pictures(x, self.channels, self.smallest)
        pools = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                pools.append(x)
        return pools[2:]

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """Return the maps of images (n, channels, h, w): ``pool3`` (n, 1, h/8, w/8), ``pool4`` (n, 1, h/16, w/16)."""
        pool3, pool4, pool5 = self._pools(x)
        return {"pool3": self.pool3.attention(pool3, pool5), "pool4": self.pool4.attention(pool4, pool5)}

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding (n, embedding_dim) of images (n, channels, h, w).

        Raises
        ------
        RequestError
            If the images have another number of channels, or sides under 32 pixels.
        """
        pool3, pool4, pool5 = self._pools(x)
        gated = self.pool3(pool3, pool5), self.pool4(pool4, pool5)  # (n, 256), (n, 512)
        return torch.cat([pool5.mean(dim=(2, 3)), *gated], dim=1)  # (n, 512 + 256 + 512)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_classes) of images (n, channels, h, w)."""
        return self.classify(self.drop(self.embed(x)))

    @staticmethod
    def from_elsewhere(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of torchvision's vgg16_bn, or our own, without the layers that stand here no more."""
        return {key: tensor for key, tensor in tensors.items() if not key.startswith("classifier.")}


def _layers(n_in: int, blocks: list[list[int]]) -> list[nn.Module]:
    """Return the convolutions one after another, numbered as in torchvision's vgg16_bn, whose weights fit."""
    layers: list[nn.Module] = []
    for block in blocks:
        for n_out in block:
            convolution = nn.Conv2d(n_in, n_out, 3, padding=1)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
            layers += [convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)]
            n_in = n_out
        layers.append(nn.MaxPool2d(2))  # each side halved
    return layers
