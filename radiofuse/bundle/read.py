"""A bundle's folder to its descriptions and tables, each checked against the format; no model is opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.format import DESCRIPTION, TABLES
from radiofuse.bundle.json_format import DESCRIPTION_SHAPE, ENCODER_SHAPE
from radiofuse.bundle.manifest import AGAIN, refuse_other_schema
from radiofuse.bundle.shapes import misshapen
from radiofuse.bundle.table_format import COUNT, FLAG, NUMBER, TEXT
from radiofuse.errors import BundleError
from radiofuse.tables.label_reading import LabelReading
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.spreadsheet import as_meant
from radiofuse.wording import listed

EMPTY = ["", "nan", "NaN", "NA"]  # what stands where there is no number


def read_table(folder: str | Path, name: str) -> pd.DataFrame:
    """Return one of a bundle's tables, each column of the kind that the format names.

    Parameters
    ----------
    folder : path
    name : str
        A name in ``TABLES``.

    Raises
    ------
    BundleError
        If the file is not there, lacks a column, or holds something else where a number belongs.
    """
    path = Path(folder).absolute() / f"{name}.csv"  # pandas would look for ~ at home
    table = TABLES[name]
    numbers = table.of(NUMBER, COUNT)
    try:
        cells = pd.read_csv(
            path,
            dtype=dict.fromkeys(table.of(TEXT, FLAG), str),
            keep_default_na=False,
            na_values=dict.fromkeys(numbers, EMPTY),
        )
        _require_columns(path, [column for column in table.columns if column not in cells])
        cells = as_meant(cells).astype(dict.fromkeys(table.of(NUMBER), float))
        return cells.assign(**{column: _as_counts(cells[column]) for column in table.of(COUNT)}, **_flags(cells, name))
    except FileNotFoundError:
        raise BundleError(f"{path} is not there. Pass the folder that a run has written.") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise BundleError(f"{path.name} cannot be read ({error}). Write the bundle again with a run.") from error


def _require_columns(path: Path, missing: list[str]) -> None:
    if missing:
        raise BundleError(f"{path.name} lacks the column {', '.join(missing)}. Write the bundle again with a run.")


def _as_counts(column: pd.Series) -> pd.Series:
    """Return whole numbers; floating ones where one is missing."""
    return column if pd.api.types.is_integer_dtype(column) else column.astype(float)


def _flags(cells: pd.DataFrame, name: str) -> dict[str, pd.Series]:
    return {column: cells[column].str.lower().isin(["true", "1"]) for column in TABLES[name].of(FLAG)}


def read_description(folder: Path, needed: Iterable[str] = ()) -> dict[str, Any]:
    """Return ``bundle.json``: outcomes, modalities, settings, protocol, deviations, warnings.

    Parameters
    ----------
    folder : Path
    needed : iterable of str
        Entries that must be there; ``protocol.primary`` is the entry primary of the entry protocol.

    Raises
    ------
    BundleError
        If the file is no JSON, of another schema or shape, or lacks an entry, or its networks are an earlier version's.
    """
    path = folder / DESCRIPTION
    about = read_shape(path, {})
    refuse_other_schema(path, about.get("schema"))
    require_entries(path, about, needed)
    _refuse_earlier_networks(path, about)
    _refuse(path, about, DESCRIPTION_SHAPE)
    return about


def _refuse_earlier_networks(path: Path, about: Mapping[str, Any]) -> None:
    """Raise where networks are described without options that they have by now: their pickles lack them too."""
    protocol = about.get("protocol")
    deep = protocol.get("deep") if isinstance(protocol, Mapping) else None
    lacking = [name for name in ENCODER_SHAPE if name not in deep] if isinstance(deep, Mapping) else []
    if lacking:
        raise BundleError(
            f"{path.name} was written by an earlier version of radiofuse {about.get('radiofuse_version', '')}, whose "
            f"networks had no {listed(lacking)} yet; this version cannot use them. {AGAIN}"
        )


def outcomes_in(description: Mapping[str, Any]) -> list[Outcome]:
    """Return what the models of a bundle predict, as its description says."""
    return [_outcome(said) for said in description["outcomes"]]


def _outcome(said: Mapping[str, Any]) -> Outcome:
    reading = said.get("reading")
    return Outcome(
        **{
            **said,
            "classes": tuple(said["classes"]),
            "reading": None if reading is None else LabelReading.from_json(reading),
        }
    )


def require_entries(path: Path, about: Mapping[str, Any], needed: Iterable[str]) -> None:
    """Raise a BundleError if a description lacks an entry; at the top, null is none."""
    wanted: dict[str, list[str]] = {}
    for name in needed:
        above, _, own = name.rpartition(".")
        wanted.setdefault(above, []).append(own)
    for above, names in wanted.items():
        inside = about.get(above) if above else {name: one for name, one in about.items() if one is not None}
        missing = [name for name in names if not isinstance(inside, Mapping) or name not in inside]
        if missing:
            where = f"{above} in {path.name}" if above else path.name
            raise BundleError(f"{where} lacks the entry {', '.join(missing)}. Write the bundle again with a run.")


def read_shape(path: Path, shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON file that holds entries of a shape, or raise a BundleError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is not there. Pass the folder that a run has written.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path.name} is not JSON ({error}). Write the bundle again with a run.") from error
    _refuse(path, content, shape)
    return content


def _refuse(path: Path, content: Any, shape: Mapping[str, Any]) -> None:
    problem = next(misshapen(content, shape, path.name), None)
    if problem:
        raise BundleError(f"{problem}. Write the bundle again with a run.")
