"""One row per feature: what the steps found on all samples, and how the outer folds agreed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.select import SelectorChain
from radiofuse.selection_run.chain import number_per_feature, numbers_per_class
from radiofuse.selection_run.nested import FoldOutcome, ModalitySelection
from radiofuse.statistics.area_intervals import auc_intervals
from radiofuse.statistics.multiplicity import adjust_pvalues
from radiofuse.tables.families import feature_family

RANKED_AT_ONCE = 256  # columns


def selection_table(result: ModalitySelection) -> pd.DataFrame:
    """Return one row per feature of a modality; a column of a step that was not run is empty.

    Of more than two classes a number of one class stands in a column of its own, as ``median_of_mutant`` does; beside
    these ``auc`` is that of the class that the feature tells best from the rest, and a coefficient that of the class
    in which it is largest.

    Columns
    -------
    modality, feature, family : str
        The last as in `feature_family`.
    n, missing : int
        Samples with and without a value.
    median_0, median_1 : float
        Of the known values, by class; ``median_of_<class>`` of several.
    U, p, p_method, q_bh
        Of the test: the Mann-Whitney statistic (of several classes ``statistic``, of any test), p as tested, how it
        was computed, and p adjusted after Benjamini and Hochberg.
    auc, auc_low, auc_high, direction
        Of the feature alone over its known values, with the interval of `auc_interval`: DeLong's, or Newcombe's
        of an AUC of 0 or 1; "higher" in the positive class. Of several classes also ``best_class``, the one that the
        feature tells best from the rest, and ``auc_of_<class>``; that this one was chosen widens no interval.
    passed_test, kept_after_prune, dropped_for, r_with_kept
        What the steps decided; a pruned feature names the kept one it correlates with.
    coef_min, coef_1se
        LASSO coefficients of the standardized column at both penalties; also ``coef_min_of_<class>`` and so on.
    selected : bool
        On all samples.
    times_selected, freq_outer : number and share of the outer folds that selected the feature.
    mean_rank : float
        Mean place among the chosen ones, over the folds that chose it; see `strength_of`.
    median_coef, sign_consistency : float
        Over the same folds; the second is the share of them with the commoner sign. Of several classes they are of
        ``coef_class``, the one with the largest median, beside ``median_coef_of_<class>``.
    rank : int
        Among features that any selection chose: by freq_outer, then size of the coefficient, then p.
    """
    X, report = result.block.X, result.final.report_
    table = pd.DataFrame({"modality": result.block.modality, "feature": report["feature"]})
    table["family"] = [feature_family(name) for name in table["feature"]]
    table["n"], table["missing"] = X.notna().sum().to_numpy(), X.isna().sum().to_numpy()
    classes = () if result.block.several is None else result.block.several.classes
    for label, name in enumerate([f"median_of_{name}" for name in classes] or ["median_0", "median_1"]):
        table[name] = X[result.block.y == label].median().to_numpy()
    auc = _auc_by_class(X, result.block.y, classes) if classes else _auc(X, result.block.y)
    table = table.assign(**_test(result.final, report, several=bool(classes)), **auc)
    table["direction"] = np.select([table["auc"] > 0.5, table["auc"] < 0.5], ["higher", "lower"], "")
    table = table.assign(
        **_decisions(result.final, report, classes), selected=report["selected"], **_agreement(result, classes)
    )
    table["rank"] = _rank(table, report["coef"])
    return table


def _test(final: SelectorChain, report: pd.DataFrame, *, several: bool) -> dict[str, Any]:
    name, step = next(((name, step) for name, step in final.steps_.items() if hasattr(step, "pvalues_")), ("", None))
    q = adjust_pvalues(report["pvalue"], "fdr_bh")
    if several:
        statistic = number_per_feature(final, "statistics_")
        return {"statistic": statistic, "p": report["pvalue"], "p_method": "" if step is None else name, "q_bh": q}
    U, method = np.nan, "" if step is None else name
    if hasattr(step, "is_exact_"):
        U = number_per_feature(final, "statistics_")
        method = np.where(number_per_feature(final, "is_exact_") == 1, "exact", "asymptotic")
    return {"U": U, "p": report["pvalue"], "p_method": method, "q_bh": q}


def _auc(X: pd.DataFrame, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the AUC of every column over its known values, with its interval."""
    values, found = X.to_numpy(), np.full((3, X.shape[1]), np.nan)
    holey = np.isnan(values).any(axis=0)
    whole = np.flatnonzero(~holey)
    # Columns without gaps have the same rows, so that one pass ranks many of them.
    for start in range(0, len(whole), RANKED_AT_ONCE):
        columns = whole[start : start + RANKED_AT_ONCE]
        found[:, columns] = auc_intervals(y, values[:, columns])[:3]
    for column in np.flatnonzero(holey):
        known = ~np.isnan(values[:, column])
        # A variance needs two values of each class.
        if np.bincount(y[known], minlength=2).min() > 1:
            found[:, [column]] = auc_intervals(y[known], values[known][:, [column]])[:3]
    return dict(zip(("auc", "auc_low", "auc_high"), found, strict=True))


