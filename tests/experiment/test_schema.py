"""The JSON Schema of a recipe knows every key that a recipe may have, and no null, which TOML cannot write."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from radiofuse.commands.schema import app
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.experiment.recipe.schema import OF_THE_FILE, recipe_schema
from tests.conftest import REPOSITORY

SHIPPED = sorted((REPOSITORY / "pipelines").glob("*.toml"))
SCHEMA = recipe_schema()


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref") or next((one["$ref"] for one in part.get("anyOf", []) if "$ref" in one), None)
    return SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else part


def unknown_keys(value: Any, part: dict[str, Any], where: str = "") -> Iterator[str]:
    part = resolved(part)
    if isinstance(value, list):
        for item in value:
            yield from unknown_keys(item, part.get("items", {}), where)
    elif isinstance(value, dict) and part.get("additionalProperties") is False:
        for key, inner in value.items():
            if key in part["properties"]:
                yield from unknown_keys(inner, part["properties"][key], f"{where}.{key}")
            else:
                yield f"{where}.{key}"


def names_offered(part: dict[str, Any]) -> list[str]:
    return next(choice["enum"] for choice in part["anyOf"] if "enum" in choice)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_knows_every_key_of_a_recipe_that_comes_along(path):
    assert not list(unknown_keys(tomllib.loads(path.read_text()), SCHEMA))


def test_an_unknown_key_is_seen():
    assert list(unknown_keys({"cohort": {"tabel": "x"}, "sed": 0}, SCHEMA)) == [".cohort.tabel", ".sed"]


def test_it_has_every_field_but_those_of_the_file_and_no_null():
    assert set(SCHEMA["properties"]) == set(Recipe.model_fields) - set(OF_THE_FILE)
    assert "null" not in json.dumps(SCHEMA)


def test_it_offers_the_names_there_are_and_a_class_of_one_s_own():
    method = SCHEMA["properties"]["classify"]["properties"]["method"]
    assert "brnn" in names_offered(method)
    pattern = next(choice["pattern"] for choice in method["anyOf"] if "pattern" in choice)
    assert re.match(pattern, "my_package.models:Forest")
    assert not re.match(pattern, "brnn")
    assert "vote" in names_offered(SCHEMA["$defs"]["Fusion"]["properties"]["combine"]["items"])


def test_the_command_writes_it_and_replaces_its_own_file_only(tmp_path):
    own, foreign = tmp_path / "own.json", tmp_path / "foreign.json"
    foreign.write_text("{}")
    for _ in range(2):
        result = CliRunner().invoke(app, ["--out", str(own)])
        assert (result.exit_code, result.stdout) == (0, f"Schema of recipes: {own}\n")
    assert json.loads(own.read_text()) == SCHEMA == json.loads(CliRunner().invoke(app, []).stdout)
    assert CliRunner().invoke(app, ["--out", str(foreign)]).exit_code == 2
    assert foreign.read_text() == "{}"


def test_an_editor_can_say_of_every_key_what_it_means():
    tables = [SCHEMA, *SCHEMA["$defs"].values(), *(SCHEMA["properties"][key] for key in ("select", "classify"))]
    entries = [(key, entry) for table in tables for key, entry in table["properties"].items()]
    assert len(entries) > 40
    assert not [key for key, entry in entries if "description" not in entry and "$ref" not in entry]
    assert "minLength" not in json.dumps(SCHEMA)  # of a text; lists have minItems
