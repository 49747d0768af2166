"""The compiled parts: what is said where they cannot be compiled, or were not."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
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


def setup_py(monkeypatch) -> dict:
    """What setup.py defines, read from the folder that it stands in, without building anything."""
    setuptools = pytest.importorskip("setuptools", minversion="77")
    monkeypatch.setattr(setuptools, "setup", lambda **asked: None)
    monkeypatch.chdir(PACKAGE.parent)
    return runpy.run_path("setup.py")


def test_the_build_knows_every_kernel_and_every_header_that_one_includes(monkeypatch):
    """A header that is not known is missing from a source distribution, and a change of it compiles nothing."""
    known = {Path(one.sources[0]).resolve(): set(one.depends) for one in setup_py(monkeypatch)["kernels"]()}
    assert sorted(known) == SOURCES
    for source, headers in known.items():
        named = re.findall(r'^#include "(.+)"$', source.read_text(), re.MULTILINE)
        assert {(source.parent / name).resolve() for name in named} <= {Path(header).resolve() for header in headers}


def test_flags_of_compilers_stand_in_one_file():
    """What is repeated drifts: a kernel that is compiled elsewhere with other flags gives other numbers."""
    texts = [*PACKAGE.parent.glob("*.toml"), PACKAGE.parent / "Makefile", PACKAGE.parent / "setup.py"]
    texts += [path for folder in ("tests", "benchmarks", ".ci") for path in (PACKAGE.parent / folder).rglob("*.*")]
    flags = re.compile(r"-std=c1|-ffp-contract=|/fp:precise|extra.compile.args = \[")
    named = {
        path.name
        for path in texts
        if path.suffix in (".py", ".toml", ".sh", "") and path.is_file() and flags.search(path.read_text())
    }
    assert named == {"setup.py", Path(__file__).name}


# Of 32 bits on Windows and of 64 elsewhere, and what Python packs as such; POSIX's own, which Windows has not.
NOT_THE_SAME_EVERYWHERE = re.compile(
    r"(?<!long )\blong\b(?! long)|\b(strtou?l|labs|l?lrint|lround|ftell|fseek|ssize_t|off_t|u?int_fast\d+_t|random)\b"
    r"|PyLong_(As|From)(Unsigned)?Long\b|BuildValue\(\"[^\"]*[lk]|ParseTuple\([^\"]*\"[^\"]*[lk]"
)


def test_kernels_count_in_types_of_one_width_on_every_platform():
    """A long holds 2^31 on Windows: what overflows there is right on all machines that a developer has."""
    assert NOT_THE_SAME_EVERYWHERE.search('long n = 0; Py_BuildValue("lk", n)')
    for line in ("n = (long long)told", "static Py_ssize_t n;", 'Py_BuildValue("LLd", a, b, c)', "int64_t n;"):
        assert not NOT_THE_SAME_EVERYWHERE.search(line)
    comments = re.compile(r"/\*.*?\*/", re.DOTALL)
    found = [
        f"{path.name}: {named.group()}"
        for path in [*SOURCES, *sorted(PACKAGE.rglob("_*.h"))]
        for named in NOT_THE_SAME_EVERYWHERE.finditer(comments.sub("", path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_kernels_are_compiled_without_a_warning(compiler, monkeypatch):
    found = shutil.which(compiler) or next(iter(sorted(map(str, Path("/usr/bin").glob(f"{compiler}-[0-9]*")))), None)
    if found is None:
        pytest.skip(f"there is no {compiler} here")
    flags = setup_py(monkeypatch)["COMPILE_ARGS"]["unix"]
    include = sysconfig.get_path("include")
    command = [found, *flags, "-Werror", "-fsyntax-only", f"-I{include}", *map(str, SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
