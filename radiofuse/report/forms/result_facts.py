"""What a run says of performance: scores, intervals, comparisons, calibration."""

from __future__ import annotations

import pandas as pd

from radiofuse.bundle.steps import CLASSIFIES
from radiofuse.report.experiment import sentences
from radiofuse.report.experiment.chain_steps import CLASSIFY, is_recipes_own, known_parts
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.forms.fact import Fact, for_human, not_done, told
from radiofuse.report.kinds import MODALITY, TRIVIAL
from radiofuse.report.paper import statistics_words
from radiofuse.tables.columns import CLINICAL
from radiofuse.wording import listed

_LOGISTIC = "logistic"


def result_facts(contents: Contents) -> dict[str, Fact]:
    """Return the facts by name."""
    parts = [contents.of(outcome) for outcome in contents.outcomes]
    reached = " ".join(sentences.result(part) for part in parts)
    return {
        "metrics": told(" ".join(one.text for one in statistics_words.scores(contents)), scores="metric value"),
        "intervals": told(" ".join(one.text for one in statistics_words.intervals(contents)), scores="low high"),
        "performance": told(reached, scores="value low high"),
        "accuracy": _accuracy(contents),
        "comparison": _comparison(contents),
        "single_modalities": _single_modalities(contents),
        "non_radiomic": _non_radiomic(contents),
        "simple_model": _simple(contents),
        "calibration": told(
            "Calibration slope and intercept with intervals, of every model.", calibration="slope intercept"
        )
        if _has(contents.calibration, "slope")
        else not_done("No calibration could be computed."),
        "threshold": _threshold(contents),
        "explanation": _explanation(contents),
        "sensitivity": _sensitivity(contents),
        "misclassified": for_human(
            "Every prediction is listed with its label; what the wrong ones have in common is yours to look at.",
            predictions="label probability",
        ),
    }


def _has(table: pd.DataFrame, column: str) -> bool:
    return bool(table[column].notna().any())


def _accuracy(contents: Contents) -> Fact:
    if contents.operating_points.empty:
        return told("Sensitivity, specificity and other scores of calls, with intervals.", scores="metric low high")
    return told(
        "Calls at a threshold that other folds chose: sensitivity, specificity and predictive values with intervals.",
        operating_points="value low high",
    )


def _comparison(contents: Contents) -> Fact:
    if not _has(contents.comparisons, "p_value"):
        return not_done("The run compares no models with a test.")
    said = " ".join(one.text for one in statistics_words.comparisons(contents))
    return told(said, comparisons="difference p_value adjusted_p_value")


def _single_modalities(contents: Contents) -> Fact:
    single = [name for name in contents.comparisons["b"].unique() if contents.kind_of(name) == MODALITY]
    if not single:
        modalities = contents.about["modalities"]
        said = f"The run reads {listed(modalities)} and compares no single modality with its answer."
        return told(said, bundle="modalities") if len(modalities) == 1 else not_done(said, bundle="modalities")
    rows = contents.comparisons[contents.comparisons["b"].isin(single)]
    said = f"The answer was compared with single modalities: {listed(single)}"
    where = {"comparisons": f"b={single[0]} difference low high"}
    if (rows["low"] > 0).all():
        return told(f"{said}; the interval of every difference in AUC lies above zero.", **where)
    return for_human(f"{said}; not every interval of a difference in AUC lies above zero.", **where)


def _non_radiomic(contents: Contents) -> Fact:
    if (CLINICAL, "auc") not in contents.score_of:
        return not_done("The run has no model on other than image features.", scores="model")
    return told("A model on clinical data alone was scored in the same folds.", scores=f"model={CLINICAL}")


def _simple(contents: Contents) -> Fact:
    known = known_parts(contents, CLASSIFY)
    if known == [{_LOGISTIC}] and is_recipes_own(contents, CLASSIFY):
        return told("The models of the modalities are logistic regressions themselves.", bundle="protocol.classifier")
    if (CLINICAL, "auc") in contents.score_of:
        return told("A logistic regression on clinical data was scored in the same folds.", scores=f"model={CLINICAL}")
    if known is None and CLASSIFIES in contents.steps:
        return for_human("Say of each model what classifies, and whether one is simple.", bundle="protocol.options")
    there = (TRIVIAL, "auc") in contents.score_of
    return not_done(
        "Beside the models stands only the trivial rule." if there else "No simple model was scored.", scores="model"
    )


def _threshold(contents: Contents) -> Fact:
    if contents.operating_points.empty:
        return told(
            "The output is a probability of each class; the most probable one is called.",
            predictions="probability class",
        )
    chosen = contents.protocol.get("operating_point", "")
    return told(
        f"The output is a probability; the threshold was chosen in other folds, by {chosen}.",
        predictions="probability",
        operating_points="metric=threshold",
    )


def _explanation(contents: Contents) -> Fact:
    tables = {
        "selected_features": "importance",
        "fusion_weights": "weight",
        "contributions": "log_odds",
        "shapley": "shap",
        "modality_weights": "mean",
    }
    there = {name: column for name, column in tables.items() if _has(getattr(contents, name), column)}
    if not there:
        return for_human("The run holds no table that explains its models.")
    words = {
        "selected_features": "importance of features",
        "fusion_weights": "weights of members",
        "contributions": "what each member adds for each patient",
        "shapley": "Shapley values of features for each sample",
        "modality_weights": "weights of modalities",
    }
    return told(f"Kept of the models: {listed([words[name] for name in there])}.", **there)


def _sensitivity(contents: Contents) -> Fact:
    tables = {"ledger": "difference", "tests": "value"}
    there = {name: column for name, column in tables.items() if _has(getattr(contents, name), column)}
    if not there:
        return not_done("The run was not asked for an analysis of robustness or sensitivity.")
    said = {"ledger": "what shortcuts would have claimed", "tests": "further tests that the recipe asks for"}
    return told(f"In the run: {listed([said[name] for name in there])}.", **there)
