"""Files that stand in for an image: pointers of version control, and web pages that were saved under its name."""

from __future__ import annotations

from pathlib import Path

from radiofuse.errors import ImageError

HEAD_BYTES = 512


def refuse_stand_in(name: str, head: bytes) -> None:
    """Raise if a file begins as a pointer or a web page does.

    Raises
    ------
    ImageError
        ``not_an_image``.

    Examples
    --------
    >>> refuse_stand_in("t1.nii.gz", b"version https://git-lfs.github.com/spec/v1")
    Traceback (most recent call last):
    radiofuse.errors.ImageError: t1.nii.gz is a pointer of Git LFS and not the image itself. Fetch it: git lfs pull.
    """
    start = head[:HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        raise _pointer(name, "Git LFS", "git lfs pull")
    if start.startswith(b"/annex/objects/") or _is_annexed(start):
        raise _pointer(name, "git-annex", f"git annex get {name}")
    if start.startswith((b"<!doctype html", b"<html", b"<head")):
        raise ImageError(
            "not_an_image",
            f"{name} is a web page, such as a login or an error, and not the image. Download it again, logged in.",
        )


def refuse_dangling(path: Path) -> None:
    """Raise if a path is a link of git-annex or DataLad to content that was not fetched.

    Raises
    ------
    ImageError
        ``file_missing``.
    """
    if path.is_symlink() and not path.exists() and _is_annexed(str(path.readlink()).encode()):
        raise ImageError(
            "file_missing",
            f"{path.name} is a link of git-annex whose content was not fetched. Fetch it: git annex get {path.name}.",
        )


def _is_annexed(target: bytes) -> bool:
    return b".git/annex/objects/" in target.replace(b"\\", b"/")


def _pointer(name: str, system: str, command: str) -> ImageError:
    return ImageError("not_an_image", f"{name} is a pointer of {system} and not the image itself. Fetch it: {command}.")
