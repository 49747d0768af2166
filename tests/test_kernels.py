"""The compiled parts: what is said where they cannot be compiled, or were not."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import radiofuse
from radiofuse.errors import RadiofuseError
from radiofuse.names import kernel

PACKAGE = Path(radiofuse.__file__).parent
SOURCES = sorted(PACKAGE.rglob("_*.c"))
KERNELS = [path.stem for path in SOURCES]


def test_without_a_compiler_the_build_names_the_package_to_install(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    folders = ["--build-temp", tmp_path / "temp", "--build-lib", tmp_path / "lib"]
    bare = {**{name: value for name, value in os.environ.items() if name != "CC"}, "PATH": str(tmp_path)}
    command = [sys.executable, "setup.py", "-q", "build_ext", *folders]
    done = subprocess.run(command, cwd=PACKAGE.parent, env=bare, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: radiofuse's kernels are C and were not compiled")
    named = {"linux": "apt install build-essential", "darwin": "xcode-select --install", "win32": "Build Tools"}
    assert named[sys.platform] in last
    assert "Traceback" not in done.stderr


def test_a_kernel_that_was_not_compiled_is_named_with_the_command_that_compiles_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "radiofuse.radiomics.classes._glcm", None)  # how Python marks what is not there
    monkeypatch.delitem(sys.modules, "radiofuse.radiomics.classes.glcm", raising=False)
    with pytest.raises(
        ImportError, match=r"radiofuse\.radiomics\.classes\._glcm, .* python -m pip install -e '"
    ) as caught:
        import radiofuse.radiomics.classes.glcm  # noqa: F401
    assert isinstance(caught.value, RadiofuseError)


@pytest.mark.parametrize("command", ["extract", "select"])
def test_a_command_without_kernels_ends_in_a_sentence(command, tmp_path):
    hidden = {"extract": "radiofuse.radiomics.classes._neighbors", "select": "radiofuse.select._rank_sums"}[command]
    table = tmp_path / "table.csv"
    heads = {"extract": "sample_id,t1__image,t1__mask\na,a.nii.gz,b.nii.gz\n"}
    rows = "".join(f"p{row},{row % 2},{row * 7 % 11},{row * 5 % 13}\n" for row in range(20))
    table.write_text(heads.get(command, "id,label,t1__a,t1__b\n" + rows))
    options = {"extract": ["--store", tmp_path / "store"], "select": ["--label", "label", "--out", tmp_path / "out"]}
    script = f"import runpy, sys; sys.modules[{hidden!r}] = None; runpy.run_module('radiofuse', run_name='__main__')"
    arguments = [sys.executable, "-c", script, command, table, *options[command]]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert f"{hidden}, a compiled part of radiofuse, cannot be imported" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_kernels_are_imported_in_no_other_way():
    trees = {path.name: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    found = [
        f"{name}: {ast.unparse(node)}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module.split(".")[-1] in KERNELS or {alias.name for alias in node.names} & set(KERNELS))
    ]
    assert found == []
    assert len(KERNELS) >= 14


def test_all_kernels_are_there():
    for path in SOURCES:
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        assert kernel(name).__name__ == f"radiofuse.{name}"


def test_the_build_lists_every_kernel_and_every_header_that_it_includes():
    """A header that is not listed is missing from a source distribution, and a change of it compiles nothing."""
    table = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    listed = {(PACKAGE.parent / one["sources"][0]): {PACKAGE.parent / path for path in one["depends"]} for one in table}
    assert sorted(listed) == SOURCES
    assert {path: included(path) for path in SOURCES} == listed


def included(path: Path) -> set[Path]:
    """The headers of ours that a source file includes, directly or not."""
    named = re.findall(r'^#include "(.+)"$', path.read_text(), re.MULTILINE)
    headers = {(path.parent / name).resolve() for name in named}
    return headers.union(*map(included, headers))
