"""What the report says of how the models were made: their steps, encoders and networks, and where each was fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radiofuse.bundle.steps import CLASSIFIES, COMBINES, SELECTS
from radiofuse.report.experiment.auc_words import of_slices
from radiofuse.report.experiment.chain_steps import CLASSIFY, SELECT, chain_steps, is_recipes_own
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.tables import pairs
from radiofuse.wording import listed


def encoder(contents: Contents) -> str:
    """Return the encoder in words, and how its output is used; empty if there was none."""
    deep = contents.encoder
    if deep is None:
        return ""
    output = {"embedding": "its embedding", "logit": "its logit"}[deep["output"]]
    used = f"{output} stands beside the other features, before selection"
    used = _JOINS.get(deep["join"], used)
    of = f"on {listed(deep['channels'])} as its channels" if deep.get("channels") else "for each modality"
    return f"{deep['encoder']} {of}, trained on {_pictures(deep)}; {used}" + _options(
        {**deep.get("options", {}), **_unusual(deep), **deep["training"]}
    )


_JOINS = {  # how a network's own answer joins a late fusion
    "members": "as a classifier it is a member of the fusion of its own",
    "logit": "its logit is added to the answer of the other members, with a ridge penalty toward adding nothing",
    "auto": "it joins the other members not at all, as a member of its own or by its logit, whichever has the least "
    "log-loss inside the training patients",
}


def _unusual(deep: Mapping[str, Any]) -> dict[str, Any]:
    """Return how intensities and slices were treated, where it is not the usual way."""
    usual = {"intensities": "z_score", "over": "tumor", "aggregate": "mean_logit"}
    return {name: deep[name] for name, way in usual.items() if deep.get(name, way) != way}


def _pictures(deep: Mapping[str, Any]) -> str:
    """Return what encoders read."""
    if deep.get("dimensions") == 3:
        return f"cubes of {deep['size']} voxels"
    if deep["slices"] == "middle":
        return f"the {deep['plane']} slices of the middle, without a mask"
    crops = "tumor crops" if deep.get("cut", "tumor") == "tumor" else "whole slices with tumor"
    return crops if deep.get("plane", "axial") == "axial" else f"{deep['plane']} {crops}"


def networks(contents: Contents) -> str:
    """Return what networks on the pictures of all modalities read and how they were trained; empty without one."""
    deep = contents.networks
    if deep is None:
        return ""
    of = f", {listed(deep['channels'])} as channels" if deep.get("channels") else ""
    usual = {**_unusual(deep), **deep["training"]}
    return f"trained end to end on {_pictures(deep)}{of}; what each is stands among the names of the models" + _options(
        usual
    )


def encoder_fitting(contents: Contents) -> str:
    """Return where the encoders were trained, and which rows saw which encoder; empty if there was none."""
    deep = contents.encoder
    if deep is None:
        return ""
    trained = "Inside each outer fold, on its training patients only: the encoder of every modality. "
    if deep["join"] in _JOINS:
        return trained + "It answers only for patients whom it was not trained on." + of_slices(contents)
    if deep["protocol"] == "crossfit":
        aligned = ", aligned to the axes of the one for new patients" if deep["output"] == "embedding" else ""
        unseen = f"Training patients carry the output of encoders that never saw them ({deep['folds']}-fold)"
        return f"{trained}{unseen}{aligned}."
    return trained + (
        "As published, training patients carry the output of the very encoder that was trained on them; "
        "new patients do not."
    )


def fitting(contents: Contents) -> list[str]:
    """Return what was fitted inside the outer folds, a sentence for each step that some model of the run has."""
    inside = "Inside each outer fold, on its training patients only:"
    own = {SELECTS: "selection", CLASSIFIES: "classifier"}
    parts = [word for step, word in own.items() if step in contents.steps]
    told = [f"{inside} {listed(['filling of gaps', 'scaling', *parts])} of every modality."] if parts else []
    if contents.networks:
        told.append(f"{inside} the networks on images, as a whole.")
    if COMBINES in contents.steps:
        average = ", and the calibration of the average" if contents.protocol.get("calibrate") else ""
        told.append(
            f"Inside each outer fold, on inner out-of-fold probabilities ({contents.protocol['inner_folds']}-fold) of "
            f"its training patients: the weights of the learned fusions{average}."
        )
    return told


def selectors(contents: Contents) -> list[str]:
    """Return how features are selected: one way, or that of each model where they are not all the recipe's own."""
    if is_recipes_own(contents, SELECT):
        return list(filter(None, [selector(contents)]))
    return [one.words for one in chain_steps(contents, SELECT)]


def classifiers(contents: Contents) -> list[str]:
    """Return how members classify: one way, or that of each model where they are not all the recipe's own."""
    if is_recipes_own(contents, CLASSIFY):
        return list(filter(None, [classifier(contents)]))
    return [one.words for one in chain_steps(contents, CLASSIFY)]


def selector(contents: Contents) -> str:
    """Return the selector's name and its title, with its options, those of a chain step by step; empty if none is."""
    if SELECTS not in contents.steps:
        return ""
    name = contents.protocol["selector"]
    titled = _titled(name, contents.words.get("selector"))
    return titled + _options(
        contents.step_options("select"), steps=[step.rpartition(":")[2] for step in name.split(", ")]
    )


def classifier(contents: Contents) -> str:
    """Return the classifier's name and its title, with its options; empty if no model has it."""
    if CLASSIFIES not in contents.steps:
        return ""
    titled = _titled(contents.protocol["classifier"], contents.words.get("classifier"))
    tuned = next((chain["steps"]["tuning"] for chain in contents.chains if "tuning" in chain["steps"]), {})
    return titled + _options(contents.step_options("classify")) + _options(tuned)


def _titled(name: str, words: Mapping[str, str] | None) -> str:
    """Return a name with its title behind it, where the bundle keeps one."""
    return f"{name} ({words['title']})" if words else name


def _options(options: Mapping[str, Any], steps: Sequence[str] = ()) -> str:
    own = {name: value for name, value in options.items() if name not in steps}
    parts = {step: pairs(options[step]) for step in steps if isinstance(options.get(step), Mapping)}
    said = [pairs(own), *(f"{step}: {inside}" for step, inside in parts.items() if inside)]
    return "".join(f"; {part}" for part in said if part)
