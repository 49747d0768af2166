"""What a run says of features: preprocessing, extraction, preparation."""

from __future__ import annotations

from radiofuse.bundle.steps import SELECTS
from radiofuse.report.experiment import protocol_words
from radiofuse.report.experiment.chain_steps import SELECT, chain_steps, is_recipes_own, known_parts
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.forms.fact import Fact, for_human, not_asked, not_done, told
from radiofuse.report.paper import imaging_words, methods
from radiofuse.wording import counted, listed

_SETTINGS = "settings.radiomics.parameters"
_OF_IMAGES = ("preprocessing", "resampling", "discretization", "image_types", "feature_classes", "defaults")
_PRUNING = ("three_step", "correlation", "mrmr")  # selectors that keep one of features that say the same
_RELIABLE = "reproducibility"


def feature_facts(contents: Contents) -> dict[str, Fact]:
    """Return the facts by name."""
    return {
        **_images(contents),
        "extraction": _extraction(contents),
        "standard_software": _standard_software(contents),
        "n_features": _counts(contents),
        "scaling": _scaling(contents),
        "selection": _selection(contents),
        "robust": _robust(contents),
        "redundant": _redundant(contents),
        "feature_statistics": _statistics(contents),
        "dimensions": _dimensions(contents),
        "deep": _deep(contents),
    }


def _images(contents: Contents) -> dict[str, Fact]:
    radiomics = contents.about["settings"].get("radiomics")
    if not radiomics or "parameters" not in radiomics:
        said = "The run computed no radiomic feature of images; what was done before is not in its files."
        return dict.fromkeys(_OF_IMAGES, for_human(said))
    said = imaging_words.by_topic(radiomics)
    parts = {
        "preprocessing": f"{_SETTINGS}.setting",
        "resampling": f"{_SETTINGS}.setting",
        "discretization": f"{_SETTINGS}.setting",
        "image_types": f"{_SETTINGS}.imageType",
        "feature_classes": f"{_SETTINGS}.featureClass",
        "defaults": _SETTINGS,
    }
    known = {name: entry for name, entry in parts.items() if _has(radiomics, entry)}
    return {name: told(said[name], bundle=known.get(name, _SETTINGS)) for name in parts}


def _has(radiomics: dict, entry: str) -> bool:
    return entry == _SETTINGS or entry.rpartition(".")[2] in radiomics["parameters"]


def _extraction(contents: Contents) -> Fact:
    if not contents.about["settings"].get("radiomics"):
        return for_human(
            "The features came ready-made, or networks read the images; say how they were made.", bundle="n_features"
        )
    said = " ".join(one.text for one in list(imaging_words.features(contents))[:2])
    return told(said, bundle="settings.radiomics.backend", manifest="environment.packages.radiofuse")


def _standard_software(contents: Contents) -> Fact:
    backend = (contents.about["settings"].get("radiomics") or {}).get("backend")
    if backend == "pyradiomics":
        return told("Features were computed by pyradiomics.", bundle="settings.radiomics.backend")
    if backend is None:
        return for_human("The run computed no radiomic feature; say what did.")
    return for_human(
        "Features were computed by an engine that its tests hold against pyradiomics and the reference values of IBSI; "
        "whether that counts as standardized software is for you to judge.",
        bundle="settings.radiomics.backend",
    )


def _counts(contents: Contents) -> Fact:
    counts = contents.about["n_features"]
    if not counts:
        return not_asked("No model reads features of a modality.")
    return told(f"Features: {listed([f'{n:,} of {name}' for name, n in counts.items()])}.", bundle="n_features")


def _scaling(contents: Contents) -> Fact:
    said = methods.before_selection(contents)
    return told(said, bundle="protocol.options.chains") if said else not_asked("No model scales columns.")


def _selection(contents: Contents) -> Fact:
    if SELECTS not in contents.steps:
        return not_asked("No model selects features.")
    if is_recipes_own(contents, SELECT):
        return told(f"Selection, inside every fold: {protocol_words.selector(contents)}.", bundle="protocol.selector")
    said = "; ".join(one.words for one in chain_steps(contents, SELECT))
    if not said:
        return for_human("Some model selects features; say how.", bundle="protocol.options")
    return told(f"Selection, inside every fold, {said}.", bundle="protocol.options")


def _robust(contents: Contents) -> Fact:
    none = "No step of the run leaves out features that other segmentations would change."
    return _by_selector(contents, (_RELIABLE,), "Features that do not repeat were left out", none)


def _redundant(contents: Contents) -> Fact:
    none = "No step of the run is there to leave out redundant features."
    return _by_selector(contents, _PRUNING, "Of correlated features one was kept, inside every fold", none)


def _by_selector(contents: Contents, wanted: tuple[str, ...], done: str, none: str) -> Fact:
    """Say yes where every model that selects has one of the wanted selectors, no where none has."""
    if SELECTS not in contents.steps:
        return not_done(none, bundle="protocol.steps")
    known = known_parts(contents, SELECT)
    has = [bool(parts & set(wanted)) for parts in known or ()]
    if known is not None and not any(has):
        return not_done(none, bundle="protocol.selector")
    if known is None or not all(has) or not is_recipes_own(contents, SELECT):
        return for_human("Say of each model what selects its features.", bundle="protocol.options")
    return told(f"{done}: {protocol_words.selector(contents)}.", bundle="protocol.selector")


def _statistics(contents: Contents) -> Fact:
    if contents.selected_features.empty:
        return not_asked("No model selects features.")
    said = "How often each feature was selected in the outer folds, its importance and its coefficient"
    if contents.stability.empty:
        return told(f"{said}.", selected_features="frequency importance mean_coefficient")
    agree = f"{said}; how much the selections agree."
    return told(agree, selected_features="frequency importance", stability="nogueira")


def _dimensions(contents: Contents) -> Fact:
    rows = contents.selected_features[contents.selected_features["in_final_model"]]
    own = rows[rows["model"] == contents.main_model] if contents.main_model else rows
    if own.empty or contents.predictions.empty:
        return for_human(
            "Say whether there were patients enough for the columns of the model.", predictions="patient_id"
        )
    largest = own.groupby(["outcome", "modality"]).size().max()
    patients = contents.predictions["patient_id"].nunique()
    return for_human(
        f"A member of the final model has at most {counted(largest, 'feature')}, from {counted(patients, 'patient')}; "
        "whether that is appropriate is for you to judge.",
        selected_features="in_final_model",
        sample_sizes="n_features",
    )


def _deep(contents: Contents) -> Fact:
    if contents.encoder is None and contents.networks is None:
        return not_asked("No model of the run is a network on images.")
    return for_human(
        "Networks read the images; whether they stand perturbed input is not in the run's files.",
        bundle="protocol.deep",
    )
