"""Let a wheel carry the recipes, and say what to install where the kernels cannot be compiled.

In a clone the recipes lie in ``pipelines/``, beside the package; the kernels stand in ``pyproject.toml``.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, LinkError, PlatformError

COMPILERS = {
    "linux": "install one with `sudo apt install build-essential` (Debian, Ubuntu), `sudo dnf install gcc` (Fedora, "
    "RHEL) or `conda install -c conda-forge c-compiler`",
    "darwin": "install clang with `xcode-select --install`",
    "win32": 'install the Microsoft C++ Build Tools ("Desktop development with C++")',
}
HEADERS = (
    "install them with `sudo apt install python3-dev` (Debian, Ubuntu; python3.12-dev and so on for other versions) "
    "or `sudo dnf install python3-devel` (Fedora, RHEL)"
)


class BuildWithRecipes(build_py):
    """Put the recipes into the built package; an editable install reads them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "radiofuse", "pipelines")
        self.mkpath(str(folder))
        for recipe in sorted(Path("pipelines").glob("*.toml")):
            self.copy_file(str(recipe), str(folder / recipe.name))


class BuildKernels(build_ext):
    """Compile; an error names the package that is missing."""

    def run(self) -> None:
        try:
            super().run()
        except (CompileError, LinkError, PlatformError, OSError) as error:
            raise CompileError(f"radiofuse's kernels are C and were not compiled ({error}). {_advice()}") from error


def _advice() -> str:
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        return f"Python's header files are missing ({header}): {HEADERS}; then run the same command again."
    compiler = COMPILERS.get(sys.platform, "install gcc or clang")
    return f"A C compiler (gcc, clang or MSVC) is needed: {compiler}; then run the same command again."


setup(cmdclass={"build_py": BuildWithRecipes, "build_ext": BuildKernels})
