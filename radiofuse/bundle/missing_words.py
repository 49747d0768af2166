"""What a bundle's model does without a sequence, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofuse.wording import listed


def without_sequence(modality: str, outcomes: Mapping[str, Mapping[str, Any]], description: Mapping[str, Any]) -> str:
    """Say what the model that a bundle's description tells of does without a sequence.

    Parameters
    ----------
    modality : str
    outcomes : mapping
        The entry ``outcomes`` of the answer.
    description : mapping
        As in ``bundle.json``.
    """
    if _is_silent(of["probability"] for of in outcomes.values()):
        return f"{modality} is missing, and the model reads it."
    models = dict.fromkeys(name for of in outcomes.values() for name in of["models"])
    silent = [name for name in models if _is_silent(of["models"].get(name, {}) for of in outcomes.values())]
    if silent:
        have = "which has" if len(silent) == 1 else "which have"
        return f"{modality} is missing: the answer is made without {listed(silent)}, {have} no probability."
    protocol = description["protocol"]
    own = protocol.get("options", {}).get("models", {}).get(protocol["primary"], {}).get("model", {})
    if own.get("class") == "MultiTaskNetwork":
        return f"{modality} is missing: the network answers from the other sequences, whose weights then add up to 1."
    return f"{modality} is missing: medians of the training patients stand in for what the model reads of it."


def _is_silent(probabilities: Any) -> bool:
    return all(value is None for by_class in probabilities for value in by_class.values())
