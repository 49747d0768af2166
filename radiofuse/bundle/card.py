"""A model in a few lines, for whoever finds its folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofuse.bundle.read import outcomes_in
from radiofuse.bundle.steps import methods_in

TRUST = "Loading a bundle runs the Python code pickled in model.joblib: load bundles only from people you trust."


def model_card(description: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
    """Return what a model is for and how it was made, in a few lines of Markdown."""
    protocol = description["protocol"]
    synthetic = "\n**Trained on synthetic data. Not for any patient.**\n" if description["synthetic"] else ""
    notes = [*description["as_published"], *description["warnings"]] or ["none"]
    return f"""# {description["title"]}
{synthetic}
For research. Not a medical device.

- Predicts: {"; ".join(outcome.phrase for outcome in outcomes_in(description))}
- Modalities: {", ".join(description["modalities"])}
- {_methods(description)}answer: `{protocol["primary"]}`
- Evaluated by: {_evaluation(protocol)}, patients kept whole,
  everything fitted inside the folds; see `scores.csv`
- Made with: Python {environment["python"]}, radiofuse {description["radiofuse_version"]}
- Deviations and warnings: {"; ".join(notes)}

{TRUST}
"""


def _methods(description: Mapping[str, Any]) -> str:
    """Return what stands before the answer: selector and classifier, where some model has them."""
    named = "".join(f"{name}: {method}; " for name, method in methods_in(description).items())
    return named[:1].upper() + named[1:]


def _evaluation(protocol: Mapping[str, Any]) -> str:
    """Return how patients were split: folds and repeats, or the words of another split."""
    if protocol.get("split", "kfold") == "kfold":
        return f"{protocol['repeats']} x {protocol['folds']}-fold cross-validation"
    return str(protocol["words"]["split"]["title"])
