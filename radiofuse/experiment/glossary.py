"""What the models of a run are in words, and what each does: for the bundle, the page and the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from radiofuse.classify import CLASSIFIERS
from radiofuse.experiment.models import (
    CLINICAL_ARM,
    DEEP,
    TRIVIAL_RULE,
    combined_names,
    constrained_name,
    radiomics_chain,
)
from radiofuse.experiment.recipe import Recipe
from radiofuse.fuse import COMBINERS, ConstraintFusion, combiner_name
from radiofuse.fuse.branches import find_branches
from radiofuse.names import first_line, lookup, title_of
from radiofuse.select.words import words_of

Words = dict[str, str]


def describe_names(recipe: Recipe, modalities: Sequence[str]) -> dict[str, Any]:
    """Return what the names of a run stand for.

    Parameters
    ----------
    recipe : Recipe
    modalities : sequence of str
        Those that have columns in the feature table.

    Returns
    -------
    dict
        ``selector`` and ``classifier``, and ``models`` by name: each with ``title``, its name in words, and
        ``does``, a sentence. Both come from the class itself: its words or title, and the first line of its docstring.

    Examples
    --------
    >>> from radiofuse.experiment.recipe import read_recipe
    >>> words = describe_names(read_recipe("pipelines/demo.toml"), ["t1", "t1ce"])
    >>> words["models"]["nonnegative"]["title"], words["classifier"]["title"]
    ('nonnegative weights', 'logistic regression')
    """
    chain = radiomics_chain(recipe).named_steps
    selector, classifier = _selector(chain["select"]), _classifier(recipe.classify.method, chain["classify"])
    main = {**_members(recipe, modalities, selector, classifier), **_combined(recipe)}
    arms = dict(_arms(recipe, main, modalities))
    return {
        "selector": selector,
        "classifier": classifier,
        "models": {**main, **dict(_constrained(recipe, modalities)), **arms, **_REFERENCES},
    }


_REFERENCES = {
    CLINICAL_ARM: {"title": "clinical data alone", "does": "Logistic regression on the clinical columns."},
    TRIVIAL_RULE: {"title": "trivial rule", "does": "Gives everybody the share of events in the cohort."},
}
_DEEP_MEMBER = "The softmax probability of the network trained on the tumor crops of {}."


def _selector(selector: Any) -> Words:
    if selector == "passthrough":
        return {"title": "all features kept", "does": ""}
    return {"title": words_of(selector).title, "does": first_line(type(selector))}


def _classifier(name: str, classifier: Any) -> Words:
    called = title_of(lookup(name, CLASSIFIERS, "classifier"))
    return {"title": called or combiner_name(name), "does": first_line(type(classifier))}


def _members(recipe: Recipe, modalities: Sequence[str], selector: Words, classifier: Words) -> dict[str, Words]:
    does = f"{selector['title']}; then, as classifier, {classifier['title']}; on the columns of {{}}."
    members = {name: {"title": f"{name} alone", "does": does.format(name)} for name in modalities}
    if recipe.deep is not None and recipe.deep.join == "members":
        for name in modalities:
            members[name + DEEP] = {"title": f"{name} alone, by its network", "does": _DEEP_MEMBER.format(name)}
    return members


def _combined(recipe: Recipe) -> dict[str, Words]:
    names = {entry: combiner_name(entry) for entry in recipe.fusion.combine}
    found = {name: lookup(entry, COMBINERS, "combiner") for entry, name in names.items()}
    return {name: {"title": title_of(one) or name, "does": first_line(one)} for name, one in found.items()}


def _constrained(recipe: Recipe, modalities: Sequence[str]) -> Iterator[tuple[str, Words]]:
    for method in recipe.fusion.constrained:
        branches = find_branches(method, modalities)
        dealt = " | ".join(" and ".join(members) for members in branches.values())
        yield constrained_name(method), {"title": f"constraint fusion of {dealt}", "does": first_line(ConstraintFusion)}


def _arms(recipe: Recipe, main: Mapping[str, Words], modalities: Sequence[str]) -> Iterator[tuple[str, Words]]:
    for arm in recipe.evaluation.arms:
        for name in (*modalities, *combined_names(recipe)):
            by_network = arm == DEEP and name in modalities
            does = _DEEP_MEMBER.format(name) if by_network else main[name]["does"]
            yield f"{arm}_{name}", {"title": f"{main[name]['title']}, {arm} features only", "does": does}
