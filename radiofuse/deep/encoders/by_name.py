"""Encoders by name: made with fresh weights, what their numbers depend on, what their features are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from radiofuse.deep.encoders.choices import ENCODERS, LIBRARIES
from radiofuse.deep.encoders.frozen import FrozenEncoder
from radiofuse.deep.encoders.options import (
    SHA256,
    WEIGHTS,
    EncoderOptions,
    described,
    digest_of_weights,
    version_of_library,
)
from radiofuse.deep.encoders.pretrained import begin_with
from radiofuse.errors import RequestError
from radiofuse.names import lookup, refuse_lacking
from radiofuse.work.own_code import digest_of_own_code

LOGIT = "logit"  # the feature that stands behind those of an embedding


def make_encoder(
    name: str,
    seed: int,
    n_classes: int = 2,
    options: Mapping[str, Any] | None = None,
    *,
    with_weights: bool = True,
) -> nn.Module:
    """Return an encoder with fresh weights, which depend on the seed alone, or with those of a file.

    It takes pictures of shape (n, channels, h, w), those in 3-D of shape (n, channels, d, h, w), and float32.

    Parameters
    ----------
    name : str
        A key of ``ENCODERS``, a network of a library (``torchvision:resnet50``, ``timm:resnet18``), or
        ``package.module:Class``.
    seed : int
        Of the initial weights; torch's own generator is left as it is.
    n_classes : int, default=2
        How many logits ``forward`` returns.
    options : mapping, optional
        ``channels`` of the pictures (left out, 1), ``weights`` to begin with (a file), whether they stay as they are
        (``frozen``: the encoder answers ``embed`` alone), and the parameters of the encoder's own class, such as
        ``width`` or ``dropout``.
    with_weights : bool, default=True
        False: ``weights`` is not read, since the caller loads the weights that were trained from there.

    Raises
    ------
    RequestError
        If there is no such encoder, it lacks ``embed``, ``forward`` or ``embedding_dim``, does not take one of the
        options, or is of one channel or two classes only.

    Examples
    --------
    >>> make_encoder("san10_small", seed=0, options={"channels": 3}).embedding_dim
    128
    """
    build = _builder(name)
    chosen = EncoderOptions.of(name, build, options, n_classes)
    chosen = chosen if with_weights else chosen.without_weights()
    refuse_lacking(build, "encoder", name, chosen.arguments)
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        module = build(**chosen.arguments)
    _refuse_what_is_no_encoder(name, module)
    if chosen.weights is not None:
        begin_with(module, chosen.weights, complete=chosen.frozen)
    return FrozenEncoder(module) if chosen.frozen and not getattr(module, "frozen", False) else module


def _builder(name: str) -> Callable[..., nn.Module]:
    """Return what makes the encoder: of the table, of a library (``timm:resnet18``), or a user's own."""
    library, colon, architecture = name.partition(":")
    if colon and library in LIBRARIES:
        return partial(lookup(library, LIBRARIES, "library"), architecture)
    return lookup(name, ENCODERS, "encoder")


def _refuse_what_is_no_encoder(name: str, module: nn.Module) -> None:
    missing = [part for part in ("embed", "forward", "embedding_dim") if not hasattr(module, part)]
    if not isinstance(module, nn.Module) or missing:
        lacks = f" without {', '.join(missing)}" if missing else ""
        raise RequestError(
            f"The encoder {name!r} is a {type(module).__name__}{lacks}; a torch module with embed(x), forward(x) and "
            "embedding_dim was expected. See SANet in radiofuse/deep/encoders/sanet.py for one."
        )


