"""What a recipe says of an encoder beside its name: which options it takes, and what they are in a version."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean

CHANNELS, CLASSES, WEIGHTS, FROZEN = "channels", "n_classes", "weights", "frozen"
SHA256 = "sha256:"  # in front of the digest of weights
DOWNLOAD = "download"  # the weights that an encoder's own library fetches


@dataclass(frozen=True)
class EncoderOptions:
    """The options of one encoder, checked against what it takes.

    Attributes
    ----------
    arguments : dict
        What its class or function is called with.
    weights : str or None
        A file of weights to begin with, for an encoder that does not take ``weights`` itself.
    frozen : bool
        Whether these weights stay as they are.
    """

    arguments: dict[str, Any]
    weights: str | None = None
    frozen: bool = False

    @classmethod
    def of(
        cls, name: str, build: Callable[..., Any], options: Mapping[str, Any] | None, n_classes: int = 2
    ) -> EncoderOptions:
        """Return the options of ``build``, which is called ``name``.

        Raises
        ------
        RequestError
            If one of them is unknown, or the encoder takes one channel or two classes only.
        """
        taken, given = _parameters(build), {**_defaults(build), **(options or {})}
        _refuse_unknown(name, taken, given)
        _refuse_no_count(name, given[CHANNELS])
        _refuse_frozen_chance(name, given)
        weights = given[WEIGHTS] if WEIGHTS not in taken else None
        _refuse_another(name, taken, CHANNELS, given[CHANNELS], 1)
        if not given[FROZEN]:  # else there are no logits
            _refuse_another(name, taken, CLASSES, n_classes, 2)
        told = {CHANNELS: given[CHANNELS], **(options or {}), CLASSES: n_classes}
        arguments = {key: value for key, value in told.items() if key in taken}
        return cls(arguments, None if weights is None else str(weights), given[FROZEN])

    def without_weights(self) -> EncoderOptions:
        """Return the options of the same network with fresh weights."""
        arguments = {key: value for key, value in self.arguments.items() if key != WEIGHTS}
        return replace(self, arguments=arguments, weights=None)


def _parameters(build: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters that options may set, with their defaults; those bound by position are not among them."""
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):  # some written in C have no signature
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name: one.default for one in parameters if one.kind in named}


def _defaults(build: Callable[..., Any]) -> dict[str, Any]:
    """Return what options of every encoder are where they are left out."""
    return {CHANNELS: 1, WEIGHTS: None, FROZEN: getattr(build, FROZEN, False)}


def _refuse_unknown(name: str, taken: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    known = sorted({CHANNELS, WEIGHTS, FROZEN, *taken} - {CLASSES})
    for option in given:
        if option not in known:
            raise RequestError(
                f"The encoder {name!r} has no option {option!r}.{did_you_mean(option, known)} "
                f"Choose from {', '.join(known)}."
            )


def _refuse_no_count(name: str, channels: Any) -> None:
    if not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        raise RequestError(
            f"The encoder {name!r} has channels = {channels!r}; a whole number from 1 on was expected. "
            "Say how many modalities are stacked."
        )


def _refuse_frozen_chance(name: str, given: Mapping[str, Any]) -> None:
    if not isinstance(given[FROZEN], bool):
        raise RequestError(f"The encoder {name!r} has frozen = {given[FROZEN]!r}; true or false was expected.")
    if given[FROZEN] and given.get(WEIGHTS) is None:
        raise RequestError(
            f"The encoder {name!r} is frozen and has no weights, so it would stay as chance made it. Name a file of "
            "trained weights under weights, or leave frozen out."
        )


WHAT_IT_KNOWS = {
    CHANNELS: ("pictures of one channel", "the pictures have {}", "the pictures' channels"),
    CLASSES: ("two classes", "the outcome has {}", "how many logits forward returns"),
}


def _refuse_another(name: str, taken: Mapping[str, Any], option: str, wanted: int, known: int) -> None:
    if option not in taken and wanted != known:
        what, got, meaning = WHAT_IT_KNOWS[option]
        raise RequestError(
            f"The encoder {name!r} knows {what}, and {got.format(wanted)}. Give it a parameter {option} "
            f"that says {meaning}, or choose another one."
        )


def version_of_library(library: str | None) -> str:
    """Return a library's name and version without its last number, as an encoder's version holds them.

    Examples
    --------
    >>> version_of_library(None), version_of_library("absent")
    ('', ' absent 0')
    """
    if library is None:
        return ""
    try:
        found = version(library)
    except PackageNotFoundError:  # whoever makes the encoder is told
        found = "0"
    return f" {library} {'.'.join(found.split('.')[:2])}"


def described(build: Callable[..., Any], options: Mapping[str, Any] | None, beginning: Callable[..., Any]) -> str:
    """Return the options that are not the default, as an encoder's version holds them; of files their content.

    What takes ``weights`` is ``beginning``: as a rule the same.

    Examples
    --------
    >>> def build(channels=1, width=1.0): ...
    >>> described(build, {"width": 0.5, "channels": 1}, build)
    ' width=0.5'
    """
    defaults = _defaults(build) | _parameters(build) | {CHANNELS: 1}
    words = {key: _as_json(value) for key, value in sorted((options or {}).items())}
    return "".join(
        f" {key}={digest_of_weights(json.loads(value), beginning) if key == WEIGHTS else value}"
        for key, value in words.items()
        if key not in defaults or value != _as_json(defaults[key])
    )


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def digest_of_weights(weights: str | Path, build: Any) -> str:
    """Return the SHA-256 of the weights that an option names, or the option where it names none."""
    name = str(weights)
    if name == DOWNLOAD and hasattr(getattr(build, "func", None), "digest_of_download"):
        return build.func.digest_of_download(*build.args)
    if Path(name).is_file():
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    return name.removeprefix(SHA256)
