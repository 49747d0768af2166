"""Whether a folder is a bundle, whole and unchanged; whether one may be written there."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from radiofuse.bundle.format import (
    CHECKSUMS,
    DESCRIPTION,
    FILES,
    MODEL,
    RECIPE,
    SCHEMA,
    SIGNATURE,
    is_encoder,
)
from radiofuse.bundle.json_format import CHECKSUMS_SHAPE
from radiofuse.bundle.shapes import misshapen
from radiofuse.errors import BundleError
from radiofuse.files.outputs import sha256_of
from radiofuse.wording import some

AGAIN = f"Run its {RECIPE} again: the store still has the features, only the folds are computed again."
LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")  # put into every folder that somebody looks into


def find_bundle(folder: str | Path) -> Path:
    """Return the bundle folder: the one given, or the one inside the output folder of a run."""
    inside = Path(folder) / "bundle"
    return inside if (inside / CHECKSUMS).is_file() else Path(folder)


def verify_bundle(folder: Path) -> None:
    """Raise a BundleError unless this version reads the bundle, and every file is there and matches its checksum."""
    expected = _read_checksums(folder)
    refuse_other_schema(folder / DESCRIPTION, _schema_of(folder))
    found = [name for name in files_in(folder) if name not in (CHECKSUMS, SIGNATURE)]
    problems = _misplaced(found, expected)
    if not problems:
        problems = [f"{name} has changed" for name in found if sha256_of(folder / name) != expected[name]]
    if problems:
        raise BundleError(f"The bundle {folder} is refused: {'; '.join(problems)}. Get it again from its maker.")


def _read_checksums(folder: Path) -> dict[str, str]:
    try:
        expected = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        if problem := next(misshapen(expected, CHECKSUMS_SHAPE, CHECKSUMS), None):
            raise ValueError(problem)
        return expected
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{folder} is not a bundle: it has no {CHECKSUMS}. Pass the folder that `run` wrote."
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{folder / CHECKSUMS} cannot be read ({error}); get the bundle again from its maker."
        ) from error


def _misplaced(found: list[str], expected: dict[str, str]) -> list[str]:
    """Return a sentence for each file that is missing, unknown or without a checksum."""
    problems = [f"{name} is missing" for name in dict.fromkeys([*FILES, *expected]) if name not in found]
    problems += [f"{name} has no checksum" for name in FILES if name not in expected]
    problems += [
        f"{name} does not belong there (move it elsewhere)"
        for name in found
        if name not in FILES and not is_encoder(name)
    ]
    return problems + [f"{name} has no checksum" for name in found if is_encoder(name) and name not in expected]


def _schema_of(folder: Path) -> Any:
    """Return the schema that a bundle says it has; ours where that cannot be read, which its checksum will tell."""
    try:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return SCHEMA
    return about.get("schema") if isinstance(about, dict) else SCHEMA


def refuse_other_schema(path: Path, schema: Any) -> None:
    """Raise a BundleError that says what to do where another version wrote the description at ``path``."""
    if schema == SCHEMA:
        return
    older = isinstance(schema, int) and schema < SCHEMA
    raise BundleError(
        f"{path.name} has schema {schema!r}; this version of radiofuse reads schema {SCHEMA}. "
        + (AGAIN if older else "Use the version that wrote the bundle.")
    )


def check_target(folder: Path) -> None:
    """Raise a BundleError unless a bundle can be written to ``folder``: a run asks before it begins."""
    if folder.is_symlink() and not folder.exists():
        raise BundleError(f"{folder} is a link to {folder.readlink()}, which is not there; name another output folder.")
    if folder.exists() and not (folder / CHECKSUMS).is_file():
        raise BundleError(f"{folder} exists and is no bundle; name another output folder.")
    foreign = _foreign_files(folder) if folder.exists() else []
    if foreign:
        raise BundleError(
            f"{folder} holds what no bundle holds: {some(foreign)}. "
            "Replacing the bundle would delete it; move it elsewhere, or name another output folder."
        )
    try:
        with TemporaryFile(dir=next(parent for parent in folder.absolute().parents if parent.exists())):
            pass
    except OSError as error:
        raise BundleError(f"{folder.parent} is no folder that can be written to ({error}). Choose --out.") from error


def _foreign_files(folder: Path) -> list[str]:
    """Return what in a folder was not written by `save_bundle`, by name and by the list of checksums."""
    try:
        listed = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        listed = None
    if not isinstance(listed, dict) or not {DESCRIPTION, MODEL} <= set(listed):
        return [CHECKSUMS]
    ours = {name for name in listed if name in FILES or is_encoder(name)} | {CHECKSUMS, SIGNATURE}
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted({path.relative_to(folder).as_posix() for path in found if not _left_by_system(path)} - ours)


def files_in(folder: Path) -> list[str]:
    """Return the files in a bundle's folder, sorted, without those that systems leave there."""
    found = (path for path in folder.rglob("*") if path.is_file() and not _left_by_system(path))
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _left_by_system(path: Path) -> bool:
    """Say whether a file browser or macOS's tar put a file there: nothing reads it."""
    return path.name in LEFT_BY_SYSTEMS or path.name.startswith("._")
