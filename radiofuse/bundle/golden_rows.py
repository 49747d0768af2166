"""Rows that a bundle must answer as when it was made, before it may be used: made from ranges, of no patient."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.golden_pictures import GoldenPictures, pictures_for
from radiofuse.deep.estimators.pointers import crop_columns
from radiofuse.errors import BundleError, RadiofuseError
from radiofuse.fuse import HoldsFiles, attached, holders
from radiofuse.prepare.site_columns import SITE_COLUMN
from radiofuse.tables import columns
from radiofuse.work.environment import read_environment, version_differences

N_ROWS = 4  # the last one lacks a modality, where there is another one
TOLERANCE = 1e-6
OF_NETWORKS = 1e-4  # single precision: without AVX, sums in another order move answers by 5e-6
GOLDEN = (5**0.5 - 1) / 2  # multiples of it, less whole numbers, lie evenly between 0 and 1 (Weyl 1916)
NO_ANSWER = (ArithmeticError, AttributeError, LookupError, RadiofuseError, RuntimeError, TypeError, ValueError)

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
        columns, rows (None where a row lacks one), pictures (of networks), answers by outcome and model; why there are
        none, where there are.
    """
    named = [str(name) for name in description.get("columns", ())]
    if not named:
        return _without("the bundle names no columns")
    rows = _made(named, ranges, (description["protocol"].get("harmonize") or {}).get("sites", []))
    networks = _networks(models)
    problem = "it is not told which pictures the networks read"
    for pictures in pictures_for(networks, description) if networks else [None]:
        golden = {"columns": named, "rows": rows, "pictures": pictures, "why_none": ""}
        try:
            return golden | {"answers": answers_to_golden(models, golden)}
        except NO_ANSWER as error:  # of pictures that are too small for a network among others
            problem = f"the models have no answer to rows made from ranges ({error})"
    return _without(problem)


def _networks(models: Models) -> list[HoldsFiles]:
    return holders(*(one for own in models.values() for one in own.values()))


def _without(why: str) -> dict[str, Any]:
    return {"columns": [], "rows": [], "pictures": None, "answers": {}, "why_none": why}


def answers_to_golden(models: Models, golden: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each model answers to golden rows, networks on the processor and with nothing kept of it."""
    X = pd.DataFrame(golden["rows"], columns=golden["columns"])
    if golden["pictures"] is None:
        return answers_to(models, X)
    with tempfile.TemporaryDirectory() as cache:
        crops = GoldenPictures(golden["pictures"], len(X))
        read = attached(models, crops=crops, cache=cache, device="cpu")  # others have another precision
        return answers_to(read, X)


def _made(named: Sequence[str], ranges: pd.DataFrame, sites: Sequence[str]) -> list[list[Any]]:
    known = {one: (low, high) for one, low, high in ranges[["column", "low", "high"]].itertuples(index=False)}
    grouped = columns.by_modality(named)
    absent = grouped[next(iter(grouped))] if len(grouped) > 1 else []
    pointers = {name: place for place, name in enumerate(crop_columns(named))}
    rows = []
    for row in range(N_ROWS):
        lacking = set(absent) if row == N_ROWS - 1 else set()
        told = [None if one in lacking else _cell(one, row, at, known, sites, pointers) for at, one in enumerate(named)]
        rows.append(told)
    return rows


def _cell(
    name: str,
    row: int,
    place: int,
    known: Mapping[str, tuple[float, float]],
    sites: Sequence[str],
    pointers: Mapping[str, int],
) -> Any:
    if name.endswith(columns.SEPARATOR + SITE_COLUMN):
        return sites[0] if sites else None
    if name in pointers:
        return row * len(pointers) + pointers[name]
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


def require_golden_answers(
    folder: Path, models: Models, golden: Mapping[str, Any], made: Mapping[str, Any], description: Mapping[str, Any]
) -> None:
    """Raise a BundleError unless models answer golden rows as when the bundle was made: to 1e-6, with networks 1e-3.

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
    description : mapping
        As in ``bundle.json``.
    """
    if not golden["rows"]:
        return
    pictures = golden["pictures"]
    if pictures is not None and pictures not in list(pictures_for(_networks(models), description)):
        raise BundleError(_refusal(folder, "they name pictures that its networks are not asked about", made))
    try:
        found = answers_to_golden(models, golden)
    except NO_ANSWER as error:
        raise BundleError(_refusal(folder, f"they cannot be answered ({error})", made)) from error
    tolerance = TOLERANCE if pictures is None else OF_NETWORKS
    for outcome, own in golden["answers"].items():
        for name, expected in own.items():
            got = found.get(outcome, {}).get(name, [])
            if problem := _first_difference(expected, got, tolerance):
                raise BundleError(_refusal(folder, f"{name} of {outcome}: {problem}", made))
    if {outcome: set(own) for outcome, own in found.items()} != {o: set(own) for o, own in golden["answers"].items()}:
        raise BundleError(_refusal(folder, "the models are others than those that answered", made))


def _first_difference(expected: Sequence[Any], got: Sequence[Any], tolerance: float) -> str:
    if [len(row) for row in expected] != [len(row) for row in got]:
        return "the answers are of another shape"
    for place, (wanted, found) in enumerate(zip(expected, got, strict=True), start=1):
        for one, other in zip(wanted, found, strict=True):
            if (one is None) != (other is None) or (one is not None and not abs(one - other) <= tolerance):
                return f"row {place}: {one} was expected, got {other}"
    return ""


def _refusal(folder: Path, problem: str, made: Mapping[str, Any]) -> str:
    differing = version_differences(made, read_environment())
    said = f"The bundle {folder} does not answer its golden rows as when it was made: {problem}."
    if differing:
        return f"{said} {' '.join(differing)} Install those, or run its recipe.toml again."
    return f"{said} The versions of the packages are the same: get it again from its maker."
