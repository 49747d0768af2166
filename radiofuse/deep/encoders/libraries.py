"""Encoders of torchvision and timm by name, ``torchvision:resnet50`` or ``timm:resnet18.a1_in1k``, with their weights.

Neither library is a part of ours: what is installed is taken.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn

from radiofuse.deep.encoders.options import DOWNLOAD
from radiofuse.deep.encoders.pooled import PooledEncoder
from radiofuse.deep.encoders.pretrained import begin_with, fitted_to_channels
from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean


class LibraryEncoder(PooledEncoder):
    """A network of another library without its classifier, and with ours.

    Parameters
    ----------
    architecture : str
        What the library calls it.
    channels : int, default=1
    n_classes : int, default=2
    dropout : float, default=0.0
        In front of the classifier.
    weights : str, optional
        A file, or ``"download"`` for those that the library fetches where there is a network.
    """

    library: str

    def __init__(
        self,
        architecture: str,
        channels: int = 1,
        n_classes: int = 2,
        *,
        dropout: float = 0.0,
        weights: str | None = None,
    ) -> None:
        body = self.network(architecture, weights == DOWNLOAD)
        head, embedding_dim = self.take_head(body)
        _take_channels(body, architecture, channels, pretrained=weights == DOWNLOAD)
        super().__init__(body, embedding_dim, channels=channels, n_classes=n_classes, dropout=dropout, smallest=1)
        self.architecture, self.head = architecture, head
        if weights not in (None, DOWNLOAD):
            begin_with(self, str(weights))

    @classmethod
    def network(cls, architecture: str, pretrained: bool) -> nn.Module:
        """Return the library's network for three channels."""
        library = cls._imported(architecture)
        names = cls.architectures(library)
        if architecture.partition(".")[0] not in names:  # behind a dot, which weights
            raise RequestError(
                f"{cls.library} has no network called {architecture!r}.{did_you_mean(architecture, names)} "
                f"Choose one of its {len(names)}."
            )
        try:
            return cls.made(library, architecture, pretrained)
        except (OSError, RuntimeError) as error:
            if not pretrained:
                raise
            raise RequestError(
                f"The weights of {cls.library}:{architecture} cannot be downloaded here ({_first_line(error)}). Fetch "
                "them where there is a network and name the file under weights, or leave weights out to begin with "
                "random ones."
            ) from error

    @classmethod
    def _imported(cls, architecture: str) -> ModuleType:
        try:
            return import_module(cls.library)
        except (ImportError, RuntimeError) as error:  # the latter where it was compiled for another build of torch
            raise RequestError(
                f"The encoder '{cls.library}:{architecture}' is {cls.library}'s, which cannot be imported here "
                f"({_first_line(error)}). Install the version that suits the installed torch, or choose an encoder of "
                "our own."
            ) from error

    @classmethod
    def digest_of_download(cls, architecture: str) -> str:
        """Return the SHA-256 of the weights that the library fetches, by their names and numbers."""
        return _digest_of_download(cls, architecture)

    @classmethod
    def architectures(cls, library: ModuleType) -> list[str]:
        """Return the names of the library's networks."""
        raise NotImplementedError

    @classmethod
    def made(cls, library: ModuleType, architecture: str, pretrained: bool) -> nn.Module:
        """Return the library's network, with its weights or random ones."""
        raise NotImplementedError

    @classmethod
    def take_head(cls, body: nn.Module) -> tuple[str, int]:
        """Take the classifier off a network; return how its keys begin, and how many features there are."""
        raise NotImplementedError

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding (n, embedding_dim) of images (n, channels, h, w).

        Raises
        ------
        RequestError
            If the images have another number of channels, or a size that the network does not take.
        """
        try:
            return super().embed(x)
        except AssertionError as error:  # of transformers, which take one size alone
            raise RequestError(
                f"{self.library}:{self.architecture} does not take images of {x.shape[2]} x {x.shape[3]} pixels "
                f"({_first_line(error)}). Crop to the size it wants, or choose another encoder."
            ) from error

    def from_elsewhere(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of the library's network under our names, without its classifier."""
        if any(key.startswith("body.") for key in tensors):
            return tensors
        return {f"body.{key}": tensor for key, tensor in tensors.items() if not key.startswith(f"{self.head}.")}


class TorchvisionEncoder(LibraryEncoder):
    """A network of torchvision.

    See Also
    --------
    LibraryEncoder : Its parameters.
    """

    encoder_version = 1
    library = "torchvision"

    @classmethod
    def architectures(cls, library: ModuleType) -> list[str]:
        """Return the names of the networks that classify pictures."""
        return library.models.list_models(module=library.models)

    @classmethod
    def made(cls, library: ModuleType, architecture: str, pretrained: bool) -> nn.Module:
        """Return the network, with the best of its weights or random ones."""
        return library.models.get_model(architecture, weights="DEFAULT" if pretrained else None)

    @classmethod
    def take_head(cls, body: nn.Module) -> tuple[str, int]:
        """Take the last linear layer off; return its name and how many features go into it."""
        linear = [name for name, layer in body.named_modules() if isinstance(layer, nn.Linear)]
        if not linear or getattr(body, "aux_logits", False):
            raise RequestError(
                f"{type(body).__name__} of torchvision does not end in one classifier that could be taken off. "
                "Choose another network, such as torchvision:resnet50."
            )
        name = linear[-1]
        embedding_dim = body.get_submodule(name).in_features
        body.set_submodule(name, nn.Identity())
        return name, embedding_dim


class TimmEncoder(LibraryEncoder):
    """A network of timm.

    See Also
    --------
    LibraryEncoder : Its parameters.
    """

    encoder_version = 1
    library = "timm"

    @classmethod
    def architectures(cls, library: ModuleType) -> list[str]:
        """Return the names of the networks."""
        return library.list_models()

    @classmethod
    def made(cls, library: ModuleType, architecture: str, pretrained: bool) -> nn.Module:
        """Return the network without its classifier, with its weights or random ones."""
        return library.create_model(architecture, pretrained=pretrained, num_classes=0)

    @classmethod
    def take_head(cls, body: nn.Module) -> tuple[str, int]:
        """Return the name of the classifier in files, and how many features there are: none was made."""
        return body.pretrained_cfg["classifier"], getattr(body, "head_hidden_size", None) or body.num_features


def _take_channels(body: nn.Module, architecture: str, channels: int, *, pretrained: bool) -> None:
    """Let the first convolution take any number of channels, instead of three."""
    first = next((layer for layer in body.modules() if isinstance(layer, nn.Conv2d)), None)
    if channels == 3:
        return
    if first is None or first.in_channels != 3:
        raise RequestError(
            f"The network {architecture!r} does not begin with a convolution of three channels, so it cannot take "
            f"{channels}. Choose another one, or stack three modalities."
        )
    of_three = first.weight.detach()
    first.in_channels = channels
    first.weight = nn.Parameter(torch.empty(len(of_three), channels, *of_three.shape[2:]))
    if pretrained:
        fitted = fitted_to_channels({"first": of_three}, {"first": first.weight})
        first.weight = nn.Parameter(fitted["first"].contiguous())
    else:
        first.reset_parameters()


@cache
def _digest_of_download(kind: type[LibraryEncoder], architecture: str) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(kind.network(architecture, pretrained=True).state_dict().items()):
        digest.update(key.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
