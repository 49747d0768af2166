"""Which columns of the table belong to which member, and what to say when they are not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.tables.columns import SEPARATOR
from radiofuse.wording import some

_SHOWN = 8  # lines of a difference; feature tables have hundreds of columns


def find_columns(table: pd.DataFrame, members: Sequence[str], columns: Mapping[str, Any] | None) -> dict[str, list]:
    """Return each member's column labels: those given, else those with its name as prefix.

    Parameters
    ----------
    table : DataFrame
    members : sequence of str
    columns : mapping of str to slice or list, optional
        Positions (a slice, integers) or labels.

    Raises
    ------
    RequestError
        If ``columns`` names a stranger, or a member is left without columns.

    Examples
    --------
    >>> table = pd.DataFrame(columns=["t1__a", "t2__a", "t2__b"])
    >>> find_columns(table, ["t1", "t2"], {"t2": slice(2, None)})
    {'t1': ['t1__a'], 't2': ['t2__b']}
    """
    given = columns or {}
    strangers = sorted(set(given) - set(members))
    if strangers:
        raise RequestError(f"columns names {strangers}, but the members are {list(members)}.")
    prefixed = _by_prefix(table.columns)
    found = {name: _given(name, given[name], table) if name in given else prefixed.get(name, []) for name in members}
    for name, labels in found.items():
        if not labels:
            raise RequestError(
                f"Member {name!r} has no column: expected names that begin with {name}{SEPARATOR}, and the table "
                f"has the prefixes {some(sorted(prefixed)) or 'none'}. Rename the member, or pass "
                f"columns={{{name!r}: [...]}}."
            )
    check_columns(table, found)
    return found


def _by_prefix(labels: pd.Index) -> dict[str, list[str]]:
    """Group columns by what stands before the separator; a member may be called T1, which is no modality's name."""
    groups: dict[str, list[str]] = {}
    for label in labels.tolist():
        if isinstance(label, str) and SEPARATOR in label:
            groups.setdefault(label.partition(SEPARATOR)[0], []).append(label)
    return groups


def _given(name: str, chosen: Any, table: pd.DataFrame) -> list:
    if isinstance(chosen, slice):
        return list(table.columns[chosen])
    if not all(isinstance(item, Integral) for item in chosen):
        return list(chosen)
    beyond = [item for item in chosen if not -table.shape[1] <= item < table.shape[1]]
    if beyond:
        raise RequestError(f"Member {name!r} is given column {beyond[0]}, but the table has {table.shape[1]} columns.")
    return list(table.columns[list(chosen)])


def check_columns(table: pd.DataFrame, columns: Mapping[str, list]) -> None:
    """Refuse a table that lacks a member's column or has one twice.

    Raises
    ------
    RequestError
        With the difference: ``-`` for a column that is missing, ``+`` for one of the same modality
        that is there instead.
    """
    for name, wanted in columns.items():
        missing = pd.Index(wanted).difference(table.columns, sort=False)
        if len(missing):
            raise RequestError(_difference(name, wanted, missing, table))
        repeated = table.columns[table.columns.duplicated()].intersection(wanted)
        if len(repeated):
            raise RequestError(f"The table has column {repeated[0]!r} of modality {name} more than once; keep one.")


def _difference(name: str, wanted: list, missing: pd.Index, table: pd.DataFrame) -> str:
    same_prefix = _by_prefix(table.columns).get(name, [])
    unknown = pd.Index(same_prefix).difference(wanted, sort=False)
    advice = "Compute the features with the settings that the model was fitted with."
    if not same_prefix:
        advice = "Add them; leave them empty in rows that lack the modality."
    head = f"The table lacks {len(missing)} of the {len(wanted)} columns of modality {name}:"
    return "\n".join([head, *_listed("-", missing), *_listed("+", unknown), advice])


def _listed(sign: str, labels: pd.Index) -> list[str]:
    rest = len(labels) - _SHOWN
    return [f"  {sign} {label}" for label in labels[:_SHOWN]] + ([f"  {sign} … and {rest} more"] if rest > 0 else [])
