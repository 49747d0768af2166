"""Weights of classes by their own names, as a recipe gives them, to the places that classifiers know classes by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from radiofuse.errors import RadiofuseError, RequestError
from radiofuse.experiment.models.member_chains import classifier_of
from radiofuse.experiment.models.model_list import called, model_list, of_several_outcomes
from radiofuse.experiment.recipe.models import OWN_OPTIONS, RecipeModel
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.names import did_you_mean
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import listed

CLASS_WEIGHT = "class_weight"


def with_class_weights(model: Any, outcome: Outcome) -> Any:
    """Return an unfitted model whose classifiers weigh the classes of an outcome as they were told to, by name.

    A class that is not named weighs 1, as do all where none of the names is one of this outcome's.

    Parameters
    ----------
    model : estimator
        Changed in place.
    outcome : Outcome

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> model = LogisticRegression(class_weight={"mutant": 2})
    >>> with_class_weights(model, Outcome("idh", ("wildtype", "mutant"))).class_weight
    {0: 1.0, 1: 2}
    """
    changed: dict[str, Any] = {}
    for name, value in model.get_params().items():
        option = name.rpartition("__")[2]
        if option == CLASS_WEIGHT and isinstance(value, Mapping):
            changed[name] = _by_place(value, outcome)
        elif option == "search" and isinstance(value, Mapping) and CLASS_WEIGHT in value:
            tried = [_by_place(one, outcome) if isinstance(one, Mapping) else one for one in value[CLASS_WEIGHT]]
            changed[name] = {**value, CLASS_WEIGHT: tried}
    return model.set_params(**changed) if changed else model


def _by_place(weights: Mapping[Any, float], outcome: Outcome) -> dict[int, float]:
    return {place: weights.get(name, 1.0) for place, name in enumerate(outcome.classes)}


def unknown_weighted_classes(recipe: Recipe, outcomes: Sequence[Outcome]) -> Iterator[RadiofuseError]:
    """Yield which class is given a weight that no outcome has, or a weight that is none."""
    classes = list(dict.fromkeys(name for outcome in outcomes for name in outcome.classes))
    for model, weights in _asked(recipe):
        if of_several_outcomes(model):
            yield RequestError(
                f"{called(model)!r} fits one classifier to every outcome, whose classes differ: give it "
                f'{CLASS_WEIGHT} = "balanced", or none.'
            )
            continue
        for name, weight in weights.items():
            if name not in classes:
                yield RequestError(
                    f"{CLASS_WEIGHT} names the class {name!r}, and the classes are {listed(classes)}."
                    f"{did_you_mean(name, classes) or ' Correct its name.'}"
                )
            elif not isinstance(weight, int | float) or isinstance(weight, bool) or not weight > 0:
                yield RequestError(f"{CLASS_WEIGHT} of {name} must be a number above 0, got {weight!r}.")


def _asked(recipe: Recipe) -> Iterator[tuple[RecipeModel, Mapping[str, Any]]]:
    """Yield the weights by name that a recipe gives the classifiers of its models, tried ones among them."""
    for model in model_list(recipe):
        classifier = classifier_of(recipe, model)
        told = [classifier.options.get(CLASS_WEIGHT), *classifier.search.get(CLASS_WEIGHT, [])]
        own = told if model.kind in OWN_OPTIONS else [model.options.get(CLASS_WEIGHT)]
        yield from ((model, weights) for weights in own if isinstance(weights, Mapping))
