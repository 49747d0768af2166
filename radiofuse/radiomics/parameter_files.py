"""A parameter file as text to plain values, with the meaning that pyradiomics gives them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.nodes import MappingNode, ScalarNode

from radiofuse.errors import RequestError

MAX_SETTINGS_BYTES = 1_000_000
_MAX_VALUES = 1_000_000


def read_parameters(path: Path) -> Any:
    """Return what a YAML or JSON parameter file holds.

    Parameters
    ----------
    path : Path
        JSON if it ends in ``.json``, YAML otherwise.

    Returns
    -------
    object
        Mappings, lists, text, numbers, booleans and None, not checked any further.

    Raises
    ------
    RequestError
        If the file is too large, is not readable, or gives a key of a mapping twice.

    Notes
    -----
    Plain words in YAML mean what they mean to pyradiomics, which reads YAML 1.2: ``025`` is 25, ``1e3`` is 1000.0,
    ``0o17`` is 15, ``1_000`` is 1000; ``yes``, ``off`` and ``1:30`` are text.
    """
    if path.stat().st_size > MAX_SETTINGS_BYTES:
        raise RequestError(f"{path.name} is larger than {MAX_SETTINGS_BYTES:,} bytes: not a parameter file.")
    read = _json if path.suffix == ".json" else _yaml  # YAML refuses the tabs of JSON
    try:
        return read(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise RequestError(
            f"{path.name} is not a readable YAML or JSON parameter file: {reason}. Correct it."
        ) from error


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key, value in pairs:
        if key in entries:
            raise ValueError(f"{key!r} is given twice in one object; keep one of the two.")
        entries[key] = value
    return entries


def _yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        content = loader.get_single_data()
    finally:
        loader.dispose()
    if loader.yaml_version not in (None, (1, 2)):
        declared = ".".join(map(str, loader.yaml_version))
        raise ValueError(f"it declares YAML {declared}; write its numbers as YAML 1.2 has them and remove the line.")
    if _count(content, {}) > _MAX_VALUES:
        raise ValueError("its references repeat each other until there are more than a million values.")
    return content


def _count(value: Any, counts: dict[int, int]) -> int:
    """Return how many values there are once each reference is written out; one to itself recurs for ever."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in counts:
        counts[id(value)] = 1 + sum(
            _count(part, counts) for part in (value.values() if isinstance(value, dict) else value)
        )
    return counts[id(value)]


class _Loader(yaml.SafeLoader):
    """Plain values alone; numbers and booleans as ruamel.yaml reads YAML 1.2; no key twice."""

    yaml_implicit_resolvers: ClassVar[dict[str, list]] = {}

    def compose_mapping_node(self, anchor: str | None) -> MappingNode:
        # Before merge keys are filled in: what << brings may be given anew.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key in (key for key, _ in node.value if isinstance(key, ScalarNode)):
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise ValueError(f"{key.value!r} is given twice, in lines {lines[name]} and {line}; keep one of them.")
            lines[name] = line
        return node


def _whole(loader: _Loader, node: ScalarNode) -> int:
    text = loader.construct_scalar(node).replace("_", "")
    return int(text, 0 if re.match("[-+]?0[box]", text) else 10)


def _real(loader: _Loader, node: ScalarNode) -> float:
    # YAML has a dot before inf and nan, Python has none.
    text = loader.construct_scalar(node).replace("_", "").lower()
    return float(re.sub(r"\.(?=inf|nan)", "", text))


def _switch(loader: _Loader, node: ScalarNode) -> bool:
    text = loader.construct_scalar(node).lower()
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false.")
    return text == "true"


# What a word without quotes is, by its first letters, in this order; https://yaml.org/spec/1.2.2/#103-core-schema
# and, beyond it, the underscores and 0b of ruamel.yaml.
_NUMBER_STARTS = list("-+0123456789.")
_PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", ["<"]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "float": (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9_]+([eE][-+][0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)"
        r"|\.(nan|NaN|NAN)",
        _NUMBER_STARTS,
    ),
    "int": (r"[-+]?(0b[01_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)", _NUMBER_STARTS),
}
# A date is text, as is whatever else a parameter file has no use for.
_CONSTRUCTORS = {"int": _whole, "float": _real, "bool": _switch, "timestamp": yaml.SafeLoader.construct_yaml_str}

for _kind, (_pattern, _starts) in _PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})\\Z"), _starts)
for _kind, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _constructor)
