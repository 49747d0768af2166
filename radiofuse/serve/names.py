"""Names of uploaded files made our own: what a client calls a file is shown, and never a path of ours."""

from __future__ import annotations

import re

LONGEST = 80  # characters of a part of a path
DEEPEST = 6  # folders and the file
SHOWN = 200  # characters of the client's own name that are kept to be shown
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")
_ARCHIVE = re.compile(r"\.(zip|7z|rar|tgz|tbz2?|txz|tar(\.\w{1,4})?)$", re.IGNORECASE)
_SUFFIX = re.compile(r"(\.nii\.gz|\.seg\.nrrd|\.[A-Za-z0-9]{1,8})$")


class OwnNames:
    """The paths that the files of an upload get: plain characters, no way out of the folder, each once.

    Examples
    --------
    >>> names = OwnNames()
    >>> names.add("P 01/FLAIR.nii.gz"), names.add("../../etc/passwd"), names.add("C:\\\\x\\\\<b>.nii")
    ('P_01/FLAIR.nii.gz', 'etc/passwd', 'C_/x/_b_.nii')
    >>> names.add("p_01/flair.nii.gz"), names.add(".."), names.add("etc/passwd/shadow")
    ('P_01/flair-2.nii.gz', 'file', 'etc/passwd-2/shadow')
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: dict[str, str] = {}

    def add(self, given: str) -> str:
        """Return the path of one more file, parts joined by "/"."""
        parts = [part for one in re.split(r"[/\\]", given) if (part := _plain(one))] or [own_part("")]
        folder = ""
        for part in parts[:-1][-(DEEPEST - 1) :]:
            free = _free(folder, part, self._files)
            folder = self._folders.setdefault(
                free.lower(), free
            )  # where upper and lower case are one, so is the folder
        path = _free(folder, parts[-1], self._files | set(self._folders))
        self._files.add(path.lower())
        return path


def _free(folder: str, name: str, taken: set[str]) -> str:
    """Return the path of a name in a folder, with a number where there is one of that name."""
    before, suffix, number = f"{folder}/" if folder else "", suffix_of(name), 1
    path = f"{before}{name}"
    while path.lower() in taken:
        number += 1
        path = f"{before}{name.removesuffix(suffix)}-{number}{suffix}"
    return path


def suffix_of(name: str) -> str:
    """Return what tells the kind of a file, ``.nii.gz`` as a whole; "" where there is none."""
    found = _SUFFIX.search(name)
    return found[0] if found else ""


def is_archive(given: str) -> bool:
    """Say whether a file is called as an archive of others is; a packed image is none.

    >>> is_archive("P01.ZIP"), is_archive("P01.tar.gz"), is_archive("flair.nii.gz")
    (True, True, False)
    """
    return _ARCHIVE.search(given) is not None


def shown_name(given: str) -> str:
    """Return a client's name of a file as it may be shown: characters that print, not too many.

    >>> ascii(shown_name("a" + chr(0) + "b.nii"))
    "'a\\\\ufffdb.nii'"
    """
    printed = "".join(one if one.isprintable() else "\ufffd" for one in given)
    return printed if len(printed) <= SHOWN else f"{printed[: SHOWN - 1]}…"


def own_part(given: str) -> str:
    """Return a name as one part of a path of ours.

    >>> own_part("P 01"), own_part("../x"), own_part("..")
    ('P_01', '_x', 'file')
    """
    return _plain(given) or "file"


def _plain(part: str) -> str:
    suffix = suffix_of(part)
    stem = part.removesuffix(suffix)
    return (_OTHER.sub("_", stem)[: LONGEST - len(suffix)] + suffix).lstrip(".")
