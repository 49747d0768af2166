"""What the chains of a run's models really had as selector and classifier: a recipe's own entry may be in none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.kinds import REFERENCE
from radiofuse.report.tables import pairs
from radiofuse.select.choices import PROJECTIONS, SELECTORS
from radiofuse.wording import listed

_NAMES = {path.rpartition(":")[2]: name for name, path in (SELECTORS | PROJECTIONS).items()}
_NAMES |= {"LogisticRegression": "logistic", "CalibratedSVC": "svm", "RandomForestClassifier": "random_forest"}
_NAMES |= {"BayesianRegularizedNetwork": "brnn", "BoostedTrees": "xgboost"}
_NOTHING = "passthrough"
SELECT, CLASSIFY = "select", "classify"
_NAMED = {SELECT: "selector", CLASSIFY: "classifier"}


@dataclass(frozen=True)
class ChainStep:
    """A step as some models have it: its parts by name, one but for chains of selectors, with their options."""

    models: tuple[str, ...]
    members: tuple[str, ...]
    parts: Mapping[str, Mapping[str, Any]]

    @property
    def words(self) -> str:
        """Whose it is, what it is, and every option."""
        own = [f"{name} ({inside})" if (inside := pairs(options)) else name for name, options in self.parts.items()]
        of = f" ({listed(list(self.members))})" if self.members else ""
        return f"of {listed(list(self.models))}{of}: {', then '.join(own)}"


def chain_steps(contents: Contents, step: str) -> list[ChainStep]:
    """Return a step of all models, once for each way to do it; those of references, as clinical data alone, apart."""
    found = [
        (tuple(chain["models"]), tuple(chain["members"]), chain["steps"][step])
        for chain in contents.chains
        if step in chain["steps"]
    ]
    found += [((model,), (), options) for model, options in _of_whole_models(contents, step)]
    return [
        ChainStep(models, members, _parts(options))
        for models, members, options in found
        if options.get("class") != _NOTHING
    ]


def is_recipes_own(contents: Contents, step: str) -> bool:
    """Whether every model that has a step has it as the recipe's own entry says, so that its words hold for all."""
    found, named = chain_steps(contents, step), contents.protocol[_NAMED[step]]
    if "options" not in contents.protocol:  # of a bundle from before they were kept, nothing else is known
        return True
    own = [_class_of(name) for name in named.split(", ")]
    return len(found) == 1 and [_class_of(name) for name in found[0].parts] == own and _covers(contents, found)


def _class_of(name: str) -> str:
    """Return a name without the module before it: a class may be imported from where it was not defined."""
    return name.rpartition(":")[2]


def known_parts(contents: Contents, step: str) -> list[set[str]] | None:
    """Return what each model has as a step; None where some model's is not known."""
    if "options" not in contents.protocol:
        return [set(contents.protocol[_NAMED[step]].split(", "))]
    found = chain_steps(contents, step)
    return [set(one.parts) for one in found] if found and _covers(contents, found) else None


def _covers(contents: Contents, found: list[ChainStep]) -> bool:
    known = {model for one in found for model in one.models}
    return known >= set(contents.selected_features["model"])


def _of_whole_models(contents: Contents, step: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, options in contents.model_options.items():
        inner = options.get("model")
        own = inner if isinstance(inner, dict) else options
        if isinstance(own.get(step), dict) and contents.kind_of(name) != REFERENCE:
            yield name, own[step]


def _parts(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parts of a chain, or the one that there is, by the name that recipes call it."""
    inside = [one for one in options.values() if isinstance(one, dict) and "class" in one]
    each = inside if options["class"] == "SelectorChain" else [options]
    return {
        _NAMES.get(one["class"], one["class"]): {name: value for name, value in one.items() if name != "class"}
        for one in each
    }
