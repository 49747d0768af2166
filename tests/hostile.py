"""Inputs made hostile: valid tables and trees of settings, with a few things changed in them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

CELLS = [
    *(
        "",
        " ",
        "a",
        "A ",
        "007",
        "NA",
        "0",
        "1",
        "-1",
        "2",
        "1.5",
        "1,5",
        "1,000",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1e308",
    ),
    *(
        "-1e308",
        "1e-320",
        "9" * 400,
        "0x1F",
        "025",
        "1_000",
        "true",
        "None",
        "=1+1",
        "@x",
        "../../etc/passwd",
        "~",
        "CON",
    ),
    *(
        "C:\\a\\b.nii",
        "//share/x",
        "é",
        "e\u0301",
        "\u2028",
        "\ufeff",
        "\x00",
        "\x1b[2J",
        "\ud7ff",
        "𝟙",
        "١",
        "a" * 9000,
    ),
    *(
        '"',
        '""',
        "'",
        "a\nb",
        "a\rb",
        ";",
        ",",
        "\t",
        "|",
        "#",
        "%s",
        "{x}",
        "${HOME}",
        "[bold]",
        "__",
        "t1__",
        "2026-01-02",
    ),
]
WORDS = st.one_of(st.sampled_from(CELLS), st.text(max_size=6))
BYTES = [
    b"\x00",
    b"\xff",
    b"\xfe",
    b"\xc3",
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\x1a",
    b"=",
    b"[",
    b"{",
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7"]
NUMBERS = [0, -1, 1, 2, 3, 10**6, 2**31, 2**63, 10**40, -(2**63), 0.5, -0.0, 1e-300, 1e300, float("inf"), float("nan")]
SCALARS = st.one_of(st.sampled_from(NUMBERS), st.booleans(), st.none(), WORDS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=5
)


@st.composite
def tables(draw: Callable, bases: list[list[list[str]]], headers: list[str]) -> bytes:
    """Return the bytes of a table with up to three cells, headers, rows or signs changed."""
    rows = [list(row) for row in draw(st.sampled_from(bases))]
    for kind in draw(st.lists(st.sampled_from("cell header twice short long gone again".split()), max_size=3)):
        row = draw(st.integers(0 if kind in ("short", "long") else 1, len(rows) - 1))
        column = draw(st.integers(0, len(rows[row]) - 1))
        if kind == "cell":
            rows[row][column] = draw(WORDS)
        elif kind in ("header", "twice"):
            names = WORDS | st.sampled_from(headers) if kind == "header" else st.sampled_from(rows[0])
            rows[0][min(column, len(rows[0]) - 1)] = draw(names)
        elif kind in ("short", "long"):
            rows[row] = rows[row][:-1] or [""] if kind == "short" else [*rows[row], draw(WORDS)]
        elif kind == "again":
            rows.append(list(rows[row]))
        elif len(rows) > 2:
            del rows[row]
    delimiter = draw(st.sampled_from([*",,,,,;;\t\t", "|", " "]))
    quote = draw(st.sampled_from(["needed", "needed", "needed", "always", "never"]))
    lines = (delimiter.join(_quoted(cell, quote, delimiter) for cell in row) for row in rows)
    return draw(_damaged(draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)))


def _quoted(cell: str, quote: str, delimiter: str) -> str:
    if quote == "always" or (quote == "needed" and set(cell) & {delimiter, '"', "\n", "\r"}):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@st.composite
def _damaged(draw: Callable, text: str) -> bytes:
    """Return a text as bytes: nearly always in UTF-8, sometimes cut, with a byte put in, or in another encoding."""
    encoding = draw(st.sampled_from(ENCODINGS)) if draw(st.integers(0, 11)) == 11 else "utf-8"
    content = text.encode(encoding, errors="replace")
    if draw(st.integers(0, 9)) == 9:
        place = draw(st.integers(0, len(content)))
        put = draw(st.sampled_from(BYTES))
        content = content[:place] + draw(st.sampled_from([put, b"", put + content[place:], put + content[place + 1 :]]))
    return draw(st.sampled_from([b"", b"", b"", codecs.BOM_UTF8])) + content


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every part of a tree of dicts and lists, as the one that holds it and its key."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


@st.composite
def trees(draw: Callable, bases: list[dict], keys: dict[str, list[Any]]) -> dict:
    """Return a valid tree with up to three values replaced, removed, wrapped, or added under a known or odd key."""
    tree = json.loads(json.dumps(draw(st.sampled_from(bases))))
    for kind in draw(st.lists(st.sampled_from("value likely likely likely gone wrapped odd".split()), max_size=3)):
        places = list(_places(tree))
        holder, key = draw(st.sampled_from(places)) if places else (tree, "x")
        if kind == "value":
            holder[key] = deepcopy(draw(VALUES))
        elif kind == "likely":
            part = draw(st.sampled_from(sorted(keys)))
            name, values = draw(st.sampled_from(keys[part]))
            inside = tree if part == "" else tree.setdefault(part, {})
            if isinstance(inside, dict):
                inside[name] = deepcopy(draw(st.sampled_from(values) | st.sampled_from(values) | VALUES))
        elif kind == "gone" and places:
            del holder[key]
        elif kind == "wrapped" and places:
            holder[key] = draw(st.sampled_from([[holder[key]], {"x": holder[key]}, [[holder[key]]]]))
        elif kind == "odd" and isinstance(holder, dict):
            holder[draw(WORDS)] = deepcopy(draw(VALUES))
    return tree


def as_toml(tree: dict) -> str:
    """Return a tree as TOML; what TOML has no word for becomes text."""
    return "".join(f"{json.dumps(str(key))} = {_toml_value(value)}\n" for key, value in tree.items())


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_toml_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return "'null'" if value is None else json.dumps(value)


YAML_TAGS = ["!!python/object/apply:os.getpid []", "!!python/name:os.system", "!!binary aGk=", "!!set {a, b}", "!x y"]
YAML_TAGS += [
    "!!timestamp 2026-01-02",
    "&a [*a]",
    "*nobody",
    "!!float x",
    "0o17",
    "1:30",
    "025",
    "~",
    "<<: {a: 1}",
    "- a",
]


@st.composite
def texts(draw: Callable, text: str, *, tagged: bool = False) -> bytes:
    """Return the bytes of a settings file, sometimes with a line twice, a tag of YAML in a value's place, or damage."""
    lines = text.splitlines() or [""]
    if draw(st.integers(0, 5)) == 5:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
    if tagged and draw(st.integers(0, 5)) == 5:
        place = draw(st.integers(0, len(lines) - 1))
        lines[place] = lines[place].partition(":")[0] + ": " + draw(st.sampled_from(YAML_TAGS))
    return draw(_damaged("\n".join(lines)))
