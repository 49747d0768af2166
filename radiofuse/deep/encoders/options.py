"""What a recipe says of an encoder beside its name: which options it takes, and what they are in a version."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean

CHANNELS, CLASSES, WEIGHTS = "channels", "n_classes", "weights"


@dataclass(frozen=True)
class EncoderOptions:
    """The options of one encoder, checked against what it takes.

    Attributes
    ----------
    arguments : dict
        What its class or function is called with.
    weights : str or None
        A file of weights to begin with, for an encoder that does not take ``weights`` itself.
    """

    arguments: dict[str, Any]
    weights: str | None = None

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
        taken, given = _parameters(build), {CHANNELS: 1, **(options or {})}
        _refuse_unknown(name, taken, given)
        _refuse_no_count(name, given[CHANNELS])
        weights = given.pop(WEIGHTS, None) if WEIGHTS not in taken else None
        _refuse_another(name, taken, CHANNELS, given[CHANNELS], 1)
        _refuse_another(name, taken, CLASSES, n_classes, 2)
        arguments = {key: value for key, value in (given | {CLASSES: n_classes}).items() if key in taken}
        return cls(arguments, None if weights is None else str(weights))


def _parameters(build: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters that options may set, with their defaults; those bound by position are not among them."""
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):  # some written in C have no signature
        return {}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name: one.default for one in parameters if one.kind in named}


def _refuse_unknown(name: str, taken: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    known = sorted({CHANNELS, WEIGHTS, *taken} - {CLASSES})
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


def described(build: Callable[..., Any], options: Mapping[str, Any] | None) -> str:
    """Return the options that are not the default, as an encoder's version holds them; of files their content.

    Examples
    --------
    >>> def build(channels=1, width=1.0): ...
    >>> described(build, {"width": 0.5, "channels": 1})
    ' width=0.5'
    """
    defaults = _parameters(build) | {CHANNELS: 1}
    words = {key: _as_json(value) for key, value in sorted((options or {}).items())}
    return "".join(
        f" {key}={_digest_of(value) if key == WEIGHTS else value}"
        for key, value in words.items()
        if key not in defaults or value != _as_json(defaults[key])
    )


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _digest_of(weights: str) -> str:
    """Return the SHA-256 of the file that an option names, or the option itself where it names none."""
    path = Path(str(json.loads(weights)))
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else weights
