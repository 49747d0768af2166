"""What lists and pages of the server say of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from radiofuse.report.patient.surroundings import (
    VERDICTS,
    applicability_sentences,
    banners,
    beside_sentences,
    missing_sentences,
    note_sentences,
)

WHEN = "%Y-%m-%d %H:%M:%S"


def rows_of(results: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what the list of results shows of each."""
    has_one_model = len({one["bundle"] for one in results if one.get("bundle")}) < 2
    return [
        {
            "id": one["id"],
            "name": name_of(one),
            "calls": _calls(one),
            "about": _about({**one, "bundle": ""} if has_one_model else one),
            "when": when_of(one),
        }
        for one in results
    ]


def name_of(about: Mapping[str, Any]) -> str:
    """Return what a result is called."""
    return str(about.get("sample_id") or "A patient")


def _calls(about: Mapping[str, Any]) -> str:
    if "calls" not in about:
        return str(about.get("state", ""))
    return "; ".join(f"{one['outcome']}: {one['call'] or 'no answer'}" for one in about["calls"])


def _about(about: Mapping[str, Any]) -> str:
    """Tell results of one id apart: the folder that was dropped, the model, and how like its training patients.

    >>> _about({"sample_id": "P01", "folder": "week 6", "bundle": "IDH", "verdict": "outside"})
    'folder week 6; IDH; outside the training cohort'
    >>> _about({"sample_id": "P01", "calls": [], "verdict": ""})
    'nearness to the training cohort unknown'
    """
    verdict = VERDICTS.get(str(about.get("verdict", "")))
    named = f"folder {about['folder']}" if about.get("folder") else ""
    unknown = "nearness to the training cohort unknown" if "calls" in about else ""
    like = unknown if verdict is None else f"{verdict[0][0].lower()}{verdict[0][1:]}"
    return "; ".join(filter(None, (named, str(about.get("bundle", "")), like)))


def when_of(about: Mapping[str, Any]) -> str:
    """Return when a result was asked for, in the time of this machine."""
    try:
        return datetime.fromisoformat(str(about.get("asked", ""))).astimezone().strftime(WHEN)
    except ValueError:
        return "at an unknown time"


def call_of(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page says of one outcome."""
    rule = (
        ""
        if one["threshold"] is None
        else f"Called from {one['threshold']:.4g} on: {one.get('threshold_from') or 'the operating point'}."
    )
    if one.get("set"):
        rule += f" What cannot be ruled out: {one['set']}."
    return {"outcome": name, "call": one["call"], "probability": one["probability"], "rule": rule}


def notes_of(told: Mapping[str, Any]) -> list[str]:
    """Return what the doctor's page says of sequences, files and trust in the answer, but for what stands above."""
    above = {said for one in banners(told, "doctor") for said in (f"{one.title}.", *one.items)}
    of_answer = [
        *missing_sentences(told, "doctor"),
        *beside_sentences(told, "doctor"),
        *applicability_sentences(told, "doctor"),
    ]
    return [said for said in (*of_answer, *note_sentences(told, "doctor")) if said not in above]
