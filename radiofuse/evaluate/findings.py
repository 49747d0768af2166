"""What the folds found, as tables: selected features, fusion weights, warnings."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.estimators import Estimator, OffersFindings
from radiofuse.evaluate.chosen_options import chosen_options
from radiofuse.evaluate.importance import held_out_importance
from radiofuse.evaluate.importance_tables import SELECTED, importance_of_features, measured_by_fold
from radiofuse.evaluate.row_contributions import held_out_contributions
from radiofuse.evaluate.row_weights import held_out_weights
from radiofuse.evaluate.selection_stability import count_candidates
from radiofuse.evaluate.shapley import NOTHING_EXPLAINED, held_out_shapley
from radiofuse.patients import Split
from radiofuse.select import NothingSelectedWarning, PathEdgeWarning
from radiofuse.tables import columns

if TYPE_CHECKING:
    from radiofuse.fuse import LateFusion

MIN_EVENTS = 50  # fewer patients in the smaller class than this: every number is uncertain, its interval too
MAX_SHOWN_FAILURES = 20
_NOTHING_SELECTED = pd.DataFrame({"feature": pd.Series(dtype="str"), "importance": [], "coefficient": []})
WEIGHT_OF = ["fusion", "member", "class"]


def inspect_fold(model: Estimator, X: pd.DataFrame, y: np.ndarray) -> dict[str, Any] | None:
    """Return what a fitted model selected and how it weighs its members; None for one that offers no findings.

    Parameters
    ----------
    model : estimator
        Fitted on a training fold.
    X, y : DataFrame, ndarray
        The held-out rows of that fold, with labels as the model was fitted on.
    """
    if not isinstance(model, OffersFindings):
        return None
    offered, selected, explained = model.findings(), [_NOTHING_SELECTED], [NOTHING_EXPLAINED]
    if offered is None:
        return None
    known = np.isin(y, model.classes_)
    candidates: Counter[str] = Counter()
    X, y = X[known], np.asarray(y)[known]
    places = np.searchsorted(model.classes_, y)  # members are fitted on these places
    for name, chain in offered.chains.items():
        candidates |= count_candidates(chain)
        block = X[offered.columns[name]]
        present = block.notna().any(axis=1).to_numpy()
        selected.append(held_out_importance(chain, block[present], places[present]))
        explained.append(_with_classes(held_out_shapley(chain, block[present]), model.classes_).assign(member=name))
    selected = pd.concat(selected, ignore_index=True)
    return {
        "selected": selected,
        "shapley": pd.concat([part for part in explained if len(part)] or explained[:1], ignore_index=True),
        "candidates": dict(candidates),
        "chosen": chosen_options(model),
        "weights": offered.weights,
        "row_weights": held_out_weights(offered, X, y),
        "contributions": held_out_contributions(offered, X, model.classes_),
        "fallbacks": list_fallbacks(model),
        "pseudo_labels": offered.pseudo_labels,
    }


def _with_classes(shapley: pd.DataFrame, classes: np.ndarray) -> pd.DataFrame:
    """Return Shapley values under the outcome's places of their classes; a member is fitted on those of the model."""
    return shapley.assign(
        **{"class": [str(classes[int(float(place))]).removesuffix(".0") for place in shapley["class"]]}
    )


def list_fallbacks(model: OffersFindings) -> list[str]:
    """Return the members in which too few features survived the selection, so that others filled up."""
    offered = model.findings()
    chains = {} if offered is None else offered.chains
    return [name for name, chain in chains.items() if any(getattr(step, "fallback_", False) for _, step in chain.steps)]


def summarize_selection(
    model: OffersFindings, findings: Sequence[dict[str, Any]], splits: Sequence[Split]
) -> pd.DataFrame:
    """Return one row per feature that any outer fold or the final model selected.

    Columns: modality, feature, frequency (share of outer folds), importance (mean held-out AUC
    drop, 0 where the feature was not selected, over the outer folds whose held-out rows with the
    modality hold both classes; NaN without such a fold) and shap (mean absolute Shapley value, likewise),
    each with low and high over the folds, mean_coefficient (over the folds that selected it), in_final_model.
    """
    by_fold = measured_by_fold(findings)
    final = {name for chain in model.findings().chains.values() for name in chain[:-1].get_feature_names_out()}
    table = importance_of_features(by_fold, splits)
    table.insert(0, "frequency", by_fold[SELECTED].mean())
    table = _with_features(table, sorted(final))
    coefficients = pd.concat([found["selected"] for found in findings]).groupby("feature")["coefficient"].mean()
    table["mean_coefficient"] = coefficients.reindex(table.index)
    table["in_final_model"] = table.index.isin(final)
    table.insert(0, "modality", _modalities(table.index))
    table.insert(1, "feature", [columns.split(name)[1] for name in table.index])
    read = model.findings().columns  # of an early fusion one block of several modalities
    names = dict.fromkeys([*read, *_modalities(column for block in read.values() for column in block)])
    order = {modality: rank for rank, modality in enumerate(names)}
    return table.sort_values(
        ["modality", "frequency", "importance", "feature"],
        ascending=[True, False, False, True],
        key=lambda column: column.map(order) if column.name == "modality" else column,
    ).reset_index(drop=True)


