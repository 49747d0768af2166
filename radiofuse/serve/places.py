"""No path of the server reaches a client: those of an upload begin at the patient's folder, a bundle is its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radiofuse.serve.tasks import MADE, Describe, Task
from radiofuse.serve.uploads import FILES

UPLOAD, BUNDLE = "the upload", "the bundle"
FOLDERS = re.compile(r"(?<![\w/:.<])/(?:[^\s/:'\"]+/)+(?=[^\s/])")


def places_of(task: Task, bundles: Sequence[Path]) -> dict[str, str]:
    """Return the folders that a task works with, by path, and what stands for each; "" where what is inside says it."""
    if isinstance(task, Describe):  # of the server alone, whose owner is told of his own bundles
        return {}
    inside = {str(task.folder / one): "" for one in (FILES, *MADE)}
    own = {str(folder): folder.name or BUNDLE for folder in bundles}
    return {**own, **inside, str(task.folder): ""}


def without_paths(told: Any, places: Mapping[str, str]) -> Any:
    """Return values in which no path of these places stands.

    >>> without_paths({"note": ["/srv/x/flair.nii.gz is empty, /srv/xy is not."]}, {"/srv/x": ""})
    {'note': ['flair.nii.gz is empty, /srv/xy is not.']}
    >>> without_paths("No folder at /srv/x. None.", {"/srv/x": "", ".": ""})
    'No folder at the upload. None.'
    """
    if isinstance(told, str):
        for place in sorted(filter(_is_whole, places), key=len, reverse=True):
            said = places[place]
            whole = rf"(?<![\w/]){re.escape(place)}"
            told = (f"{said}/" if said else "").join(re.split(f"{whole}/", told))
            told = (said or UPLOAD).join(re.split(rf"{whole}(?![\w-])", told))
        return told
    if isinstance(told, Mapping):
        return {name: without_paths(one, places) for name, one in told.items()}
    if isinstance(told, list | tuple):
        return [without_paths(one, places) for one in told]
    return told


def without_folders(sentence: str, places: Mapping[str, str]) -> str:
    """Return a sentence in which no folder of the server stands, of other places neither.

    >>> without_folders("/home/ann/keys/me.key and /srv/x/P01 are not there.", {"/srv/x": ""})
    'me.key and P01 are not there.'
    """
    return FOLDERS.sub("", str(without_paths(sentence, places)))


def _is_whole(place: str) -> bool:
    return Path(place).is_absolute() and len(place) > 1
