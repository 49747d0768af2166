"""Which steps some model of a run has, so that pages and cards tell of no step that none has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SELECTS, CLASSIFIES, COMBINES, ENCODES, ON_PICTURES = "selects", "classifies", "combines", "encodes", "on_pictures"
USUAL_STEPS = (SELECTS, CLASSIFIES, COMBINES, ENCODES)  # of a bundle from before they were kept
NAMED = {SELECTS: "selector", CLASSIFIES: "classifier"}  # the steps whose method ``bundle.json`` names


def steps_in(description: Mapping[str, Any]) -> list[str]:
    """Return the steps that some model has, as the description of a bundle says.

    >>> steps_in({"protocol": {"steps": ["on_pictures"]}}), steps_in({"protocol": {}})
    (['on_pictures'], ['selects', 'classifies', 'combines', 'encodes'])
    """
    return list(description["protocol"].get("steps", USUAL_STEPS))


def methods_in(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the methods of the selector and of the classifier, where some model has them."""
    steps, protocol = steps_in(description), description["protocol"]
    return {name: protocol[name] for step, name in NAMED.items() if step in steps}
