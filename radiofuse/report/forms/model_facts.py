"""What a run says of models: how they were built, chosen and shared."""

from __future__ import annotations

from radiofuse.bundle.steps import COMBINES
from radiofuse.report.experiment import protocol_words, sentences
from radiofuse.report.experiment.chain_steps import CLASSIFY, SELECT, chain_steps
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.forms.data_facts import no_external
from radiofuse.report.forms.fact import HUMAN, Fact, Pointer, for_human, not_asked, not_done, told
from radiofuse.report.paper import methods
from radiofuse.wording import listed

PENALIZING = ("three_step", "lasso", "brnn", "ridge_mean")  # what chooses a penalty of its own


def model_facts(contents: Contents) -> dict[str, Fact]:
    """Return the facts by name."""
    return {**_built(contents), **_evaluated(contents), **_handed_on(contents)}


def _built(contents: Contents) -> dict[str, Fact]:
    """Return how the models were built and chosen."""
    return {
        "partition": _partition(contents),
        "disjoint": _disjoint(contents),
        "algorithm": told(
            " ".join(one.text for one in methods.models(contents)), bundle="protocol.words.models protocol.options"
        ),
        "tuning": _tuning(contents),
        "model_choice": told(
            f"The answer of the run, {contents.primary}, was named in the recipe beforehand.", bundle="protocol.primary"
        ),
        "ensemble": told(f"Fusion: {sentences.fusions(contents)}.", bundle="protocol.primary")
        if COMBINES in contents.steps
        else not_asked("No model of the run is a fusion."),
        "confounders": _confounders(contents),
        "software": told(methods.versions(contents), manifest="environment.packages environment.python"),
        "seed": told(
            f"Every random choice was drawn from the seed {contents.protocol['seed']}.", bundle="protocol.seed"
        ),
    }


def _evaluated(contents: Contents) -> dict[str, Fact]:
    """Return on whom the models were tried."""
    return {
        "internal": told(methods.split_words(contents), predictions="fold probability"),
        "external": no_external(),
        "internal_only": not_asked("The run evaluates the models in the cohort that they were made in."),
        "predictions": told(
            "Every patient was predicted by models that had not seen the patient.", predictions="probability"
        ),
        "heterogeneity": _heterogeneity(contents),
        "fairness": _fairness(contents),
    }


def _handed_on(contents: Contents) -> dict[str, Fact]:
    """Return what another needs to use the models, or to make them again."""
    return {
        "updating": _updating(contents),
        "specification": _specification(contents),
        "input_quality": for_human(
            "The ranges of training are kept; predict marks patients outside of them.", training_ranges="low high"
        ),
        "settings_file": for_human(
            "The recipe and all settings are files of the bundle; sharing them is yours.", recipe="", bundle="settings"
        ),
        "code": for_human(
            "The program is named with its version; your own code and where it is shared is yours to say.",
            manifest="environment.packages.radiofuse",
        ),
        "model_file": Fact(
            HUMAN,
            "The model is a file of the bundle; whether and where it is shared is yours to say.",
            (Pointer("manifest.json", "model.kept_as"), Pointer("card.md")),
        ),
    }


def _partition(contents: Contents) -> Fact:
    """Where something was done as published, against our own rules, a human must say whether the split still holds."""
    said, where = f"{methods.split_words(contents)} {' '.join(protocol_words.fitting(contents))}", _folds(contents)
    deviations = contents.about["as_published"]
    if deviations:
        return for_human(f"{said} Exceptions, as published: {' '.join(deviations)}", bundle="as_published", **where)
    return told(said, bundle="protocol.split", **where)


def _disjoint(contents: Contents) -> Fact:
    """Counted in the predictions: no patient in two folds of a repeat."""
    rows = contents.predictions
    folds = rows.groupby(["outcome", "model", "repeat", "patient_id"])["fold"].nunique()
    if (folds > 1).any():
        return not_done("Some patients are in several folds of a repeat.", predictions="patient_id fold")
    return told("Partitions are disjoint by patient: in a repeat none is in two folds.", predictions="patient_id fold")


def _folds(contents: Contents) -> dict[str, str]:
    return {"folds": "n_train n_test"} if len(contents.folds) else {"predictions": "fold"}


def _tuning(contents: Contents) -> Fact:
    fitted = " ".join(protocol_words.fitting(contents))
    if len(contents.chosen_options):
        return told(f"{fitted} Options were searched inside the folds.", chosen_options="option value")
    said = f"{fitted} The recipe asked for no search of options{_chosen_by_themselves(contents)}."
    if contents.about["as_published"]:
        return for_human(f"{said} Some of it was done as published; say where.", bundle="protocol.options as_published")
    return told(said, bundle="protocol.options")


def _chosen_by_themselves(contents: Contents) -> str:
    """Return the parts that choose a penalty of their own without being asked to search."""
    parts = {name for step in (SELECT, CLASSIFY) for one in chain_steps(contents, step) for name in one.parts}
    rules = {str(rule) for one in contents.model_options.values() for rule in one.get("combine") or ()}
    found = [name for name in PENALIZING if name in parts | rules]
    return f"; by themselves {listed(found)} choose how strongly to penalize, from the training data" if found else ""


def _confounders(contents: Contents) -> Fact:
    said = sentences.harmonization(contents)
    if said:
        return told(said, bundle="protocol.harmonize.site")
    return for_human("No step of the run adjusts for a confounder; name those that matter.", bundle="clinical warnings")


def _updating(contents: Contents) -> Fact:
    if contents.recalibrations.empty:
        return not_asked("The run updates no model.")
    methods_used = listed(list(dict.fromkeys(contents.recalibrations["method"])))
    return told(f"Recalibration, out of fold, by {methods_used}.", recalibrations="before after difference")


def _specification(contents: Contents) -> Fact:
    rows = contents.selected_features
    pointers = [Pointer("manifest.json", "model.kept_as")]
    if rows["mean_coefficient"].notna().any():
        pointers.append(Pointer("selected_features.csv", "mean_coefficient"))
    if len(contents.fusion_weights):
        pointers.append(Pointer("fusion_weights.csv", "weight"))
    return Fact(
        HUMAN,
        "The bundle holds the whole model; a manuscript needs it as an equation, or a place to get it.",
        tuple(pointers),
    )


def _fairness(contents: Contents) -> Fact:
    """Scores by group are a start: which groups matter, and what was done for them, a human must say."""
    groups = list(dict.fromkeys(contents.subgroups["variable"]))
    if not groups:
        said = "No group of patients is scored apart; predictions are listed by patient."
        return for_human(said, predictions="patient_id")
    return for_human(
        f"Scored apart: groups by {listed(groups)}; which matter is yours to say.", subgroups="level n_patients"
    )


def _heterogeneity(contents: Contents) -> Fact:
    if (contents.folds["name"] != "").any():
        return told("Folds were sites; every fold is scored by itself.", folds="name", fold_scores="value")
    groups = list(dict.fromkeys(contents.subgroups["variable"]))
    if groups:
        said = f"Scored apart: groups by {listed(groups)}; whether these are clusters, as centers, is yours to say."
        return for_human(said, subgroups="level n_patients")
    return not_done("The run does not score clusters, as centers, apart; folds by site would.", bundle="protocol.split")
