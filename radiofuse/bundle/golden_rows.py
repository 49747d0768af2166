"""Rows that a bundle must answer as when it was made, before it may be used: made from ranges, of no patient."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import BundleError, RadiofuseError
from radiofuse.fuse import holders
from radiofuse.prepare.site_columns import SITE_COLUMN
from radiofuse.tables import columns
from radiofuse.work.environment import read_environment, version_differences

N_ROWS = 4  # the last one lacks a modality, where there is another one
TOLERANCE = 1e-6
GOLDEN = (5**0.5 - 1) / 2  # multiples of it, less whole numbers, lie evenly between 0 and 1 (Weyl 1916)
NO_ANSWER = (ArithmeticError, AttributeError, LookupError, RadiofuseError, TypeError, ValueError)

Models = Mapping[str, Mapping[str, Any]]


def golden_rows(models: Models, description: Mapping[str, Any], ranges: pd.DataFrame) -> dict[str, Any]:
    """Return rows of a bundle's columns and what its models answer to them.

    Parameters
    ----------
    models : mapping
        By outcome and name, fitted.
    description : mapping
        As in ``bundle.json``.
    ranges : DataFrame
        As ``training_ranges`` returns them: a number of a row lies between the 10th and the 90th hundredth of its
        column's range, so that it is none of a patient's.

    Returns
    -------
    dict
        columns, rows (None where a row lacks one), answers by outcome and model; why there are none, where there are.
    """
    named = [str(name) for name in description.get("columns", ())]
    if not named or holders(*(one for own in models.values() for one in own.values())):
        return _without("networks read pictures" if named else "the bundle names no columns")
    rows = _made(named, ranges, (description["protocol"].get("harmonize") or {}).get("sites", []))
    try:
        answers = answers_to(models, pd.DataFrame(rows, columns=named))
    except NO_ANSWER as error:
        return _without(f"the models have no answer to rows made from ranges ({error})")
    return {"columns": named, "rows": rows, "answers": answers, "why_none": ""}


def _without(why: str) -> dict[str, Any]:
    return {"columns": [], "rows": [], "answers": {}, "why_none": why}


def _made(named: Sequence[str], ranges: pd.DataFrame, sites: Sequence[str]) -> list[list[Any]]:
    known = {one: (low, high) for one, low, high in ranges[["column", "low", "high"]].itertuples(index=False)}
    grouped = columns.by_modality(named)
    absent = grouped[next(iter(grouped))] if len(grouped) > 1 else []
    rows = []
    for row in range(N_ROWS):
        lacking = set(absent) if row == N_ROWS - 1 else set()
        rows.append([None if one in lacking else _cell(one, row, at, known, sites) for at, one in enumerate(named)])
    return rows


def _cell(name: str, row: int, place: int, known: Mapping[str, tuple[float, float]], sites: Sequence[str]) -> Any:
    if name.endswith(columns.SEPARATOR + SITE_COLUMN):
        return sites[0] if sites else None
    low, high = known.get(name, (np.nan, np.nan))
    share = 0.1 + 0.8 * ((row * 31 + place + 1) * GOLDEN % 1.0)
    value = float(f"{low + share * (high - low):.6g}")
    return value if np.isfinite(value) else None


def answers_to(models: Models, X: pd.DataFrame) -> dict[str, Any]:
    """Return what each model answers to rows, by outcome and name: a list of probabilities for each row."""
    numbers = {name: pd.to_numeric(X[name]) for name in X if columns.is_feature(name)}
    X = X.assign(**numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody has asked about these rows
        return {
            outcome: {name: _listed(model.predict_proba_each(X)) for name, model in own.items()}
            for outcome, own in models.items()
        }


def _listed(answer: pd.DataFrame) -> list[list[float | None]]:
    values = answer.to_numpy(float)
    return [[float(one) if np.isfinite(one) else None for one in row] for row in values]


def require_golden_answers(folder: Path, models: Models, golden: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    """Raise a BundleError unless models answer golden rows as when the bundle was made, to 1e-6.

    Parameters
    ----------
    folder : Path
        Of the bundle.
    models : mapping
        As they were loaded.
    golden : mapping
        As `golden_rows` returned them.
    made : mapping
        The versions that the bundle was made with.
    """
    if not golden["rows"]:
        return
    try:
        found = answers_to(models, pd.DataFrame(golden["rows"], columns=golden["columns"]))
    except NO_ANSWER as error:
        raise BundleError(_refusal(folder, f"they cannot be answered ({error})", made)) from error
    for outcome, own in golden["answers"].items():
        for name, expected in own.items():
            got = found.get(outcome, {}).get(name, [])
            if problem := _first_difference(expected, got):
                raise BundleError(_refusal(folder, f"{name} of {outcome}: {problem}", made))
    if {outcome: set(own) for outcome, own in found.items()} != {o: set(own) for o, own in golden["answers"].items()}:
        raise BundleError(_refusal(folder, "the models are others than those that answered", made))


def _first_difference(expected: Sequence[Any], got: Sequence[Any]) -> str:
    if [len(row) for row in expected] != [len(row) for row in got]:
        return "the answers are of another shape"
    for place, (wanted, found) in enumerate(zip(expected, got, strict=True), start=1):
        for one, other in zip(wanted, found, strict=True):
            if (one is None) != (other is None) or (one is not None and not abs(one - other) <= TOLERANCE):
                return f"row {place}: {one} was expected, got {other}"
    return ""


def _refusal(folder: Path, problem: str, made: Mapping[str, Any]) -> str:
    differing = version_differences(made, read_environment())
    said = f"The bundle {folder} does not answer its golden rows as when it was made: {problem}."
    if differing:
        return f"{said} {' '.join(differing)} Install those, or run its recipe.toml again."
    return f"{said} The versions of the packages are the same: get it again from its maker."
