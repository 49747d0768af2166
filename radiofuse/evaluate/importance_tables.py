"""How much each selected feature matters, by permutation, Shapley values and coefficients, over all outer folds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from radiofuse.evaluate.shapley import BASE
from radiofuse.patients import Split
from radiofuse.statistics.resampled_t import corrected_interval
from radiofuse.tables import columns
from radiofuse.tables.families import feature_family

PERMUTATION, SHAP, COEFFICIENT, SELECTED = "importance", "shap", "coefficient", "selected"
MEASURES = (PERMUTATION, SHAP, COEFFICIENT)
INTERVALS = [f"{measure}{end}" for measure in (PERMUTATION, SHAP) for end in ("", "_low", "_high")]
SUM_COLUMNS = ["by", "name", "n_features", "mean_selected", *INTERVALS]
AGREEMENT_COLUMNS = ["modality", "a", "b", "spearman", "n_features"]
FAMILY, IMAGE, MODALITY = "family", "image type", "modality"
ORIGINAL, OTHER, OTHERS = "original", "other", "(others)"
MOST_SHOWN = 10  # features per member with a Shapley value for every row in the bundle
SHAPLEY_COLUMNS = ["member", "sample_id", "class", "feature", "value", "shap"]
FEWEST_RANKED = 3  # features, for a correlation of ranks

Measured = dict[str, pd.DataFrame]  # measure to a table of folds by features


def measured_by_fold(findings: Sequence[dict[str, Any]]) -> Measured:
    """Return what each feature is worth in every outer fold by each measure: 0 where the fold did not select it.

    Parameters
    ----------
    findings : sequence of dict
        What ``inspect_fold`` saw in each outer fold.

    Returns
    -------
    dict of str to DataFrame
        importance (the drop in AUC), shap (the mean absolute Shapley value), coefficient (absolute) and selected
        (1), folds by columns. NaN for all features of a modality in a fold that could not be judged.
    """
    names = list(dict.fromkeys(name for found in findings for name in found["selected"]["feature"]))
    modality = np.array([columns.split(name)[0] for name in names])
    tables = {measure: np.zeros((len(findings), len(names))) for measure in (*MEASURES, SELECTED)}
    place = {name: at for at, name in enumerate(names)}
    for fold, found in enumerate(findings):
        selected = found["selected"]
        at = [place[name] for name in selected["feature"]]
        tables[SELECTED][fold, at] = 1
        shap = mean_absolute(found["shapley"]).reindex(selected["feature"])
        told = (selected["importance"], shap, selected["coefficient"].abs())
        for measure, values in zip(MEASURES, told, strict=True):
            tables[measure][fold, at] = values
            unjudged = set(modality[at][np.isnan(tables[measure][fold, at])])
            tables[measure][fold, np.isin(modality, list(unjudged))] = np.nan
    return {measure: pd.DataFrame(values, columns=names) for measure, values in tables.items()}


def mean_absolute(shapley: pd.DataFrame) -> pd.Series:
    """Return the mean absolute Shapley value of each feature over rows and classes."""
    own = shapley[shapley["feature"] != BASE]
    return own["shap"].abs().groupby(own["feature"]).mean()


def importance_of_features(by_fold: Measured, splits: Sequence[Split]) -> pd.DataFrame:
    """Return the mean over the outer folds of the drop in AUC and of the Shapley value of each feature.

    Parameters
    ----------
    by_fold : dict of str to DataFrame
        As `measured_by_fold` returns it.
    splits : sequence of Split
        The folds.

    Returns
    -------
    DataFrame
        Columns importance and shap, each with low and high, a row per feature: the 95% interval for other training
        and test patients, of the variance over the folds by Nadeau and Bengio. A Shapley value has no limit below 0.

    References
    ----------
    Nadeau and Bengio 2003, Mach Learn 52:239-281, eq. 10.
    """
    n_train, n_test = (float(np.mean([getattr(split, part).size for split in splits])) for part in ("train", "test"))
    told = {}
    for measure in (PERMUTATION, SHAP):
        values = by_fold[measure].to_numpy()
        low, high = corrected_interval(values, n_train, n_test)
        low = np.maximum(low, 0) if measure == SHAP else low
        told |= {measure: _mean(values), f"{measure}_low": low, f"{measure}_high": high}
    return pd.DataFrame(told, index=by_fold[PERMUTATION].columns)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the folds that have a number; NaN where none has."""
    there = np.isfinite(values)
    return np.where(
        there.any(axis=0), np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1), np.nan
    )


