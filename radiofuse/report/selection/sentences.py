"""The sentences of a selection's report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.selection.contents import SelectionContents, as_float
from radiofuse.report.wording import estimate
from radiofuse.statistics.multiplicity import CORRECTIONS
from radiofuse.tables.roles import UNNAMED
from radiofuse.wording import counted, listed, number


def lead(contents: SelectionContents) -> str:
    """What was asked, how much is left, and what it is worth on unseen patients."""
    record = contents.record
    flows = record["flow"]
    samples = max(flow["samples"] + flow["absent"] for flow in flows.values())
    kept = [
        f"{flow['selected'] or 'none'} of {counted(flow['features'], 'feature')}"
        + (f" of {name}" if name != UNNAMED else "")
        for name, flow in flows.items()
    ]
    asked = f"{record['label']} ({_classes(record)}) in {counted(samples, 'sample')}. {_whose_auc(record)}"
    return " ".join([asked, f"Selecting on all of them keeps {listed(kept)}.", *_worth(contents)])


def _classes(record: Mapping[str, Any]) -> str:
    if len(record["classes"]) > 2:
        return (" < " if record["ordered"] else ", ").join(record["classes"])
    negative, positive = record["classes"]
    return f"{positive} against {negative}"


def _whose_auc(record: Mapping[str, Any]) -> str:
    if len(record["classes"]) > 2:
        return "The AUC of a model is the mean over the classes, each against the rest."
    return f"The positive class is {record['classes'][1]}: probabilities and AUCs speak of it."


def _worth(contents: SelectionContents) -> list[str]:
    kind = "auc_nested" if contents.primary else "auc_optimistic"
    found = contents.auc(kind, contents.headline)
    if not np.isfinite(found[0]):
        return []
    if contents.primary:
        where = "A model on features selected inside the folds", "on patients it had not seen."
    else:
        where = "A model on them", "in patients who helped to select them: too good, and not to be reported."
    return [f"{where[0]} reaches an AUC of {estimate(*found)} {where[1]}"]


def banner(record: Mapping[str, Any]) -> list[str]:
    """What a reader must know before any number."""
    said = []
    if not record["settings"]["nested"]:
        said.append("Optimistic: selection saw the test patients, because it was not repeated inside outer folds.")
    if not record["complete"]:
        said.append(
            f"Interrupted: {record['folds_finished']:,} of {record['folds_planned']:,} outer folds were finished, and "
            "only they are counted here."
        )
    empty = [name for name, flow in record["flow"].items() if not flow["selected"]]
    if empty:
        of_what = "" if empty == [UNNAMED] else f" of {listed(empty)}"
        said.append(f"Nothing{of_what} was selected from all samples: at these settings there is no signal to report.")
    return said


def folds(record: Mapping[str, Any]) -> str:
    """How the outer folds were dealt."""
    settings = record["settings"]
    times = settings["repeats"]
    return f"{settings['folds']} outer folds" + (f", dealt {times} times" if times > 1 else "")


def flow(counts: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    """How many features of one modality are left after each step; ``words`` are those of the steps."""
    left = [f"{count:,} {words[step]['kept']}" for step, count in counts["steps"].items()]
    return (
        f"{counted(counts['samples'], 'sample')} with {counted(counts['features'], 'feature')}; {', then '.join(left)}."
    )


def significance(settings: Mapping[str, Any]) -> str:
    """The level of the tests."""
    adjust = settings["adjust"]
    name = CORRECTIONS.get(adjust) or CORRECTIONS.get(f"fdr_{adjust}")
    adjusted = f" adjusted after {name}" if name else ""
    return f"p{adjusted} < {settings['alpha']:g}"


def stability(record: Mapping[str, Any], modality: str) -> str:
    """How much the selections of the training folds agree; "" where there were none."""
    found = record["stability"].get(modality)
    if found is None:
        return ""
    empty = f", {found['n_empty']} of them none" if found["n_empty"] else ""
    sizes = (
        f"{found['n_selections']} training folds chose {number(found['mean_selected'], 1)} features on average{empty}"
    )
    index = [as_float(found[key]) for key in ("nogueira", "low", "high")]
    if not np.isfinite(index[0]):
        return f"{sizes}; their stability is not defined."
    return (
        f"{sizes}; their stability (Nogueira; 1: always the same, 0: chance) is {estimate(*index)}. The interval is "
        "too narrow, since training folds overlap."
    )


def rules(curve: pd.DataFrame, rule: str) -> str:
    """What both rules of the LASSO choose, and which of them was used."""
    least, one_se = (curve.loc[curve[which]].iloc[0] for which in ("is_min", "is_1se"))
    return (
        f"λ.min = {least['lambda']:.3g} (dashed), the least error, keeps {counted(least.nzero, 'feature')}; λ.1se = "
        f"{one_se['lambda']:.3g} (dotted), the largest penalty within one standard error of it, keeps "
        f"{one_se.nzero:.0f}. λ.{rule} was used."
    )


def gains(contents: SelectionContents) -> str:
    """By how much selecting outside the folds moves the AUC."""
    moved = [optimistic[0] - nested[0] for _, nested, optimistic in contents.auc_pairs]
    span = " to ".join(f"{gain:+z.2f}" for gain in dict.fromkeys([min(moved), max(moved)]))
    return f"Selecting on all patients first changes the AUC by {span}. Bars: 95% intervals."
