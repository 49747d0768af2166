"""How the kernels are compiled, what to install where they cannot be, and that a wheel carries the recipes.

Every ``_*.c`` of the package is a kernel. In a clone the recipes lie in ``pipelines/``, beside the package.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError, LinkError, PlatformError

# The flags of every build, by the kind of compiler; further ones come from the environment (CFLAGS).
# -ffp-contract=off: a fused multiply-add rounds once where two operations round twice, and the features would
# depend on the processor. MSVC fuses nothing under /fp:precise, which radiofuse/_arrays.h asks for once more.
COMPILE_ARGS = {
    "unix": ["-O3", "-std=c11", "-ffp-contract=off", "-Wall", "-Wextra"],
    "msvc": ["/O2", "/std:c11", "/fp:precise", "/W3"],
}
# Named, or a kernel would find logarithms only where the interpreter has loaded them, and a wheel's tag would not say
# which C library it needs.
LIBRARIES = {"unix": ["m"]}
PACKAGE = "radiofuse"

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

    def build_extensions(self) -> None:
        kind = self.compiler.compiler_type
        for extension in self.extensions:
            extension.extra_compile_args = COMPILE_ARGS.get(kind, COMPILE_ARGS["unix"])
            extension.libraries = LIBRARIES.get(kind, [])
        super().build_extensions()

    def run(self) -> None:
        try:
            super().run()
        except (CompileError, LinkError, PlatformError, OSError) as error:
            raise CompileError(f"radiofuse's kernels are C and were not compiled ({error}). {_advice()}") from error


def kernels() -> list[Extension]:
    """Return one extension per C file; each depends on all headers, which a source distribution carries so."""
    headers = sorted(path.as_posix() for path in Path(PACKAGE).rglob("_*.h"))
    sources = sorted(path.as_posix() for path in Path(PACKAGE).rglob("_*.c"))
    return [
        Extension(source.removesuffix(".c").replace("/", "."), [source], depends=headers, py_limited_api=True)
        for source in sources
    ]


def _advice() -> str:
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        return f"Python's header files are missing ({header}): {HEADERS}; then run the same command again."
    compiler = COMPILERS.get(sys.platform, "install gcc or clang")
    return f"A C compiler (gcc, clang or MSVC) is needed: {compiler}; then run the same command again."


setup(ext_modules=kernels(), cmdclass={"build_py": BuildWithRecipes, "build_ext": BuildKernels})
