"""What a run says of patients, images and regions."""

from __future__ import annotations

from radiofuse.bundle.steps import CLASSIFIES
from radiofuse.report.experiment import sentences
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.sample_size import size_words
from radiofuse.report.forms.fact import Fact, for_human, not_asked, not_done, told
from radiofuse.report.paper import imaging_words, methods
from radiofuse.tables.columns import CLINICAL, join
from radiofuse.wording import counted, listed


def data_facts(contents: Contents) -> dict[str, Fact]:
    """Return the facts by name."""
    return {
        "human": for_human(),
        "checklist": for_human(
            "This form is filled from the run's files; cite the checklist and add what it leaves open."
        ),
        "eligibility": for_human(
            "Whom the table of the cohort was made of; the run knows only who fell out of it.", cohort_flow="step"
        ),
        "acquisition": for_human(_sequences(contents), bundle="modalities"),
        "outcome": for_human(_outcome(contents), bundle="outcomes"),
        "segmentation": _segmentation(contents),
        "clinical": _clinical(contents),
        "centers": _centers(contents),
        "flow": told(list(methods.patients(contents))[1], cohort_flow="n_patients", failures="")
        if len(contents.cohort_flow)
        else for_human(),
        "events": _events(contents),
        "classes": _classes(contents),
        "sample_size": _sample_size(contents),
        "missing": _missing(contents),
        "demographics": _demographics(contents),
        "limitations": for_human(_limits(contents), bundle="warnings"),
    }


def _sequences(contents: Contents) -> str:
    read = listed(contents.about["modalities"])
    return f"The run read {read}; scanners and parameters of acquisition are not in its files."


def _outcome(contents: Contents) -> str:
    return (
        f"The outcome was {sentences.outcome(contents)}; how and by whom it was established is not in the run's files."
    )


def _segmentation(contents: Contents) -> Fact:
    if contents.about["settings"].get("mask_label") is None:
        return for_human("The features came ready-made; the run saw no mask.", bundle="settings")
    said = " ".join(one.text for one in imaging_words.images(contents))
    return for_human(f"{said} Who drew the masks, and how, is not in the run's files.", bundle="settings.mask_label")


def _clinical(contents: Contents) -> Fact:
    columns = [column.removeprefix(join(CLINICAL, "")) for column in contents.about["clinical"]]
    if not columns:
        return not_asked("No clinical columns were in the cohort table.")
    return for_human(
        f"Clinical columns were {listed(columns)}; define them and say when they were measured.", bundle="clinical"
    )


def _centers(contents: Contents) -> Fact:
    sites = contents.folds.loc[contents.folds["name"] != "", "name"].unique()
    if not len(sites):
        return for_human("The folds of the run are not those of sites; how many centers there were is yours to say.")
    return for_human(f"The folds were {counted(len(sites), 'site')}: {listed(list(sites))}.", folds="name")


def _events(contents: Contents) -> Fact:
    said = " ".join(methods.class_sizes(contents))
    return (
        told(said, predictions="label", folds="n_train n_test")
        if len(contents.folds)
        else told(said, predictions="label")
    )


def _classes(contents: Contents) -> Fact:
    said = " ".join(methods.class_sizes(contents))
    if CLASSIFIES not in contents.steps:
        return told(said, predictions="label")
    weight = contents.step_options("classify").get("class_weight")
    how = f"weights of classes: {weight}" if weight else "no weights of classes"
    return told(f"{said} The classifier had {how}.", predictions="label", bundle="protocol.classifier")


def _sample_size(contents: Contents) -> Fact:
    """Reckoned after the fact: that is no plan, so a human must say how the size came about."""
    said = [sentence for outcome in contents.outcomes for sentence in size_words(contents.of(outcome))]
    if not said:
        return for_human("The size came about before the run; no calculation is in its files.")
    return for_human(f"Reckoned afterwards, not planned: {' '.join(said)}", sample_sizes="n")


def _missing(contents: Contents) -> Fact:
    impute = next((chain["steps"]["impute"] for chain in contents.chains if "impute" in chain["steps"]), None)
    if impute is None:
        return for_human("Nobody was left out silently: the cohort flow lists every step.", cohort_flow="step")
    absent = next(
        (one.get("missing") for one in contents.model_options.values() if isinstance(one, dict) and "missing" in one),
        None,
    )
    without = f" A patient without a modality: {absent}." if absent else ""
    return told(
        f"Gaps within a modality were filled inside the folds ({impute['class']}).{without}",
        bundle="protocol.options.chains",
        cohort_flow="step",
    )


def _demographics(contents: Contents) -> Fact:
    variables = list(dict.fromkeys(contents.baseline["variable"]))
    if not variables:
        said = "The cohort table said nothing of the patients but their outcome; a table of them by class is yours."
        return for_human(said, predictions="patient_id")
    return told(f"Patients by class are told by {listed(variables)} (Table 1).", baseline="variable n missing")


def _limits(contents: Contents) -> str:
    warnings = [*contents.about["as_published"], *contents.about["warnings"]]
    return (
        f"The run itself warns: {' '.join(warnings)}"
        if warnings
        else "The run has no warning; limits remain yours to write."
    )


def no_external() -> Fact:
    """Return that a run scores no other cohort."""
    return not_done(
        "The run scores no other cohort. `radiofuse evaluate` scores its bundle on one, and writes a page of its own."
    )
