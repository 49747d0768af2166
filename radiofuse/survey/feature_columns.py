"""Which columns are features, of which modality, and what the others may have been meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import pandas as pd

from radiofuse import columns
from radiofuse.cohort import NOT_FEATURES, PATIENT, SAMPLE, SITE
from radiofuse.survey.request import SurveyRequest
from radiofuse.survey.wording import count, some

DIAGNOSTICS = "diagnostics_"  # pyradiomics' record of how it was run: no features


def feature_columns(rows: pd.DataFrame, label: str, request: SurveyRequest, notes: list[str]) -> pd.DataFrame:
    """Return the columns that are features, under their full names."""
    no_features = {SAMPLE, PATIENT, SITE, label, *request.ignore, *request.covariates}
    candidates = [str(name) for name in rows.columns if name not in no_features]
    blocks = columns.by_modality(candidates)
    if request.modality_prefixes is False or (not blocks and request.modality_prefixes is None):
        kept = [name for name in candidates if not name.startswith(DIAGNOSTICS)]
        note(notes, len(candidates) - len(kept), "diagnostics_* column", "no feature", "")
        return rows[kept].rename(columns={name: columns.join(request.modality, name) for name in kept})
    clinical = blocks.pop(columns.CLINICAL, [])
    note(notes, len(clinical), "clinical column", "no image feature; name it with --covariates to keep it", "")
    inside = [name for block in blocks.values() for name in block]
    things = {name: columns.split(name)[1] for name in inside}
    diagnostics = [name for name in inside if things[name].startswith(DIAGNOSTICS)]
    note(notes, len(diagnostics), "diagnostics_* column", "no feature", "")
    outside = [name for name in candidates if columns.split(name) is None]
    note(
        notes, len(outside), "column", "not named <modality>__<feature>", f" {some(outside)}.{_meant(outside, blocks)}"
    )
    notes += _stray_prefixes(blocks)
    return rows[[name for name in inside if name not in diagnostics and things[name] not in NOT_FEATURES]]


def note(notes: list[str], number: int, thing: str, why: str, which: str) -> None:
    if number:
        notes.append(f"{count(number, thing)} left out, {why}{':' if which else '.'}{which}")


def _meant(outside: Sequence[str], blocks: dict[str, list[str]]) -> str:
    """Return what a column with a single underscore may have been meant to be called."""
    for name in outside:
        prefix, underscore, rest = name.partition("_")
        if underscore and rest and prefix.lower() in blocks:
            return f" Did you mean {columns.join(prefix.lower(), rest.lstrip('_'))!r}?"
    return ""


def _stray_prefixes(blocks: dict[str, list[str]]) -> list[str]:
    """Return a sentence for each modality of a single column whose name is close to that of a larger one."""
    notes = []
    for name, inside in blocks.items():
        others = [other for other, block in blocks.items() if len(block) > 1]
        if len(inside) == 1 and others:
            close = difflib.get_close_matches(name, others, n=1)
            meant = f"; did you mean {columns.join(close[0], columns.split(inside[0])[1])!r}?" if close else "."
            notes.append(f"Modality {name!r} has a single column, {inside[0]}{meant}")
    return notes
