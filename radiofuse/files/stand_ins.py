"""Files that stand in for others: pointers of version control, and web pages that were saved under their name."""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 512


def describe_stand_in(name: str, head: bytes, what: str) -> str:
    """Return a sentence if a file begins as a pointer or a web page does, else nothing.

    Parameters
    ----------
    name : str
        Of the file.
    head : bytes
        Its first `HEAD_BYTES`.
    what : str
        What was expected: "image", "table".

    Examples
    --------
    >>> describe_stand_in("t1.nii.gz", b"version https://git-lfs.github.com/spec/v1", "image")
    't1.nii.gz is a pointer of Git LFS and not the image itself. Fetch it: git lfs pull.'
    """
    start = head[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        return f"{name} is a pointer of Git LFS and not the {what} itself. Fetch it: git lfs pull."
    if start.startswith(b"/annex/objects/") or _is_annexed(start):
        return f"{name} is a pointer of git-annex and not the {what} itself. Fetch it: git annex get {name}."
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        return f"{name} is a web page, such as a login or an error, and not the {what}. Download it again, logged in."
    return ""


def describe_dangling(path: Path) -> str:
    """Return a sentence if a path is a link of git-annex or DataLad to content that was not fetched, else nothing."""
    if path.is_symlink() and not path.exists() and _is_annexed(str(path.readlink()).encode(errors="replace")):
        return f"{path.name} is a link of git-annex whose content was not fetched. Fetch it: git annex get {path.name}."
    return ""


def _is_annexed(target: bytes) -> bool:
    return b".git/annex/objects/" in target.replace(b"\\", b"/")
