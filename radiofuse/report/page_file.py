"""Where the file of a page may lie, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from radiofuse.errors import RequestError
from radiofuse.files.aside import write_aside
from radiofuse.files.outputs import is_page


def lacking(missing: ModuleNotFoundError) -> RequestError:
    """Return the error that says which extra is to be installed."""
    package = str(missing.name).partition(".")[0]
    return RequestError(f"The report needs the package {package}; install the extra: pip install 'radiofuse[report]'.")


def refuse_inside(bundle: Path, target: Path) -> None:
    """Refuse a page inside the bundle that it is of."""
    if bundle.resolve() == target.resolve().parent:
        raise RequestError(
            f"The report cannot lie inside the bundle {bundle}: a bundle with a file that is not its own is "
            "refused by predict. Name a file elsewhere."
        )


def refuse_foreign(target: Path, overwrite: bool, ours: Callable[[Path], bool] = is_page) -> None:
    """Refuse to replace a file that is none of ours."""
    if target.is_file() and not overwrite and not ours(target):
        raise RequestError(
            f"{target} exists and is no page of radiofuse. Move it, name another file, or pass overwrite=True."
        )


def replace_page(target: Path, text: str) -> None:
    """Write a page that appears whole or not at all."""
    try:
        with write_aside(target) as file:
            file.write(text.encode("utf-8", errors="replace"))
    except OSError as error:
        raise RequestError(
            f"The report cannot be written to {target} ({error.strerror}). Name another file with --out."
        ) from error
