"""The one description of a bundle: its files, the columns of its tables and their kinds; of JSON see ``json_format``.

Writer, reader, check, report and predict read it here; a new table is an entry of ``TABLES``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

SCHEMA = 9  # raised when a bundle of before can no longer be read, as where the classes of its model have moved


class Kind(Enum):
    """What the cells of a column are."""

    TEXT = "text"  # read as it is written: 007 stays 007, NA stays NA
    COUNT = "whole number"
    NUMBER = "number"
    FLAG = "true or false"


TEXT, COUNT, NUMBER, FLAG = Kind


@dataclass(frozen=True)
class TableFormat:
    """What a table holds, in words, and its columns in order."""

    holds: str
    columns: dict[str, Kind]

    def of(self, *kinds: Kind) -> list[str]:
        """Return the columns of some kinds."""
        return [name for name, kind in self.columns.items() if kind in kinds]

    @property
    def of_patients(self) -> bool:
        """Whether its rows are of single patients: then it is empty in a bundle made for handing on."""
        return not {"sample_id", "patient_id"}.isdisjoint(self.columns)


IMPORTANCES = ("importance", "importance_low", "importance_high", "shap", "shap_low", "shap_high")

TABLES = {
    "predictions": TableFormat(
        "every out-of-fold probability of a class, and whether the sample is of it",
        {
            **dict.fromkeys(("outcome", "sample_id", "patient_id"), TEXT),
            **dict.fromkeys(("repeat", "fold"), COUNT),
            **dict.fromkeys(("model", "class"), TEXT),
            "label": COUNT,
            "probability": NUMBER,
        },
    ),
    "scores": TableFormat(
        "every score of every model, with its interval",
        {
            **dict.fromkeys(("outcome", "model", "class", "metric"), TEXT),
            **dict.fromkeys(("value", "low", "high"), NUMBER),
            **dict.fromkeys(("n_samples", "n_patients"), COUNT),
        },
    ),
    "learning_intervals": TableFormat(
        "the AUC of every model in k folds, with the interval for other patients to learn from and to predict",
        {
            **dict.fromkeys(("outcome", "model", "class", "metric"), TEXT),
            **dict.fromkeys(("value", "low", "high"), NUMBER),
            "n_folds": COUNT,
        },
    ),
    "best_of_models": TableFormat(
        "the model with the highest AUC, and a lower bound of it that pays for choosing it among the others",
        {
            **dict.fromkeys(("outcome", "model", "class"), TEXT),
            "n_models": COUNT,
            **dict.fromkeys(("value", "low"), NUMBER),
        },
    ),
    "fold_scores": TableFormat(
        "the scores of every model in every fold by itself",
        {
            "outcome": TEXT,
            **dict.fromkeys(("repeat", "fold"), COUNT),
            **dict.fromkeys(("model", "metric"), TEXT),
            "value": NUMBER,
        },
    ),
    "comparisons": TableFormat(
        "the difference of the primary fusion from each other model, with its interval",
        {
            **dict.fromkeys(("outcome", "a", "b", "metric"), TEXT),
            **dict.fromkeys(("difference", "low", "high", "p_value", "adjusted_p_value"), NUMBER),
            "test": TEXT,
            "n_patients": COUNT,
        },
    ),
    "against_reference": TableFormat(
        "the difference of each answer from the one that the recipe names as reference, with its interval",
        {
            **dict.fromkeys(("outcome", "a", "b", "metric"), TEXT),
            **dict.fromkeys(("difference", "low", "high", "p_value", "adjusted_p_value"), NUMBER),
            "test": TEXT,
            "n_patients": COUNT,
        },
    ),
    "ledger": TableFormat(
        "what the usual shortcuts would have claimed for the first model, each beside the honest number",
        {
            **dict.fromkeys(("outcome", "shortcut", "title", "model", "metric"), TEXT),
            **dict.fromkeys(("honest", "optimistic", "difference", "low", "high"), NUMBER),
            "note": TEXT,
        },
    ),
    "operating_points": TableFormat(
        "the calls of every model at a threshold chosen without the fold that is called; of outcomes of two classes",
        {
            **dict.fromkeys(("outcome", "model", "class", "metric"), TEXT),
            **dict.fromkeys(("value", "low", "high"), NUMBER),
        },
    ),
    "prediction_sets": TableFormat(
        "how often sets of classes hold the true one, found without the fold that is asked about, of each class and of "
        "all, and from how much doubt on a class is left out of a new patient's set",
        {
            **dict.fromkeys(("outcome", "model", "class"), TEXT),
            **dict.fromkeys(("level", "limit", "coverage", "low", "high", "single", "several", "none"), NUMBER),
        },
    ),
    "calibration": TableFormat(
        "calibration slope and intercept, with intervals, and expected calibration error of every model, of each class "
        "against the rest",
        {
            **dict.fromkeys(("outcome", "model", "class"), TEXT),
            **dict.fromkeys(("slope", "slope_low", "slope_high"), NUMBER),
            **dict.fromkeys(("intercept", "intercept_low", "intercept_high", "predicted", "observed"), NUMBER),
            "n_left_out": COUNT,
            "ece": NUMBER,
        },
    ),
    "recalibrated": TableFormat(
        "every out-of-fold probability after each way to recalibrate it that the recipe asks for",
        {
            **dict.fromkeys(("outcome", "sample_id", "patient_id"), TEXT),
            **dict.fromkeys(("repeat", "fold"), COUNT),
            **dict.fromkeys(("model", "class"), TEXT),
            "label": COUNT,
            "probability": NUMBER,
            "method": TEXT,
        },
    ),
    "recalibrations": TableFormat(
        "calibration, Brier score, log loss and AUC of every model before and after each way to recalibrate it, with "
        "the interval of the difference",
        {
            **dict.fromkeys(("outcome", "model", "class", "method", "metric"), TEXT),
            **dict.fromkeys(("before", "after", "difference", "low", "high"), NUMBER),
        },
    ),
    "spreads": TableFormat(
        "mean and standard deviation of the probabilities by refits to bootstraps of the training patients, where the "
        "recipe asks for them",
        {
            **dict.fromkeys(("outcome", "sample_id"), TEXT),
            **dict.fromkeys(("repeat", "fold"), COUNT),
            **dict.fromkeys(("model", "class"), TEXT),
            **dict.fromkeys(("mean", "sd"), NUMBER),
        },
    ),
    "calibration_by_uncertainty": TableFormat(
        "calibration error within bins of uncertainty, of every model as it is and by each way to recalibrate it",
        {
            **dict.fromkeys(("outcome", "model", "method", "uncertainty"), TEXT),
            **dict.fromkeys(("from_uncertainty", "to_uncertainty", "n", "confidence", "accuracy", "ece"), NUMBER),
        },
    ),
    "decision_curves": TableFormat(
        "the net benefit of treating by every model, from each probability on; of outcomes of two classes",
        {
            **dict.fromkeys(("outcome", "model", "class"), TEXT),
            **dict.fromkeys(("threshold", "net_benefit", "low", "high", "treat_all"), NUMBER),
        },
    ),
    "published": TableFormat(
        "published values beside this run's, where the recipe names some",
        {
            **dict.fromkeys(("table", "source", "outcome", "row", "model", "metric"), TEXT),
            **dict.fromkeys(("value", "low", "high", "published"), NUMBER),
        },
    ),
    "selected_features": TableFormat(
        "all features that a fold or the final model selected, not only those shown",
        {
            **dict.fromkeys(("outcome", "model", "modality", "feature"), TEXT),
            "frequency": NUMBER,
            **dict.fromkeys(IMPORTANCES, NUMBER),
            "mean_coefficient": NUMBER,
            "in_final_model": FLAG,
        },
    ),
    "importance_sums": TableFormat(
        "the importance of selected features summed by family, image type and modality, with intervals over the folds",
        {
            **dict.fromkeys(("outcome", "model", "by", "name"), TEXT),
            "n_features": COUNT,
            **dict.fromkeys(("mean_selected", *IMPORTANCES), NUMBER),
        },
    ),
    "importance_agreement": TableFormat(
        "how alike permutation, Shapley values and coefficients rank the features, in each modality and in all",
        {
            **dict.fromkeys(("outcome", "model", "modality", "a", "b"), TEXT),
            "spearman": NUMBER,
            "n_features": COUNT,
        },
    ),
    "shapley": TableFormat(
        "what the most important features add to each member's answer for every held-out sample, in log-odds that add "
        "up to the answer's, the mean of the repeats",
        {
            **dict.fromkeys(("outcome", "model", "member", "sample_id", "class", "feature"), TEXT),
            **dict.fromkeys(("value", "shap"), NUMBER),
        },
    ),
    "tests": TableFormat(
        "tests that the recipe asks for: pairs of models; permuted labels (statistic: their mean score); the optimism "
        "of the answering model (value: corrected, statistic: on its own training patients)",
        {
            **dict.fromkeys(("outcome", "class", "a", "b", "test", "metric"), TEXT),
            **dict.fromkeys(("value", "statistic", "p_value"), NUMBER),
            "n": COUNT,
        },
    ),
    "chosen_options": TableFormat(
        "the options that a search chose in each outer fold, and for the final model where no fold stands",
        {
            **dict.fromkeys(("outcome", "model", "member"), TEXT),
            **dict.fromkeys(("repeat", "fold"), NUMBER),
            **dict.fromkeys(("option", "value"), TEXT),
        },
    ),
    "pseudo_labels": TableFormat(
        "how many rows without a label a self-trained model gave one in each outer fold, and where no fold stands for "
        "the final model; how many of those that were hidden for it are right",
        {
            **dict.fromkeys(("outcome", "model"), TEXT),
            **dict.fromkeys(("repeat", "fold"), NUMBER),
            **dict.fromkeys(("n_labeled", "n_unlabeled", "n_hidden", "n_kept"), COUNT),
            **dict.fromkeys(("coverage", "right_of_kept", "right_of_hidden"), NUMBER),
            "learned": FLAG,
        },
    ),
    "stability": TableFormat(
        "how much the selections of the outer folds agree, in every model and modality",
        {
            **dict.fromkeys(("outcome", "model", "modality"), TEXT),
            **dict.fromkeys(("n_folds", "n_features"), COUNT),
            **dict.fromkeys(("mean_selected", "nogueira", "low", "high", "mean_jaccard"), NUMBER),
        },
    ),
    "fusion_weights": TableFormat(
        "the weight of every member in every fusion, with its interval over resampled patients, and over the folds",
        {
            **dict.fromkeys(("outcome", "model", "fusion", "member", "class"), TEXT),
            **dict.fromkeys(("weight", "weight_low", "weight_high", "mean", "low", "high", "in_sample"), NUMBER),
        },
    ),
    "modality_weights": TableFormat(
        "how models that weigh modalities anew for every patient weighed those held out: of all, by class, by whether "
        "they called them rightly",
        {
            **dict.fromkeys(("outcome", "model", "class", "calls", "member"), TEXT),
            **dict.fromkeys(("mean", "sd"), NUMBER),
            "n_answers": COUNT,
        },
    ),
    "contributions": TableFormat(
        "what each member of a late fusion contributed to its first combiner's answer for every held-out sample, in "
        "log-odds (of more than two classes log-probability) that add up to the answer's",
        {
            **dict.fromkeys(("outcome", "model", "sample_id"), TEXT),
            **dict.fromkeys(("repeat", "fold"), COUNT),
            **dict.fromkeys(("class", "member"), TEXT),
            "log_odds": NUMBER,
        },
    ),
    "cohort_flow": TableFormat(
        "who came in, who did not, and why",
        {"step": TEXT, **dict.fromkeys(("n_samples", "n_patients"), COUNT), "note": TEXT},
    ),
    "modality_flow": TableFormat(
        "how many samples of each modality are left at every step from the cohort table to what is used",
        {
            **dict.fromkeys(("modality", "step"), TEXT),
            **dict.fromkeys(("n_samples", "n_patients"), COUNT),
            "note": TEXT,
        },
    ),
    "baseline": TableFormat(
        "what the patients of each class are like, and of all: numbers, shares, what is missing, tests",
        {
            **dict.fromkeys(("outcome", "variable", "level", "class"), TEXT),
            **dict.fromkeys(("n", "missing"), COUNT),
            **dict.fromkeys(("mean", "sd", "median", "low_quartile", "high_quartile", "share"), NUMBER),
            "test": TEXT,
            **dict.fromkeys(("p_value", "smd"), NUMBER),
        },
    ),
    "subgroups": TableFormat(
        "scores of the answer in groups of patients, and how each group's AUC differs from all others'; groups with "
        "fewer than ten patients of a class are counted only",
        {
            **dict.fromkeys(("outcome", "model", "variable", "level", "metric"), TEXT),
            **dict.fromkeys(("value", "low", "high", "difference", "difference_low", "difference_high"), NUMBER),
            "p_value": NUMBER,
            **dict.fromkeys(("n_patients", "n_smallest_class"), COUNT),
        },
    ),
    "folds": TableFormat(
        "how many patients of each class every fold trains and tests on, and what the fold is called",
        {
            **dict.fromkeys(("outcome", "class"), TEXT),
            **dict.fromkeys(("repeat", "fold"), COUNT),
            "name": TEXT,
            **dict.fromkeys(("n_train", "n_test"), COUNT),
        },
    ),
    "sample_sizes": TableFormat(
        "patients with the event for each candidate feature, and how many patients Riley et al. ask for",
        {
            **dict.fromkeys(("outcome", "class", "reads"), TEXT),
            **dict.fromkeys(("n_features", "n_patients", "n_events"), COUNT),
            "events_per_feature": NUMBER,
            "assumed": TEXT,
            **dict.fromkeys(("r2_cs", "n", "n_shrinkage", "n_optimism", "n_intercept"), NUMBER),
        },
    ),
    "training_ranges": TableFormat(
        "between which numbers each column that the model reads lay in training",
        {"column": TEXT, **dict.fromkeys(("low", "high"), NUMBER), "n_samples": COUNT},
    ),
    "probability_intervals": TableFormat(
        "which share of the patients with a probability of the answer is of the class, with its interval",
        {
            **dict.fromkeys(("outcome", "model", "class"), TEXT),
            **dict.fromkeys(("probability", "observed", "low", "high"), NUMBER),
        },
    ),
    "training_values": TableFormat(
        "what training patients have of columns that the final models read, for new ones to be compared with",
        {**dict.fromkeys(("sample_id", "patient_id", "part", "column"), TEXT), "value": NUMBER},
    ),
    "failures": TableFormat(
        "images that gave no features, and why",
        dict.fromkeys(("sample_id", "modality", "code", "message"), TEXT),
    ),
    "run_times": TableFormat(
        "how long each stage of the run took, and each model in the folds; no number of the run depends on it",
        {**dict.fromkeys(("stage", "outcome", "model"), TEXT), "seconds": NUMBER},
    ),
}

WEIGHT, IN_SAMPLE = "weight", "in_sample"  # metrics of published.csv in tables of weights
SELECTED, FINALLY = "selected", "in_final_model"  # and in tables of numbers of selected features; others are scores
ALL_READ = "all"  # in sample_sizes.csv: all that the answering model reads
OF_RUN, CAUTIOUS = "auc of this run", "nagelkerke r2 0.15"  # and from where the R2 of Cox and Snell comes

RECIPE, CARD, DESCRIPTION = "recipe.toml", "card.md", "bundle.json"
MODEL, ARRAYS, PICKLED = "model.json", "model.bin", "model.joblib"
ENCODERS, MANIFEST = "encoders", "manifest.json"
ANSWERED_BY = {"written_by": "radiofuse predict --patient"}  # how the file of one patient's answer begins
ANSWERED_OF_TABLE = {"written_by": "radiofuse predict"}  # and each answer of a table
SIGNATURE = f"{MANIFEST}.sig"  # of the manifest, where somebody signed it
BEFORE_MANIFESTS = "checksums.json"  # what bundles up to schema 7 had in its place
OF_EARLIER = (BEFORE_MANIFESTS, f"{BEFORE_MANIFESTS}.sig", "environment.json")  # of bundles of before alone
FILES = {  # name -> what it holds; all are there, the manifest and the folder of encoders come on top
    **{f"{name}.csv": table.holds for name, table in TABLES.items()},
    RECIPE: "what was asked for",
    DESCRIPTION: "what was done: outcomes, modalities, settings, protocol, warnings",
    CARD: "what the model is for, in a few lines",
    MODEL: "the models of each outcome, fitted on all its labeled patients: of what they are made",
    ARRAYS: "the numbers of these models",
}
KEPT_AS = {"arrays": (MODEL, ARRAYS), "joblib": (PICKLED,)}  # the files of the models, by how they are kept


def files_of(kept_as: str) -> dict[str, str]:
    """Return the files of every bundle that keeps its models so, and what each holds.

    >>> "model.bin" in files_of("arrays"), "model.bin" in files_of("joblib")
    (True, False)
    """
    of_models = {name for names in KEPT_AS.values() for name in names}
    others = {name: holds for name, holds in FILES.items() if name not in of_models}
    return others | {name: FILES.get(name, "the models, pickled") for name in KEPT_AS[kept_as]}


def is_encoder(name: str) -> bool:
    """Say whether a file of the bundle is one of an encoder's: its weights, or their card.

    >>> is_encoder("encoders/0f3a.safetensors"), is_encoder("encoders/notes.txt")
    (True, False)
    """
    return re.fullmatch(rf"{ENCODERS}/[0-9a-f]+\.(json|safetensors)", name) is not None
