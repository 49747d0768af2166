"""License, citation, hooks and templates say the same as the package and as each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from radiofuse import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))


def test_the_license_is_the_one_that_the_metadata_name():
    assert PROJECT["license"] == CITATION["license"] == "BSD-3-Clause"
    assert PROJECT["license-files"] == ["LICENSE"]
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("BSD 3-Clause License\n\nCopyright (c) 2026, radiofuse developers\n")


def test_the_citation_names_this_version_and_has_what_the_format_requires():
    assert CITATION["version"] == __version__ == PROJECT["version"]
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["message"] and CITATION["title"] == PROJECT["name"]
    assert CITATION["authors"] == [{"name": "radiofuse developers"}] == PROJECT["authors"]
    assert CITATION["keywords"] == PROJECT["keywords"]


def test_hooks_take_nothing_from_the_network_and_ruff_from_the_environment_with_the_tested_versions():
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    hooks = {hook["id"]: hook for hook in HOOKS[0]["hooks"]}
    assert {hook["language"] for hook in hooks.values()} <= {"system", "pygrep"}
    ruff = [hook["entry"].split()[0] for name, hook in hooks.items() if name.startswith("ruff")]
    assert ruff == [".venv/bin/ruff", ".venv/bin/ruff"]  # `make` fills .venv by constraints.txt
    assert re.search(r"^ruff==[\d.]+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_the_hook_for_the_end_of_a_file_finds_what_lacks_a_newline():
    (pattern,) = [hook["entry"] for hook in HOOKS[0]["hooks"] if hook["id"] == "end-of-file"]
    assert re.search(pattern, "a\nb") and not re.search(pattern, "a\nb\n")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_asks_for_the_version_and_never_for_patient_data(template):
    _, head, body = template.read_text().split("---\n", 2)
    assert set(yaml.safe_load(head)) == {"name", "about", "labels"}
    assert "radiofuse --version" in body
    assert "Never attach patient data" in body


def test_there_is_a_template_for_a_wrong_number_a_refused_file_and_a_wish():
    assert [template.stem for template in TEMPLATES] == ["refused-file", "wish", "wrong-number"]


def test_the_source_distribution_carries_these_files():
    manifest = (ROOT / "MANIFEST.in").read_text()
    included = re.findall(r"^(?:include|graft) (.+)$", manifest, re.MULTILINE)
    names = {name for line in included for name in line.split()}
    assert {"LICENSE", "CITATION.cff", ".pre-commit-config.yaml", ".github"} <= names
    assert all((ROOT / name).exists() for name in names)


def test_the_tests_that_the_makefile_names_are_there():
    named = set(re.findall(r"tests/[\w/]+\.py", (ROOT / "Makefile").read_text()))
    assert len(named) > 5
    assert not [name for name in named if not (ROOT / name).is_file()]