def encoder_version(name: str, options: Mapping[str, Any] | None = None) -> str:
    """Return what an encoder's numbers depend on beside its seed: its class, its version and its options.

    The version is the class attribute ``encoder_version``, raised by hand whenever other numbers come out. A class or
    function without one is known by the code of its module, and of the modules of its own that this one imports.
    Options that say the default are left out, and a file of weights is known by its SHA-256.

    Parameters
    ----------
    name : str
        A key of ``ENCODERS`` or ``package.module:Class``.
    options : mapping, optional
        As for ``make_encoder``.

    Raises
    ------
    RequestError
        If there is no such encoder, or it has no version and its source cannot be read.

    Examples
    --------
    >>> encoder_version("san10_roi72")
    'SANet 1 (2, 1, 2, 4, 1) (3, 7, 7, 7, 3)'
    >>> encoder_version("san10_roi72", {"channels": 3})
    'SANet 1 (2, 1, 2, 4, 1) (3, 7, 7, 7, 3) channels=3'
    """
    build, bound = _builder(name), ""
    chosen = described(build, options, _beginning_with(build, options or {}))
    while isinstance(build, partial):
        words = [*map(repr, build.args), *(f"{key}={value!r}" for key, value in sorted(build.keywords.items()))]
        build, bound = build.func, " ".join([bound, *words])
    inside = build.version_inside(options or {}) if hasattr(build, "version_inside") else ""
    return f"{build.__qualname__} {_own_version(name, build)}{bound}{chosen}{inside}"


def portable_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options in which weights are their SHA-256, for cards that travel where the file is not.

    ``encoder_version`` knows both as the same; ``make_encoder`` takes them with ``with_weights=False``.

    Parameters
    ----------
    name : str
        As for ``make_encoder``.
    options : mapping
        As for ``make_encoder``.

    Examples
    --------
    >>> portable_options("san10_small", {"channels": 3})
    {'channels': 3}
    """
    weights = options.get(WEIGHTS)
    if weights is None:
        return dict(options)
    build = _builder(name)
    return {**options, WEIGHTS: f"{SHA256}{digest_of_weights(weights, _beginning_with(build, options))}"}


def _beginning_with(build: Callable[..., nn.Module], options: Mapping[str, Any]) -> Callable[..., nn.Module]:
    """Return what makes the encoder that an option of weights is for: one inside, where a network says so."""
    return _builder(build.encoder_inside(options)) if hasattr(build, "encoder_inside") else build


def _own_version(name: str, build: Callable[..., nn.Module]) -> str:
    # not what is inherited: a subclass computes something else
    declared = getattr(build, "__dict__", {}).get("encoder_version")
    if isinstance(declared, int | str):
        return f"{declared}{version_of_library(getattr(build, 'library', None))}"
    modules = {build.__module__, name.partition(":")[0]}
    inherited = getattr(build, "encoder_version", "")
    try:
        return f"{digest_of_own_code(modules)}{inherited and f' on {inherited}'}"
    except OSError as error:
        raise RequestError(
            f"The source code of the encoder {name!r} cannot be read ({error}), and trained weights are kept under "
            "its digest. Define it in a Python file that can be imported, or give its class an attribute "
            "encoder_version, to be raised whenever it computes something else."
        ) from error


def short_name(encoder: str) -> str:
    """Return what an encoder is called in feature names: its key, or the class's name in lower case.

    Examples
    --------
    >>> short_name("san10_small"), short_name("my_package.nets:Tiny")
    ('san10_small', 'tiny')
    """
    return encoder.rpartition(":")[2].lower() if ":" in encoder else encoder


def logit_names(n_classes: int) -> list[str]:
    """Return what an encoder's own answers are called: the log-odds of two classes, or a logit for each of more.

    Examples
    --------
    >>> logit_names(2), logit_names(3)
    (['logit'], ['logit_1', 'logit_2', 'logit_3'])
    """
    return [LOGIT] if n_classes == 2 else [f"{LOGIT}_{number}" for number in range(1, n_classes + 1)]


def feature_names(encoder: str, embedding_dim: int) -> list[str]:
    """Return the names of an embedding's features, without their modality.

    Examples
    --------
    >>> feature_names("san10_small", 2)
    ['san10_small_0001', 'san10_small_0002']
    """
    return [f"{short_name(encoder)}_{number:04d}" for number in range(1, embedding_dim + 1)]
