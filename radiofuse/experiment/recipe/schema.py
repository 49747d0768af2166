"""The JSON Schema of a recipe, from which an editor completes and checks TOML."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from radiofuse.classify import CLASSIFIERS
from radiofuse.deep.encoders.choices import ENCODERS
from radiofuse.experiment.recipe.recipe import OF_THE_FILE, Recipe
from radiofuse.fuse import COMBINERS
from radiofuse.radiomics import PRESETS
from radiofuse.radiomics.backends import BACKENDS
from radiofuse.select import PROJECTIONS, SELECTORS

DIALECT = "https://json-schema.org/draft/2020-12/schema"  # of what pydantic writes
OWN_CLASS = {"type": "string", "pattern": r"^[\w.]+:\w+$", "description": "package.module:Class of your own"}


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of a recipe's TOML file.

    Returns
    -------
    dict
        Every key, its kind, its limits and its default; for what is chosen by name the names there are.

    Examples
    --------
    >>> schema = recipe_schema()
    >>> schema["required"]
    ['cohort']
    >>> schema["$defs"]["Cohort"]["properties"]["label_per"]["enum"]
    ['patient', 'sample']
    """
    schema = Recipe.model_json_schema()
    for key in OF_THE_FILE:
        del schema["properties"][key]
    schema["required"] = ["cohort"]
    schema = _without_null(schema)
    parts = {name: part["properties"] for name, part in schema["$defs"].items()}
    schema["properties"]["select"] = _step(schema, "Selection", "select", [*SELECTORS, *PROJECTIONS, "none"])
    schema["properties"]["select"]["properties"]["steps"]["items"] = _one_of(SELECTORS)
    schema["properties"]["classify"] = _step(schema, "Step", "classify", CLASSIFIERS)
    parts["Fusion"]["combine"]["items"] = _one_of(COMBINERS)
    parts["Evaluation"]["operating_point"] |= {"anyOf": [{"const": "youden"}, {"$ref": "#/$defs/OperatingPoint"}]}
    del parts["Evaluation"]["operating_point"]["$ref"]
    parts["Evaluation"]["operating_point"]["default"] = "youden"
    parts["Radiomics"]["backend"] |= _one_of(BACKENDS)
    parts["Deep"]["encoder"] |= _one_of(ENCODERS)
    parts["Radiomics"]["settings"]["examples"] = [*PRESETS, "none", "settings.yaml"]
    return {"$schema": DIALECT, **schema, "title": "A recipe of radiofuse"}


def _step(schema: dict[str, Any], kind: str, key: str, known: Iterable[str]) -> dict[str, Any]:
    """Return a selector's or classifier's part, with the names there are."""
    part = schema["$defs"][kind]
    method = {**part["properties"]["method"], **_one_of(known)}
    return {
        **part,
        "properties": {**part["properties"], "method": method},
        "default": schema["properties"][key]["default"],
    }


def _one_of(known: Iterable[str]) -> dict[str, Any]:
    return {"anyOf": [{"enum": sorted(known)}, OWN_CLASS]}


def _without_null(schema: Any) -> Any:
    """Return a schema without the null that TOML cannot write: what may be left out is not required anyhow."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema if item != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _without_null(value) for key, value in schema.items() if value is not None}
    choices = plain.get("anyOf")
    if choices is not None and len(choices) == 1:
        plain |= choices[0]
        del plain["anyOf"]
    return plain
