"""The tables of a bundle on features, models, patients and the run itself."""

from __future__ import annotations

from radiofuse.bundle.table_format import COUNT, FLAG, NUMBER, TEXT, TableFormat

IMPORTANCES = ("importance", "importance_low", "importance_high", "shap", "shap_low", "shap_high")

STUDY_TABLES = {
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
    "training_spread": TableFormat(
        "mean and covariance of these columns, which bundles for handing on have in place of patients' numbers",
        {**dict.fromkeys(("quantity", "column", "other"), TEXT), "value": NUMBER},
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
