"""The header of a model card: YAML that Hugging Face and other catalogs read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import yaml

from radiofuse.bundle.read import outcomes_in
from radiofuse.bundle.steps import ON_PICTURES, steps_in
from radiofuse.wording import interval, number

METRICS = {"auc": "roc_auc", "balanced_accuracy": "balanced_accuracy", "accuracy": "accuracy", "brier": "brier_score"}


def front_matter(description: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the header of a model card, between its two lines of dashes.

    The license is ``other``: whoever hands the model on says which it is.

    References
    ----------
    Model card metadata of the Hugging Face Hub (``license``, ``library_name``, ``pipeline_tag``, ``model-index``).
    """
    task = "image-classification" if ON_PICTURES in steps_in(description) else "tabular-classification"
    header = {
        "license": "other",
        "license_name": "to-be-chosen-by-the-owner",
        "library_name": "radiofuse",
        "pipeline_tag": task,
        "tags": list(_tags(description)),
        "metrics": sorted(METRICS.values()),
        "model-index": [
            {"name": description.get("name", "model"), "results": list(_results(description, tables, task))}
        ],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=10_000)}---"


def _tags(about: Mapping[str, Any]) -> Iterator[str]:
    yield "radiofuse"
    if (about.get("settings") or {}).get("radiomics"):
        yield "radiomics"
    if about["synthetic"]:
        yield "synthetic"
    yield from map(str, about["modalities"])


def _results(about: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], task: str) -> Iterator[dict[str, Any]]:
    """Yield what the answer of the bundle scored, for each outcome; the name of a metric says the interval."""
    scores = tables["scores"]
    own = scores[(scores["model"] == about["protocol"]["primary"]) & scores["metric"].isin(METRICS)]
    for outcome in outcomes_in(about):
        rows = own[own["outcome"] == outcome.name]
        whole = rows if outcome.is_binary else rows[rows["class"] == ""]
        metrics = [_metric(one) for one in whole.dropna(subset="value").to_dict("records")]
        if metrics:
            yield {
                "task": {"type": task, "name": outcome.phrase},
                "dataset": {"type": "private", "name": f"{about['title']}, out-of-fold predictions"},
                "metrics": metrics,
            }


def _metric(score: Mapping[str, Any]) -> dict[str, Any]:
    ends = interval(score["low"], score["high"], 3).strip("()")
    named = f"{score['metric']} {number(score['value'], 3)}" + (f" (95 % interval {ends})" if ends else "")
    return {"type": METRICS[score["metric"]], "name": named, "value": float(score["value"])}
