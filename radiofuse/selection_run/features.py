"""One row per feature: what the steps found on all samples, and how the outer folds agreed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.select import SelectorChain
from radiofuse.selection_run.chain import number_per_feature
from radiofuse.selection_run.nested import ModalitySelection
from radiofuse.statistics.area_intervals import auc_intervals
from radiofuse.statistics.multiplicity import adjust_pvalues
from radiofuse.tables.families import feature_family


def selection_table(result: ModalitySelection) -> pd.DataFrame:
    """Return one row per feature of a modality; a column of a step that was not run is empty.

    Columns
    -------
    modality, feature, family : str
        The last as in `feature_family`.
    n, missing : int
        Samples with and without a value.
    median_0, median_1 : float
        Of the known values, by class.
    U, p, p_method, q_bh
        Of the test: the Mann-Whitney statistic, p as tested, how it was computed, and p adjusted after
        Benjamini and Hochberg.
    auc, auc_low, auc_high, direction
        Of the feature alone over its known values, with the interval of `auc_interval`: DeLong's, or Newcombe's
        of an AUC of 0 or 1; "higher" in the positive class.
    passed_test, kept_after_prune, dropped_for, r_with_kept
        What the steps decided; a pruned feature names the kept one it correlates with.
    coef_min, coef_1se
        LASSO coefficients of the standardized column at both penalties.
    selected : bool
        On all samples.
    times_selected, freq_outer : number and share of the outer folds that selected the feature.
    mean_rank : float
        Mean place among the chosen ones, over the folds that chose it; see `strength_of`.
    median_coef, sign_consistency : float
        Over the same folds; the second is the share of them with the commoner sign.
    rank : int
        Among features that any selection chose: by freq_outer, then size of the coefficient, then p.
    """
    X, report = result.block.X, result.final.report_
    table = pd.DataFrame({"modality": result.block.modality, "feature": report["feature"]})
    table["family"] = [feature_family(name) for name in table["feature"]]
    table["n"], table["missing"] = X.notna().sum().to_numpy(), X.isna().sum().to_numpy()
    for label in (0, 1):
        table[f"median_{label}"] = X[result.block.y == label].median().to_numpy()
    table = table.assign(**_test(result.final, report), **_auc(X, result.block.y))
    table["direction"] = np.select([table["auc"] > 0.5, table["auc"] < 0.5], ["higher", "lower"], "")
    table = table.assign(**_decisions(result.final, report), selected=report["selected"], **_agreement(result))
    table["rank"] = _rank(table, report["coef"])
    return table


def _test(final: SelectorChain, report: pd.DataFrame) -> dict[str, Any]:
    name, step = next(((name, step) for name, step in final.steps_.items() if hasattr(step, "pvalues_")), ("", None))
    U, method = np.nan, "" if step is None else name
    if hasattr(step, "is_exact_"):
        U = number_per_feature(final, "statistics_")
        method = np.where(number_per_feature(final, "is_exact_") == 1, "exact", "asymptotic")
    return {"U": U, "p": report["pvalue"], "p_method": method, "q_bh": adjust_pvalues(report["pvalue"], "fdr_bh")}


def _auc(X: pd.DataFrame, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the AUC of every column over its known values, with its interval."""
    values, found = X.to_numpy(), np.full((3, X.shape[1]), np.nan)
    holey = np.isnan(values).any(axis=0)
    # Columns without gaps have the same rows, so that one pass ranks all of them.
    found[:, ~holey] = auc_intervals(y, values[:, ~holey])[:3]
    for column in np.flatnonzero(holey):
        known = ~np.isnan(values[:, column])
        # A variance needs two values of each class.
        if np.bincount(y[known], minlength=2).min() > 1:
            found[:, [column]] = auc_intervals(y[known], values[known][:, [column]])[:3]
    return dict(zip(("auc", "auc_low", "auc_high"), found, strict=True))


def _decisions(final: SelectorChain, report: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("passed_test", "kept_after_prune", "dropped_for"), "")
    found |= dict.fromkeys(("r_with_kept", "coef_min", "coef_1se"), np.nan)
    for name, columns in final.seen_.items():
        step = final.steps_[name]
        kept = np.isin(np.arange(len(report)), columns[step.get_support()])
        if hasattr(step, "pvalues_"):
            found["passed_test"] = kept
        if hasattr(step, "kept_partner_"):
            found |= {"kept_after_prune": kept, "dropped_for": report["dropped_for"]}
            found["r_with_kept"] = report["r_with_kept"]
        if hasattr(step, "coef_1se_"):
            found |= {rule: number_per_feature(final, f"{rule}_") for rule in ("coef_min", "coef_1se")}
    return found


def _agreement(result: ModalitySelection) -> dict[str, Any]:
    """Return how often, how high and with which sign the outer folds chose each feature."""
    outcomes = [outcome for outcome in result.outcomes if outcome.chosen is not None]
    if not outcomes:
        absent = ("times_selected", "freq_outer", "mean_rank", "median_coef", "sign_consistency")
        return dict.fromkeys(absent, np.nan)
    chosen = np.array([outcome.chosen for outcome in outcomes])
    times = chosen.sum(axis=0)
    # A fold that did not choose a feature says nothing of its sign.
    coef = pd.DataFrame(np.where(chosen, [outcome.coef for outcome in outcomes], np.nan))
    signs = np.maximum((coef > 0).sum(axis=0), (coef < 0).sum(axis=0)).to_numpy()
    return {
        "times_selected": times,
        "freq_outer": times / len(outcomes),
        "mean_rank": pd.DataFrame([outcome.place for outcome in outcomes]).mean().to_numpy(),
        "median_coef": coef.median().to_numpy(),
        "sign_consistency": np.where(coef.notna().any(axis=0), signs / np.maximum(times, 1), np.nan),
    }


def _rank(table: pd.DataFrame, coef: pd.Series) -> pd.Series:
    frequency = table["freq_outer"].fillna(0.0)
    ever = table[table["selected"] | (frequency > 0)].index
    # lexsort goes by the last key first.
    order = np.lexsort((table["p"].fillna(1)[ever], -coef[ever].abs().fillna(0), -frequency[ever]))
    return pd.Series(np.arange(1, len(ever) + 1), index=ever[order], dtype="Int64").reindex(table.index)
