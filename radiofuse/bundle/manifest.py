"""What a bundle says of itself in one file: its format, the SHA-256 of each file, the versions it was made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radiofuse.bundle.format import BEFORE_MANIFESTS, DESCRIPTION, MANIFEST, RECIPE, SCHEMA
from radiofuse.bundle.json_format import MANIFEST_SHAPE
from radiofuse.bundle.shapes import misshapen
from radiofuse.errors import BundleError

AGAIN = f"Run its {RECIPE} again: the store still has the features, only the folds are computed again."
LIMIT_MB = 64  # of a manifest; that of ten thousand columns has 2


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return ``manifest.json`` of a bundle.

    Raises
    ------
    BundleError
        If there is none, it cannot be read or is of another shape, or another version wrote the bundle.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(_without_manifest(folder))
    try:
        if path.stat().st_size > LIMIT_MB * 1e6:
            raise ValueError(f"it has more than {LIMIT_MB} MB")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path} cannot be read ({error}); get the bundle again from its maker.") from error
    if isinstance(manifest, dict) and "format" in manifest:
        refuse_other_schema(path, manifest["format"])
    if problem := next(misshapen(manifest, MANIFEST_SHAPE, MANIFEST), None):
        raise BundleError(f"{path} cannot be read ({problem}); get the bundle again from its maker.")
    return dict(manifest)


def _without_manifest(folder: Path) -> str:
    """Return what to say of a folder that holds no manifest: a bundle of before had another file in its place."""
    if not (folder / BEFORE_MANIFESTS).is_file():
        return f"{folder} is not a bundle: it has no {MANIFEST}. Pass the folder that `run` wrote."
    return f"The bundle {folder} has {_earlier(folder)}; this version of radiofuse reads schema {SCHEMA}. {AGAIN}"


def _earlier(folder: Path) -> str:
    try:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        about = None
    said = about.get("schema") if isinstance(about, dict) else None
    return f"{BEFORE_MANIFESTS} in place of {MANIFEST}" if said is None else f"schema {said!r}"


def refuse_other_schema(path: Path, schema: Any) -> None:
    """Raise a BundleError that says what to do where another version wrote the description at ``path``."""
    if schema == SCHEMA:
        return
    older = isinstance(schema, int) and schema < SCHEMA
    raise BundleError(
        f"{path.name} has schema {schema!r}; this version of radiofuse reads schema {SCHEMA}. "
        + (AGAIN if older else "Use the version that wrote the bundle.")
    )
