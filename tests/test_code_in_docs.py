"""The code in README and docs runs as it is printed: Python, recipes, parameter files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import matplotlib as mpl
import pytest

from radiofuse.datasets import make_phantom_cohort
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.radiomics.settings import read_settings
from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks of a language, without the indentation of a list they stand in."""
    found = [(re.sub(f"^{indent}", "", code, flags=re.MULTILINE), name) for indent, name, code in _fences(page)]
    return [code for code, name in found if name == language]


def _fences(page: Path) -> list[tuple[str, str, str]]:
    return FENCE.findall(page.read_text())


def pages_with(language: str) -> list[pytest.param]:
    return [pytest.param(page, id=page.stem) for page in PAGES if blocks(page, language)]


@pytest.fixture(scope="module")
def one_patient(tmp_path_factory) -> Path:
    """A folder with a generated image and its mask, under the names that the guide uses."""
    folder = tmp_path_factory.mktemp("one_patient")
    make_phantom_cohort(folder / "phantom", n_patients=8)
    for name in ("t1ce", "mask"):
        source = sorted((folder / "phantom" / "images").rglob(f"*{name}.nii.gz"))[0]
        shutil.copy(source, folder / f"{name}.nii.gz")
    return folder


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_runs_from_top_to_bottom_of_a_page(page, one_patient, tmp_path, monkeypatch):
    for name in ("t1ce.nii.gz", "mask.nii.gz"):
        shutil.copy(one_patient / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": page.stem}
    with mpl.rc_context({"backend": "svg"}):
        for number, code in enumerate(blocks(page, "python"), 1):
            exec(compile(code, f"{page.name}, block {number}", "exec"), namespace)
    assert set(namespace) - {"__name__", "__builtins__"}


@pytest.mark.parametrize("page", pages_with("toml"))
def test_a_recipe_is_one_that_is_accepted(page, tmp_path, monkeypatch):
    monkeypatch.setenv("RADIOFUSE_DATA", str(tmp_path))
    for code in blocks(page, "toml"):
        label = "" if "[[outcomes]]" in code else 'label = "idh"'
        whole = code if "[cohort]" in code else f'[cohort]\ntable = "cohort.csv"\n{label}\n{code}'
        (tmp_path / "recipe.toml").write_text(whole)
        recipe = read_recipe(tmp_path / "recipe.toml")
        assert recipe.asked == "idh" or recipe.asked[0].column == "idh"


@pytest.mark.parametrize("page", pages_with("yaml"))
def test_a_parameter_file_is_one_that_is_accepted(page, tmp_path):
    for code in blocks(page, "yaml"):
        (tmp_path / "settings.yaml").write_text(code)
        assert read_settings(tmp_path / "settings.yaml").to_json()


def test_every_block_names_its_language_or_is_of_the_shell_or_its_output():
    languages = {name for page in PAGES for _, name, _ in _fences(page)}
    assert languages == {"", "python", "toml", "yaml"}
