"""Whether a folder is a bundle, whole and unchanged; whether one may be written there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from radiofuse.bundle.format import (
    BEFORE_MANIFESTS,
    DESCRIPTION,
    FILES,
    KEPT_AS,
    MANIFEST,
    OF_EARLIER,
    PICKLED,
    SIGNATURE,
    files_of,
    is_encoder,
)
from radiofuse.bundle.manifest import read_manifest
from radiofuse.errors import BundleError
from radiofuse.files.outputs import sha256_of
from radiofuse.wording import some

LEFT_BY_SYSTEMS = (".DS_Store", "Thumbs.db", "desktop.ini")  # put into every folder that somebody looks into
SHOWN = 5  # problems in one sentence
SAYS_ALL = (MANIFEST, BEFORE_MANIFESTS)  # a folder with one of these is a bundle, of this version or another


def find_bundle(folder: str | Path) -> Path:
    """Return the bundle folder: the one given, or the one inside the output folder of a run."""
    inside = Path(folder) / "bundle"
    return inside if _is_bundle(inside) else Path(folder)


def beside_bundle(bundle: Path, name: str) -> Path:
    """Return where what is made of a bundle lies by default: beside it, under its name where that is one of its own.

    Examples
    --------
    >>> beside_bundle(Path("/out/study/bundle"), "paper").name, beside_bundle(Path("/out/here"), "paper").name
    ('paper', 'here_paper')
    """
    folder = bundle.resolve()
    return folder.parent / (name if folder.name == "bundle" else f"{folder.name}_{name}")


def _is_bundle(folder: Path) -> bool:
    return any((folder / name).is_file() for name in SAYS_ALL)


def verify_bundle(folder: Path) -> dict[str, Any]:
    """Return the manifest of a bundle that is whole: every file is there, is a file, and matches its SHA-256.

    Raises
    ------
    BundleError
        If another version wrote the bundle, or a file is missing, changed, unknown or a link; nothing else of the
        bundle has been read then.
    """
    if not (folder / MANIFEST).is_file():
        read_manifest(folder)  # says that it is none, before all of a folder of the user's is looked through
    refuse_links(folder)
    manifest = read_manifest(folder)
    expected, found = manifest["files"], [name for name in files_in(folder) if name not in (MANIFEST, SIGNATURE)]
    problems = _misplaced(found, expected, list(files_of(manifest["model"]["kept_as"])))
    if not problems:
        problems = [f"{name} has changed" for name in found if sha256_of(folder / name) != expected[name]]
    refuse_problems(folder, problems)
    return manifest


def refuse_problems(folder: Path, problems: Iterable[str]) -> None:
    """Raise a BundleError that names what is wrong with a bundle, if anything is."""
    if problems := list(problems):
        said = "; ".join(problems[:SHOWN]) + (f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else "")
        raise BundleError(f"The bundle {folder} is refused: {said}. Get it again from its maker.")


def refuse_links(folder: Path) -> None:
    """Raise a BundleError if a part of a bundle is a link, a device or a pipe: it would lead out of the folder."""
    odd = [path for path in folder.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
    refuse_problems(folder, [f"{_name_in(folder, path)} is a link or no file" for path in sorted(odd)])


def _misplaced(found: list[str], expected: Mapping[str, str], needed: list[str]) -> list[str]:
    """Return a sentence for each file that is missing, unknown or without a checksum."""

    def is_one(name: str) -> bool:
        return name in needed or is_encoder(name)

    problems = [f"{name!r} is listed and does not belong there" for name in expected if not is_one(name)]
    problems += [f"{name} is missing" for name in dict.fromkeys([*needed, *expected]) if name not in found]
    problems += [f"{name} has no checksum" for name in needed if name not in expected]
    problems += [f"{name} does not belong there (move it elsewhere)" for name in found if not is_one(name)]
    return problems + [f"{name} has no checksum" for name in found if is_encoder(name) and name not in expected]


def _is_known(name: str) -> bool:
    return name in FILES or name == PICKLED or is_encoder(name)


def check_target(folder: Path) -> None:
    """Raise a BundleError unless a bundle can be written to ``folder``: a run asks before it begins."""
    if folder.is_symlink() and not folder.exists():
        raise BundleError(f"{folder} is a link to {folder.readlink()}, which is not there; name another output folder.")
    if folder.exists() and not _is_bundle(folder):
        what = "is the output folder of a run" if _is_bundle(folder / "bundle") else "is no bundle"
        raise BundleError(f"{folder} exists and {what}; name another output folder.")
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
    says_all = next(name for name in SAYS_ALL if (folder / name).is_file())
    listed = _listed(folder / says_all)
    if DESCRIPTION not in listed or not any(set(own) <= set(listed) for own in KEPT_AS.values()):
        return [says_all]
    ours = {name for name in listed if _is_known(name)} | {says_all, SIGNATURE, *OF_EARLIER}
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted({_name_in(folder, path) for path in found if not _left_by_system(path)} - ours)


def _listed(path: Path) -> list[str]:
    """Return the files that a manifest lists, of this version or one before; none where it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    listed = content.get("files", content) if isinstance(content, dict) else None
    return list(listed) if isinstance(listed, dict) else []


def files_in(folder: Path) -> list[str]:
    """Return the files in a bundle's folder, sorted, without those that systems leave there."""
    found = (path for path in folder.rglob("*") if path.is_file() and not _left_by_system(path))
    return sorted(_name_in(folder, path) for path in found)


def _name_in(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _left_by_system(path: Path) -> bool:
    """Say whether a file browser or macOS's tar put a file there: nothing reads it."""
    return path.name in LEFT_BY_SYSTEMS or path.name.startswith("._")
