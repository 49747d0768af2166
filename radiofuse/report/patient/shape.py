"""What an answer must be, and may hold besides, to have a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofuse.bundle.shapes import ANY_NAME, Whole, misshapen
from radiofuse.errors import RequestError

NUMBER = (float, int)
MAYBE = (*NUMBER, None)
BY_CLASS = {ANY_NAME: MAYBE}
DRAWN = Whole({"network": str, "volumes_ml": {ANY_NAME: NUMBER}, "looked_at": NUMBER, "note": str})
SPREAD = Whole({"network": str, "outcome": str, "class": str, "mean": NUMBER, "sd": NUMBER, "passes": int})
FEATURE = Whole({"feature": str, "value": NUMBER, "low": NUMBER, "high": NUMBER})
PLACE = {"verdict": (str, None), "distance": MAYBE, "limit_95": MAYBE, "limit_99": MAYBE, "features": [FEATURE]}
TOLD = dict.fromkeys(("features_verdict", "compared_by", "note"), (str, None))
OF_ALL = {**TOLD, "spectra": {ANY_NAME: Whole(PLACE)}}
OUTCOME = {
    "interval": ({ANY_NAME: ([MAYBE], None)}, None),
    "interval_level": MAYBE,
    "calibrated": (BY_CLASS, None),
    "interval_of": (str, None),
    "set": (str, None),
    "call": (str, None),
    "threshold": MAYBE,
    "threshold_from": (str, None),
    "probability": BY_CLASS,
    "models": {ANY_NAME: BY_CLASS},
    "contributions": {ANY_NAME: BY_CLASS},
}
NEEDED_OF_OUTCOME = ("call", "threshold", "probability", "models", "contributions")
ANSWER: Any = {
    "sample_id": str,
    "missing": [str],
    "outcomes": {ANY_NAME: OUTCOME},
    "failures": [Whole({"modality": (str, None), "code": str, "message": str})],
    "notes": [str],
    "as_published": [str],
    "volumes_ml": ({ANY_NAME: MAYBE}, None),
    "dropout_spread": [SPREAD],
    "drawn_regions": [DRAWN],
    "applicability": (PLACE | OF_ALL, None),
    "similar": (Whole({"n": int, "shares": {ANY_NAME: BY_CLASS}}), None),
    "images": {ANY_NAME: str},
    "images_sha256": {ANY_NAME: str},
    "without": {ANY_NAME: str},
    "beside_images": {ANY_NAME: (*MAYBE, str)},
    "bundle": str,
    "manifest_sha256": str,
    "engine": ({"radiofuse": str}, None),
    "maps": {"dropout_spread": [SPREAD]},
}
NEEDED = ("sample_id", "missing", "outcomes", "failures")


def refuse_misshapen(told: Mapping[str, Any]) -> None:
    """Raise a RequestError where an answer lacks what every answer has, or holds what is of another shape."""
    problems = [f"the answer lacks {name}" for name in NEEDED if name not in told]
    problems += misshapen(told, ANSWER, "the answer")
    problems = problems or [
        f"the outcome {outcome} lacks {name}"
        for outcome, of in told["outcomes"].items()
        for name in NEEDED_OF_OUTCOME
        if name not in of
    ]
    if problems:
        said = f"{problems[0][0].upper()}{problems[0][1:]}"
        raise RequestError(f"{said}. An answer of radiofuse predict --patient was expected.")
