"""The recipes that come along, from a clone and from a wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import radiofuse.commands.init
from radiofuse.commands.init import app, write_recipes
from radiofuse.errors import RequestError
from radiofuse.experiment.recipe.recipe import read_recipe
from tests.conftest import REPOSITORY

SHIPPED = {path.name: path.read_bytes() for path in (REPOSITORY / "pipelines").glob("*.toml")}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_recipes_are_written_and_the_next_command_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words, folder in (([], "pipelines"), (["my recipes"], "my recipes")):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0
        assert contents(tmp_path / folder) == SHIPPED
        assert done.stdout.split("\n") == [*(f"{folder}/{name}" for name in sorted(SHIPPED)), ""]
    assert "Next: python -m radiofuse.run 'my recipes/demo.toml'" in done.stderr
    assert read_recipe(tmp_path / "pipelines" / "demo.toml").cohort.phantom.n_patients == 60


def test_a_recipe_that_was_changed_is_replaced_when_asked_to_only(tmp_path):
    write_recipes(tmp_path)
    (tmp_path / "demo.toml").write_text("mine")
    (tmp_path / "idh_tcga.toml").unlink()
    with pytest.raises(RequestError, match="holds demo.toml with other content .* --overwrite"):
        write_recipes(tmp_path)
    assert (tmp_path / "demo.toml").read_text() == "mine"
    assert not (tmp_path / "idh_tcga.toml").exists()
    write_recipes(tmp_path, overwrite=True)
    assert contents(tmp_path) == SHIPPED


def test_a_folder_in_the_place_of_a_recipe_is_never_replaced(tmp_path):
    (tmp_path / "demo.toml").mkdir()
    with pytest.raises(RequestError, match="holds demo.toml"):
        write_recipes(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.toml"]


def test_a_wheel_carries_the_recipes_and_reads_them_from_itself(tmp_path, monkeypatch):
    pytest.importorskip("setuptools")
    source, built = tmp_path / "source", tmp_path / "built"
    shutil.copytree(REPOSITORY / "pipelines", source / "pipelines")
    (source / "radiofuse" / "commands").mkdir(parents=True)
    for name in ("setup.py", "radiofuse/__init__.py", "radiofuse/commands/init.py"):
        shutil.copy(REPOSITORY / name, source / name)
    project = "[project]\nname = 'radiofuse'\nversion = '0'\n[tool.setuptools]\npackages = ['radiofuse']\n"
    (source / "pyproject.toml").write_text(project)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_py", "--build-lib", built], cwd=source, check=True, timeout=60
    )
    assert contents(built / "radiofuse" / "pipelines") == SHIPPED
    shutil.rmtree(source)
    monkeypatch.setattr(radiofuse.commands.init, "__file__", str(built / "radiofuse" / "commands" / "init.py"))
    write_recipes(tmp_path / "mine")
    assert contents(tmp_path / "mine") == SHIPPED
