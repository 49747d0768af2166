"""ResNet, DenseNet and EfficientNet of MONAI, in two and in three dimensions, with a classifier of our own.

References
----------
He K et al. Deep residual learning for image recognition. CVPR 2016.
Huang G et al. Densely connected convolutional networks. CVPR 2017.
Tan M, Le Q. EfficientNet: rethinking model scaling for convolutional neural networks. ICML 2019.
Cardoso MJ et al. MONAI: an open-source framework for deep learning in healthcare. arXiv 2211.02701.
"""

from __future__ import annotations

import re
from functools import partial
from types import ModuleType
from typing import Literal

from torch import Tensor, nn

from radiofuse.deep.encoders.pictures import check_choice, check_number, narrowed
from radiofuse.deep.encoders.pooled import PooledEncoder
from radiofuse.errors import RequestError

RESNETS = {"resnet18": ("basic", (2, 2, 2, 2)), "resnet50": ("bottleneck", (3, 4, 6, 3))}
DENSENETS = {"densenet121": (6, 12, 24, 16), "densenet201": (6, 12, 48, 32)}
EFFICIENTNET_B2 = {"width_coefficient": 1.1, "depth_coefficient": 1.2, "image_size": 260}
# repetitions, kernel, stride, how much wider inside, channels in and out, squeezed channels: Table 1 of EfficientNet
EFFICIENTNET_BLOCKS = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)
CLASSIFIERS = ("fc.", "classifier.", "class_layers.", "_fc.")  # of MONAI and torchvision


class MonaiEncoder(PooledEncoder):
    """A network of MONAI without its classifier, and with ours.

    Parameters
    ----------
    architecture : {"resnet18", "resnet50", "densenet121", "densenet201", "efficientnet_b2"}
    channels : int, default=1
    n_classes : int, default=2
    dimensions : {2, 3}, default=2
        3 takes pictures (n, channels, d, h, w).
    width : float, default=1.0
        Factor of all channels.
    dropout : float, default=0.0
        In front of the classifier.

    Attributes
    ----------
    embedding_dim : int
        At width 1: 512, 2048, 1024, 1920 and 1408.
    encoder_version : int
        Raised by hand whenever other numbers come out.
    library : str
        Whose version the encoder's version holds too.
    """

    encoder_version = 1
    library = "monai"

    def __init__(
        self,
        architecture: str,
        channels: int = 1,
        n_classes: int = 2,
        *,
        dimensions: Literal[2, 3] = 2,
        width: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        check_number("width", width, 0.01, 4)
        check_choice("dimensions", dimensions, (2, 3))
        body, embedding_dim = _body(architecture, dimensions, channels, width)
        shape = {"channels": channels, "n_classes": n_classes, "dimensions": dimensions}
        super().__init__(body, embedding_dim, dropout=dropout, smallest=32, **shape)

    @staticmethod
    def from_elsewhere(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of MONAI's or torchvision's network under our names, without its classifier."""
        if any(key.startswith("body.") for key in tensors):
            return tensors
        inner = {re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", key): key for key in tensors}
        return {f"body.{key}": tensors[old] for key, old in inner.items() if not key.startswith(CLASSIFIERS)}


resnet18 = partial(MonaiEncoder, "resnet18")
resnet50 = partial(MonaiEncoder, "resnet50")
densenet121 = partial(MonaiEncoder, "densenet121")
densenet201 = partial(MonaiEncoder, "densenet201")
efficientnet_b2 = partial(MonaiEncoder, "efficientnet_b2")


def _body(architecture: str, dimensions: int, channels: int, width: float) -> tuple[nn.Module, int]:
    """Return a network that ends in pooled features, and how many there are."""
    try:
        from monai.networks import nets
    except ImportError as error:
        raise RequestError(
            f"The encoder {architecture!r} is MONAI's, and MONAI cannot be imported here ({error}). Install it: "
            "pip install 'radiofuse[deep]'. Or choose an encoder that needs torch alone, such as vgg16_attention."
        ) from error
    if architecture in RESNETS:
        return _resnet(nets, architecture, dimensions, channels, width)
    if architecture in DENSENETS:
        return _densenet(nets, architecture, dimensions, channels, width)
    return _efficientnet_b2(nets, dimensions, channels, width)


def _resnet(nets: ModuleType, architecture: str, dimensions: int, channels: int, width: float) -> tuple[nn.Module, int]:
    block, layers = RESNETS[architecture]
    planes = [narrowed(c, width) for c in (64, 128, 256, 512)]
    body = nets.ResNet(
        block,
        layers,
        planes,
        spatial_dims=dimensions,
        n_input_channels=channels,
        conv1_t_stride=2,  # as published; MONAI's default keeps the size, at four times the cost
        bias_downsample=False,  # as published
        feed_forward=False,
    )
    return body, planes[-1] * (4 if block == "bottleneck" else 1)


def _densenet(
    nets: ModuleType, architecture: str, dimensions: int, channels: int, width: float
) -> tuple[nn.Module, int]:
    body = nets.DenseNet(
        dimensions,
        channels,
        1,
        init_features=narrowed(64, width),
        growth_rate=narrowed(32, width),
        block_config=DENSENETS[architecture],
    )
    embedding_dim = body.class_layers.out.in_features
    body.class_layers.out = nn.Identity()
    return body, embedding_dim


def _efficientnet_b2(nets: ModuleType, dimensions: int, channels: int, width: float) -> tuple[nn.Module, int]:
    scaled = EFFICIENTNET_B2 | {"width_coefficient": EFFICIENTNET_B2["width_coefficient"] * width}
    body = nets.EfficientNet(list(EFFICIENTNET_BLOCKS), dimensions, channels, 1, dropout_rate=0.0, **scaled)
    embedding_dim = body._fc.in_features
    body._fc = nn.Identity()
    return body, embedding_dim
