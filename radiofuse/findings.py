"""What the folds found, as tables: selected features, fusion weights, warnings, the scoreboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse import columns
from radiofuse.evaluate.importance import held_out_importance

MIN_EVENTS = 50  # fewer patients in the smaller class than this: every number is uncertain, its interval too
MAX_SHOWN_FAILURES = 20
SMALLEST_P = 0.001  # smaller ones are the normal curve's far tail, which no cohort of hundreds can vouch for
SHOWN_METRICS = ("auc", "balanced_accuracy", "recall", "specificity", "brier")


def inspect_fold(model: Any, X: pd.DataFrame, y: np.ndarray) -> dict[str, Any] | None:
    """Return what a fitted fusion selected and how it weighs its members; None for any other model.

    Parameters
    ----------
    model : estimator
        Fitted on a training fold.
    X, y : DataFrame, ndarray
        The held-out rows of that fold.
    """
    if not hasattr(model, "members_"):
        return None
    blocks, selected = columns.by_modality(X.columns), []
    for modality, chain in model.members_.items():
        block = X[blocks[modality]]
        present = block.notna().any(axis=1).to_numpy()
        selected.append(held_out_importance(chain, block[present], y[present]))
    selected = pd.concat(selected, ignore_index=True)
    return {"selected": selected, "weights": model.weights_, "fallbacks": list_fallbacks(model)}


def list_fallbacks(model: Any) -> list[str]:
    """Return the members in which too few features survived the selection, so that others filled up."""
    chains = model.members_.items()
    return [modality for modality, chain in chains if getattr(chain.named_steps["select"], "fallback_", False)]


def summarize_selection(model: Any, findings: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return one row per feature that any outer fold or the final model selected.

    Columns: modality, feature, frequency (share of outer folds), importance (mean held-out AUC
    drop, 0 where the feature was not selected, over the outer folds whose held-out rows with the
    modality hold both classes; NaN without such a fold), mean_coefficient (over the folds that
    selected it), in_final_model.
    """
    folds = pd.concat([found["selected"].assign(fold=fold) for fold, found in enumerate(findings)], ignore_index=True)
    folds["modality"] = _modalities(folds["feature"])
    n_unjudged = folds[folds["importance"].isna()].groupby("modality")["fold"].nunique()
    final = {name for chain in model.members_.values() for name in chain[:-1].get_feature_names_out()}
    grouped = folds.groupby("feature")
    table = pd.DataFrame(
        {
            "frequency": grouped.size() / len(findings),
            "importance": grouped["importance"].sum(),
            "mean_coefficient": grouped["coefficient"].mean(),
        }
    )
    table = table.reindex(table.index.union(sorted(final))).fillna({"frequency": 0.0, "importance": 0.0})
    table = table.rename_axis(index=None)
    table["in_final_model"] = table.index.isin(final)
    table.insert(0, "modality", _modalities(table.index))
    table.insert(1, "feature", [columns.split(name)[1] for name in table.index])
    table["importance"] /= len(findings) - table["modality"].map(n_unjudged).fillna(0)
    order = {modality: rank for rank, modality in enumerate(model.members_)}
    return table.sort_values(
        ["modality", "frequency", "importance", "feature"],
        ascending=[True, False, False, True],
        key=lambda column: column.map(order) if column.name == "modality" else column,
    ).reset_index(drop=True)


def _modalities(names: Iterable[str]) -> list[str]:
    return [columns.split(name)[0] for name in names]


def summarize_weights(model: Any, findings: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the fusion weights of the final model beside their spread over the outer folds.

    Columns: fusion, member, weight, mean, low, high (2.5 and 97.5 percentiles over the folds).
    """
    folds = pd.concat([found["weights"] for found in findings], ignore_index=True)
    grouped = folds.groupby(["fusion", "member"])["weight"]
    spread = pd.DataFrame({"mean": grouped.mean(), "low": grouped.quantile(0.025), "high": grouped.quantile(0.975)})
    return model.weights_.merge(spread, left_on=["fusion", "member"], right_index=True, how="left")


def list_warnings(
    model: Any, y: np.ndarray, groups: np.ndarray, failures: pd.DataFrame, findings: Sequence[dict[str, Any]]
) -> list[str]:
    """Return the sentences a reader must see beside the scores."""
    sentences = []
    patients = pd.Series(y).groupby(np.asarray(groups)).max()
    smaller = int(min((patients == 0).sum(), (patients == 1).sum()))
    if smaller < MIN_EVENTS:
        sentences.append(
            f"The smaller class has {smaller} patients only: every score is uncertain, "
            "and intervals from few patients tend to be too narrow."
        )
    if len(failures):
        sentences.append(f"{len(failures)} image(s) failed and count as absent; the failures table says why.")
    lost = Counter(modality for found in findings for modality in found["fallbacks"])
    for modality, n_folds in lost.items():
        sentences.append(
            f"In {n_folds} of {len(findings)} outer folds too few {modality} features survived the selection; "
            "those of largest effect filled up."
        )
    for modality in list_fallbacks(model):
        sentences.append(
            f"For the final model too few {modality} features survived the selection; "
            "those of largest effect filled up."
        )
    return sentences


def list_failures(failures: pd.DataFrame) -> str:
    """Return the first failures as lines for the terminal; one reassuring line if there are none."""
    if failures.empty:
        return "Every image was usable."
    shown = failures.head(MAX_SHOWN_FAILURES)
    lines = [f"  {row.sample_id} ({row.modality}) {row.code}: {row.message}" for row in shown.itertuples()]
    left_out = len(failures) - len(shown)
    more = [f"  and {left_out} more in the table of failures"] if left_out else []
    return "\n".join([f"{len(failures)} image(s) could not be used and count as absent:", *lines, *more])


def describe_comparisons(comparisons: pd.DataFrame) -> str:
    """Return one line per comparison of the answer with another model."""
    lines = [
        f"AUC of {row.a} minus {row.b}: {row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f}), "
        f"{_p_value(row.p_value)} ({row.test})"
        for row in comparisons.itertuples()
    ]
    return "\n".join(lines)


def _p_value(p: float) -> str:
    return f"p = {p:.2g}" if p >= SMALLEST_P else f"p < {SMALLEST_P}"


def scoreboard(scores: pd.DataFrame) -> str:
    """Return the scores as a text table: one line per model, each value with its interval.

    Where models were scored on different patients, because some lack a modality, a column says on how
    many: such scores are no like for like.
    """
    cells = scores[scores["metric"].isin(SHOWN_METRICS)].copy()
    cells["cell"] = [f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})" for row in cells.itertuples()]
    table = cells.pivot(index="model", columns="metric", values="cell")
    table = table.loc[scores["model"].drop_duplicates(), list(SHOWN_METRICS)]
    n_patients = scores.groupby("model")["n_patients"].first()
    if n_patients.nunique() > 1:
        table["patients"] = n_patients
    return table.rename_axis(index=None, columns=None).to_string()