def _with_features(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with rows of features that no fold selected: 0, NaN where no fold could judge their modality."""
    unjudged = table.isna().groupby(_modalities(table.index)).all()
    whole = table.reindex(table.index.union(names), fill_value=0.0).rename_axis(index=None)
    nowhere = unjudged.reindex(_modalities(whole.index), fill_value=False).to_numpy(dtype=bool)
    return whole.mask(nowhere)


def _modalities(names: Iterable[str]) -> list[str]:
    return [columns.split(name)[0] for name in map(str, names)]


def summarize_weights(
    model: OffersFindings,
    findings: Sequence[dict[str, Any]],
    in_sample: pd.DataFrame | None = None,
    resampled: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the fusion weights of the final model beside their spread over the outer folds.

    Parameters
    ----------
    model : estimator
        Fitted on all rows.
    findings : sequence of dict
        What ``inspect_fold`` saw in each outer fold.
    in_sample : DataFrame, optional
        As ``in_sample_weights`` returns them.
    resampled : DataFrame, optional
        As ``resampled_weights`` returns them.

    Returns
    -------
    DataFrame
        Columns: fusion, member, class (the place of one of several, where weights differ by class), weight,
        weight_low, weight_high (over resampled patients), mean, low, high (2.5 and 97.5 percentiles over the folds),
        in_sample; NaN where there is none.
    """
    final, *folds = (_by_class(weights) for weights in (model.findings().weights, *(f["weights"] for f in findings)))
    grouped = pd.concat(folds, ignore_index=True).groupby(WEIGHT_OF)["weight"]
    spread = pd.DataFrame({"mean": grouped.mean(), "low": grouped.quantile(0.025), "high": grouped.quantile(0.975)})
    table = _beside(final, resampled, {"low": "weight_low", "high": "weight_high"})
    table = table.merge(spread, left_on=WEIGHT_OF, right_index=True, how="left")
    return _beside(table, in_sample, {"weight": "in_sample"})


def _beside(table: pd.DataFrame, others: pd.DataFrame | None, names: dict[str, str]) -> pd.DataFrame:
    """Return weights with columns of other ones beside them under these names; NaN where there are none."""
    if others is None:
        return table.assign(**dict.fromkeys(names.values(), np.nan))
    return table.merge(_by_class(others, list(names)).rename(columns=names), on=WEIGHT_OF, how="left")


def _by_class(weights: pd.DataFrame, values: Sequence[str] = ("weight",)) -> pd.DataFrame:
    """Return weights with the class that each is for: none where it holds for all classes, as where there are two."""
    told = weights if "class" in weights else weights.assign(**{"class": ""})
    return told[[*WEIGHT_OF, *values]]


def in_sample_weights(model: LateFusion, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None) -> pd.DataFrame:
    """Return the weights that learned combiners would have if they were shown in-sample probabilities.

    A combiner must learn from out-of-fold probabilities. Shown the answers for the very rows that the members
    were fitted on, it finds every member to be right: members of pure noise then get weights that sum to far
    more than 1 and a large negative intercept, and the one that overfits most gets the largest. So these
    weights stand beside the out-of-fold ones only, for comparison with a publication whose weights may have
    been learned in that way; no model answers by them.

    Parameters
    ----------
    model : LateFusion
        Fitted on these rows.
    X : DataFrame of shape (n_samples, n_columns)
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
        Patient of each row.

    Returns
    -------
    DataFrame
        Columns fusion, member, weight; the intercept as member "(intercept)". Without rows if a member, as an
        encoder that classifies, refuses the rows it was fitted on.

    References
    ----------
    Wolpert (1992). Stacked generalization. Neural Networks 5(2), 241-259.
    """
    with warnings.catch_warnings():
        for said_of_the_fusion in (NothingSelectedWarning, PathEdgeWarning):
            warnings.simplefilter("ignore", said_of_the_fusion)
        try:
            return model.in_sample_weights(X, y, groups)
        except CohortError:
            return pd.DataFrame(columns=["fusion", "member", "weight"])


def list_warnings(
    model: OffersFindings, y: np.ndarray, groups: np.ndarray, failures: pd.DataFrame, findings: Sequence[dict[str, Any]]
) -> list[str]:
    """Return the sentences a reader must see beside the scores."""
    sentences = []
    patients = pd.Series(y).groupby(np.asarray(groups)).max()
    smaller = int(min((patients == label).sum() for label in model.classes_))
    if smaller < MIN_EVENTS:
        which = "smaller" if len(model.classes_) == 2 else "smallest"
        sentences.append(
            f"The {which} class has {smaller} patients only: every score is uncertain, "
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


def list_failures(failures: pd.DataFrame, *, with_images: bool = True, shown: int = MAX_SHOWN_FAILURES) -> str:
    """Return the first failures as lines for the terminal; one line if there are none, or no images were read."""
    if failures.empty:
        return "Every image was usable." if with_images else "No images were read: the features came ready-made."
    rows = failures.head(shown)
    places = rows["sample_id"] + rows["modality"].map(lambda name: f" ({name})" if name else "")  # of all: no name
    lines = [f"  {at} {row.code}: {row.message}" for at, row in zip(places, rows.itertuples(), strict=True)]
    left_out = len(failures) - len(rows)
    more = [f"  and {left_out} more in the table of failures"] if left_out else []
    return "\n".join([f"{len(failures)} image(s) could not be used and count as absent:", *lines, *more])
