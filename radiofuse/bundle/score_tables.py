"""The tables of a bundle on predictions: the probabilities themselves, and what was scored, compared and called."""

from __future__ import annotations

from radiofuse.bundle.table_format import COUNT, NUMBER, TEXT, TableFormat

SCORE_TABLES = {
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
}