def importance_of_groups(by_fold: Measured, splits: Sequence[Split]) -> pd.DataFrame:
    """Return the importances summed over the features of each family, of each image type and of each modality.

    Parameters
    ----------
    by_fold, splits
        As for `importance_of_features`.

    Returns
    -------
    DataFrame
        Columns by, name, n_features (ever selected), mean_selected (per fold) and those of `importance_of_features`,
        sums over the features of a fold. Drops of single features do not add up to that of all of them shuffled at
        once, where features say the same.
    """
    names = by_fold[PERMUTATION].columns
    kinds = pd.DataFrame([_kinds_of(name) for name in names], index=names, columns=[FAMILY, IMAGE, MODALITY])
    parts = []
    for by in kinds:
        summed = {
            measure: table.T.groupby(kinds[by], sort=False).sum(min_count=1).T for measure, table in by_fold.items()
        }
        chosen = summed[SELECTED].mean()
        n_features = kinds[by].value_counts().reindex(chosen.index)
        head = {"by": by, "name": chosen.index, "n_features": n_features.to_numpy(), "mean_selected": chosen.to_numpy()}
        parts.append(pd.DataFrame(head).join(importance_of_features(summed, splits).reset_index(drop=True)))
    return pd.concat(parts, ignore_index=True)


def _kinds_of(column: str) -> tuple[str, str, str]:
    """Return family, image type and modality of a column.

    >>> _kinds_of("t1__wavelet-LLH_glcm_Idmn"), _kinds_of("t2__original_shape_Sphericity")
    (('glcm', 'wavelet-LLH', 't1'), ('shape', 'original', 't2'))
    """
    modality, name = columns.split(column) or ("", column)
    image, _, family = feature_family(name).rpartition(" ")
    return family, image or (OTHER if family == OTHER else ORIGINAL), modality


def agreement_of_measures(by_fold: Measured) -> pd.DataFrame:
    """Return how alike the measures rank the features of each modality, and all of them.

    Parameters
    ----------
    by_fold : dict of str to DataFrame
        As `measured_by_fold` returns it.

    Returns
    -------
    DataFrame
        Columns modality ("" for all), a and b (measures), spearman (the correlation of ranks of their means over the
        folds) and n_features. Pairs with a measure that there is none of, or with fewer than three features, are left
        out. A feature that few folds selected is small by every measure, which alone makes them agree.
    """
    means = pd.DataFrame({measure: _mean(by_fold[measure].to_numpy()) for measure in MEASURES})
    modality = np.array([columns.split(name)[0] for name in by_fold[PERMUTATION].columns])
    rows = []
    for name in ["", *dict.fromkeys(modality)]:
        own = means[(modality == name) | (name == "")]
        for a, b in combinations(MEASURES, 2):
            both = own[[a, b]].dropna()
            if len(both) >= FEWEST_RANKED and (both.nunique() > 1).all():
                rows.append((name, a, b, np.corrcoef(rankdata(both[a]), rankdata(both[b]))[0, 1], len(both)))
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def _without(member: str, column: str) -> str:
    """Return a column's name without its modality, where the member is of this modality alone."""
    return column.removeprefix(columns.join(member, ""))


def gather_shapley(findings: Sequence[dict[str, Any]], most_shown: int = MOST_SHOWN) -> pd.DataFrame:
    """Return the Shapley values of the most important features of each member for every row, averaged over repeats.

    Parameters
    ----------
    findings : sequence of dict
        What ``inspect_fold`` saw in each outer fold.
    most_shown : int, default=10
        Features per member, by the mean absolute value over rows and repeats; the others are added up.

    Returns
    -------
    DataFrame
        Columns member, sample_id, class (its place), feature ("(base)" and "(others)" too), value (as the classifier
        reads it, on average over the repeats that selected it) and shap (0 where a repeat did not select it). Those of
        a row, member and class add up to the mean over the repeats of the member's log-odds.
    """
    parts = [found["shapley"].assign(fold=fold) for fold, found in enumerate(findings)]
    told = pd.concat(parts, ignore_index=True)
    row = ["member", "sample_id", "class"]
    if told.empty:
        return pd.DataFrame(columns=SHAPLEY_COLUMNS)
    n_repeats = told[told["feature"] == BASE].groupby(row, sort=False)["fold"].nunique().rename("n_repeats")
    grouped = told.groupby([*row, "feature"], sort=False)
    table = grouped.agg(value=("value", "mean"), shap=("shap", "sum")).reset_index().merge(n_repeats, on=row)
    table["shap"] /= table["n_repeats"]
    own = table[table["feature"] != BASE]
    worth = own["shap"].abs().groupby([own["member"], own["feature"]]).sum()
    shown = worth.groupby(level=0, group_keys=False).nlargest(most_shown).index
    named = pd.MultiIndex.from_frame(table[["member", "feature"]]).isin(shown) | (table["feature"] == BASE)
    table["feature"] = [_without(member, name) for member, name in zip(table["member"], table["feature"], strict=True)]
    rest = table[~named].groupby(row, sort=False)["shap"].sum().reset_index()
    return pd.concat([table[named], rest.assign(feature=OTHERS, value=np.nan)], ignore_index=True)[SHAPLEY_COLUMNS]