def _auc_by_class(X: pd.DataFrame, y: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Return what `_auc` does for the class that each column tells best from the rest, and the AUC of every class."""
    each = [_auc(X, (y == place).astype(int)) for place in range(len(classes))]
    distance = np.abs(np.array([found["auc"] for found in each]) - 0.5)
    best = np.where(np.isnan(distance), -1, distance).argmax(axis=0)
    of_best = {name: np.choose(best, [found[name] for found in each]) for name in each[0]}
    named = np.where(np.isnan(of_best["auc"]), "", np.array(classes, object)[best])
    return {**of_best, "best_class": named} | {
        f"auc_of_{name}": found["auc"] for name, found in zip(classes, each, strict=True)
    }


def _decisions(final: SelectorChain, report: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
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
            for rule in ("coef_min", "coef_1se"):
                found[rule] = number_per_feature(final, f"{rule}_")
                found |= _by_class(rule, numbers_per_class(final, f"{rule}_", len(classes)), classes)
    return found


def _by_class(name: str, numbers: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Return columns, one per class; none where there are no classes."""
    return {f"{name}_of_{one}": numbers[place] for place, one in enumerate(classes)}


def _agreement(result: ModalitySelection, classes: Sequence[str]) -> dict[str, Any]:
    """Return how often, how high and with which sign the outer folds chose each feature."""
    outcomes = [outcome for outcome in result.outcomes if outcome.chosen is not None]
    if not outcomes:
        absent = ("times_selected", "freq_outer", "mean_rank", "median_coef", "sign_consistency")
        return dict.fromkeys(absent, np.nan)
    chosen = np.array([outcome.chosen for outcome in outcomes])
    times = chosen.sum(axis=0)
    # A fold that did not choose a feature says nothing of its sign.
    coef, medians = _coefficients(outcomes, chosen, classes)
    signs = np.maximum((coef > 0).sum(axis=0), (coef < 0).sum(axis=0)).to_numpy()
    return {
        "times_selected": times,
        "freq_outer": times / len(outcomes),
        "mean_rank": pd.DataFrame([outcome.place for outcome in outcomes]).mean().to_numpy(),
        "median_coef": coef.median().to_numpy(),
        "sign_consistency": np.where(coef.notna().any(axis=0), signs / np.maximum(times, 1), np.nan),
        **medians,
    }


def _coefficients(
    outcomes: Sequence[FoldOutcome], chosen: np.ndarray, classes: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return the coefficient by fold and feature, NaN where it was not chosen; of several classes that of one.

    It is the class with the largest median, so that signs are compared within one class; the medians of all are
    returned beside it.
    """
    learned = np.array([outcome.coef for outcome in outcomes])
    if not classes:
        return pd.DataFrame(np.where(chosen, learned, np.nan)), {}
    of_chosen = np.where(chosen[:, None, :], learned, np.nan)
    medians = np.array([pd.DataFrame(of_chosen[:, place]).median() for place in range(len(classes))])
    largest = np.nan_to_num(np.abs(medians)).argmax(axis=0)
    coef = np.take_along_axis(of_chosen, largest[None, None, :], axis=1)[:, 0]
    named = np.where(np.isnan(medians).all(axis=0), "", np.array(classes, object)[largest])
    return pd.DataFrame(coef), {"coef_class": named, **_by_class("median_coef", medians, classes)}


def _rank(table: pd.DataFrame, coef: pd.Series) -> pd.Series:
    frequency = table["freq_outer"].fillna(0.0)
    ever = table[table["selected"] | (frequency > 0)].index
    # lexsort goes by the last key first.
    order = np.lexsort((table["p"].fillna(1)[ever], -coef[ever].abs().fillna(0), -frequency[ever]))
    return pd.Series(np.arange(1, len(ever) + 1), index=ever[order], dtype="Int64").reindex(table.index)
