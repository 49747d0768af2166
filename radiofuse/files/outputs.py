"""What may be written: decided in one place, before any work begins."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from pathlib import Path

from radiofuse.errors import RequestError
from radiofuse.files.objects import ObjectPath
from radiofuse.files.paths import is_of_windows, with_home
from radiofuse.files.places import place_of

OTHERWISE = "Move it, name another file, or pass --overwrite."
UNFINISHED = ".being_written.json"  # the names that a run is about to write; gone once all are there
_STDOUT = re.compile(r"-|/dev/stdout|(/dev|/proc/self)/fd/1")
_DESCRIPTOR = re.compile(r"/dev/std\w+|(/dev|/proc/\w+)/fd/\d+")
_IN_A_BUNDLE = ("bundle.json", "manifest.json")


def is_stdout(path: Path) -> bool:
    """Return whether a path stands for the standard output: ``-``, or its name under ``/dev``.

    >>> is_stdout(Path("-"))
    True
    """
    return _STDOUT.fullmatch(str(path)) is not None


def is_stream(path: Path) -> bool:
    """Return whether a path is written through and never replaced: a device, a pipe or an open file.

    >>> is_stream(Path("/dev/null"))
    True
    """
    if is_stdout(path) or _DESCRIPTOR.fullmatch(str(path)):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def starts_with(start: str) -> Callable[[Path], bool]:
    """Return a test of files: whether one begins with a text, as the header of a table of ours."""
    head = start.encode()

    def begins(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(3 * len(head)).replace(b'"', b"").startswith(head)  # names may be quoted

    return begins


is_failures = starts_with("sample_id,modality,code,message")
is_page_json = starts_with("{generator: radiofuse")  # what stands beside a page, its quotation marks apart


def is_page(path: Path) -> bool:
    """Return whether a file is a report of ours, which says so in its head."""
    with path.open("rb") as file:
        return b'<meta name="generator" content="radiofuse">' in file.read(1000)


def require_file(
    path: Path,
    option: str,
    inputs: Iterable[Path | None] = (),
    *,
    ours: Callable[[Path], bool] = lambda path: False,
    overwrite: bool = False,
) -> None:
    """Refuse an output that is a folder, cannot be made, is an input, or would replace what is not ours.

    Parameters
    ----------
    path : Path
        Where a file shall be written; ``-`` is the standard output.
    option : str
        What the user wrote before it, as ``--out``.
    inputs : iterable of Path
        Files that are read; None stands for one not given.
    ours : callable
        Whether a file that is there already is one that an earlier run wrote. Left out, none is.
    overwrite : bool, default=False
        Whether the user allows to replace any file but an input.

    Raises
    ------
    RequestError
        With one sentence that names the option.

    Examples
    --------
    >>> require_file(Path("."), "--out")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: --out takes the name of a file; . is a folder. Name a file in it.
    """
    if is_stream(path):
        return
    if path.is_dir():
        raise RequestError(f"{option} takes the name of a file; {path} is a folder. Name a file in it.")
    _require_place(path.absolute().parent, option, path)
    if not path.exists():
        return
    refuse_inputs(path, option, inputs)
    if not overwrite and not _read_by(ours, path):
        raise RequestError(f"{option} {path} exists, and this command did not write it. {OTHERWISE}")


def require_folder(path: str | Path | ObjectPath, option: str) -> None:
    """Refuse a folder for output that cannot be made or written, or lies in a bundle, and a URL that is none."""
    place = place_of(path)
    if isinstance(place, Path):  # whether an object store can be written, it says when it is asked
        _require_place(place.absolute(), option, place)


def require_apart(outputs: Mapping[str, str | Path | ObjectPath], folder: str | None = None) -> None:
    """Refuse outputs at one path, and any inside a folder that is replaced as a whole.

    Parameters
    ----------
    outputs : mapping of str to path
        By the option that named it; a URL is apart from all others.
    folder : str, optional
        The key of the output that is replaced as a whole.

    Examples
    --------
    >>> require_apart({"--out": Path("a.csv"), "--failures": Path("b/../a.csv")})
    Traceback (most recent call last):
    radiofuse.errors.RequestError: --out and --failures name the same place, a.csv. Give each its own.
    """
    named = {option: place_of(path) for option, path in outputs.items()}
    local = {option: path for option, path in named.items() if isinstance(path, Path) and not is_stream(path)}
    places = {option: Path(os.path.realpath(path)) for option, path in local.items()}
    for one, other in combinations(places, 2):
        if places[one] == places[other]:
            raise RequestError(f"{one} and {other} name the same place, {outputs[one]}. Give each its own.")
    for option, place in places.items():
        if folder is not None and option != folder and place.is_relative_to(places[folder]):
            raise RequestError(
                f"{option} {outputs[option]} lies in {outputs[folder]}, which is replaced as a whole. "
                "Choose another place."
            )


def refuse_inputs(path: Path, option: str, inputs: Iterable[Path | None]) -> None:
    """Refuse an output that is one of the inputs, under whatever name."""
    for source in inputs:
        if source is not None and source.exists() and path.exists() and path.samefile(source):
            raise RequestError(f"{option} {path} is the input {source}, which it would replace. Name another file.")


def _require_place(folder: Path, option: str, path: Path) -> None:
    if str(path).startswith("~") and with_home(str(path)) != str(path):  # else a folder of the name ~ is made
        raise RequestError(f"{option} is {path}: the shell left the ~ as it is. Write {with_home(str(path))}.")
    if is_of_windows(str(path)):
        raise RequestError(f"{option} is {path}, a path of Windows. Write where it is mounted here, with /.")
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        reason = f"{there} may not be written to" if there.is_dir() else f"{there} is no folder"
        raise RequestError(f"{option} cannot be written to {path}: {reason}. Choose another place.")
    for parent in (there.resolve(), *there.resolve().parents):
        if all((parent / name).is_file() for name in _IN_A_BUNDLE):
            raise RequestError(
                f"{option} {path} lies inside the bundle {parent}: a bundle with a file that is not its own is "
                "refused ever after. Choose another place."
            )


def _read_by(ours: Callable[[Path], bool], path: Path) -> bool:
    try:
        return ours(path)
    except (OSError, ValueError):  # unreadable: not written by us
        return False


def require_own_tables(
    folder: Path, names: Iterable[str], record: str, inputs: Iterable[Path | None] = (), *, overwrite: bool = False
) -> None:
    """Refuse to write files of these names where one of them is an input, a folder, or was not written by us.

    Parameters
    ----------
    folder : Path
        Where the files shall be written.
    names : iterable of str
    record : str
        The file that lists what an earlier run wrote, as `own_files` reads it.
    inputs : iterable of Path
        Files that are read; None stands for one not given.
    overwrite : bool, default=False
        Whether the user allows to replace any file but an input.
    """
    require_folder(folder, "--out")
    own, inputs = own_files(folder, record), list(inputs)
    there = [folder / name for name in sorted({*names, record}) if (folder / name).exists()]
    for path in there:
        refuse_inputs(path, "--out", inputs)
    foreign = [path.name for path in there if path.is_dir() or not (overwrite or is_own(path, own))]
    if foreign:
        raise RequestError(
            f"--out {folder} already holds {', '.join(foreign)}, which no earlier run of this command wrote so. "
            f"{OTHERWISE}"
        )


def own_files(folder: Path, record: str) -> dict[str, str | None]:
    """Return what earlier runs wrote into a folder: names with the SHA-256, None where any content is theirs.

    The record lists the files of the last run under ``files``; one of before there was such a list stands for all of
    its folder's. A run that was killed while it wrote has left the list `UNFINISHED`. Names that lead out of the
    folder are left out: no run of ours writes there, and what is listed may be removed.
    """
    unfinished, earlier = _read_json(folder / UNFINISHED), _read_json(folder / record)
    own: dict[str, str | None] = dict.fromkeys(filter(_is_plain, unfinished)) if isinstance(unfinished, list) else {}
    if not isinstance(earlier, dict) or not {"files", "folds_planned"} & set(earlier):
        return own
    files = earlier.get("files", dict.fromkeys(path.name for path in folder.iterdir()))
    listed = files if isinstance(files, dict) else {}
    return {**{name: digest for name, digest in listed.items() if _is_plain(name)}, record: None, **own}


def _is_plain(name: object) -> bool:
    """Return whether a name is one of a file in the folder itself, here and on Windows."""
    return isinstance(name, str) and re.fullmatch(r"[^/\\:\0]+", name) is not None and name not in (".", "..")


def is_own(path: Path, own: Mapping[str, str | None]) -> bool:
    """Return whether a file is as `own_files` lists it."""
    return path.name in own and path.is_file() and own[path.name] in (None, sha256_of(path))


def sha256_of(path: Path | ObjectPath) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
