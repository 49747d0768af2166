"""A layout that the user writes as a pattern of paths: ``{patient}/{session}/{patient}_{modality}.nii.gz``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from radiofuse.errors import RequestError
from radiofuse.imaging.layouts.rules import one_of_each
from radiofuse.imaging.layouts.volume import IMAGE, MASK, Found, FoundVolume
from radiofuse.imaging.layouts.walk import image_files, passed_over
from radiofuse.names import did_you_mean
from radiofuse.tables.columns import is_modality
from radiofuse.wording import some

FIELDS = ("patient", "session", "modality", "site")
_FIELD = re.compile(r"\{(\w+)\}|(\*\*/)|(\*)|(\?)")
MASK_WORDS = ("seg", "segmentation", "mask", "tumor", "tumor_segmentation", "tumor_mask", "label", "roi")


def compiled(text: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; ``*`` stands for anything within a name, ``**/`` for folders.

    Raises
    ------
    RequestError
        If it names a field that there is not, or no ``{patient}``.

    Examples
    --------
    >>> compiled("{patient}/*_{modality}.nii.gz").fullmatch("P1/x_T1.nii.gz").groupdict()
    {'patient': 'P1', 'modality': 'T1'}
    >>> compiled("{patient}/{patient}_t1.nii").fullmatch("P1/P2_t1.nii") is None
    True
    """
    parts, at, seen = [], 0, set()
    for match in _FIELD.finditer(text):
        parts.append(re.escape(text[at : match.start()]))
        at, name = match.end(), match[1]
        if name is not None and name not in FIELDS:
            raise RequestError(
                f"The pattern {text!r} has a field {{{name}}}.{did_you_mean(name, FIELDS)} Fields are "
                f"{', '.join(f'{{{one}}}' for one in FIELDS)}."
            )
        wild = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
        if name is None:
            parts.append(wild[match[0]])
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>[^/]+?)")
        seen.add(name)
    if "patient" not in seen:
        raise RequestError(f"The pattern {text!r} does not say where the patient stands: write {{patient}} in it.")
    return re.compile("".join([*parts, re.escape(text[at:])]))


def modality_of(text: str) -> str:
    """Return a modality as columns are called: small letters and digits.

    >>> modality_of("MR_T1"), modality_of("T1-Gd")
    ('mrt1', 't1gd')
    """
    return re.sub("[^a-z0-9]", "", text.lower())


def find(
    folder: Path,
    patterns: Sequence[str],
    *,
    mask_patterns: Sequence[str] = (),
    modalities: Mapping[str, str] | None = None,
) -> Found:
    """Return the files that patterns describe.

    Parameters
    ----------
    folder : Path
    patterns : sequence of str
        Of images, with ``{modality}`` in them or the modality before them: ``t1={patient}/a.nii.gz``.
    mask_patterns : sequence of str
        Of masks; with ``{modality}`` each modality has its own. Left out, ``{modality}`` in `patterns` also finds
        masks, by the words seg, segmentation, mask, tumor, label, roi.
    modalities : mapping of str to str, optional
        The modalities to keep as files call them, and what each becomes. Left out, all are kept.

    Raises
    ------
    RequestError
        If a pattern cannot be read, or finds nothing.
    """
    paths, notes = image_files(folder)
    masks = [volume for text in mask_patterns for volume in _matching(folder, paths, text, modalities, MASK)]
    taken = {volume.path for volume in masks}
    others = [path for path in paths if folder / path not in taken]
    images = [volume for text in patterns for volume in _matching(folder, others, text, modalities, IMAGE)]
    if mask_patterns:  # then a word in a name makes no mask
        images = [volume for volume in images if volume.role == IMAGE]
    if not images:
        shown = some(paths) or "no image"
        raise RequestError(f"No image below {folder} has a path as {some(map(repr, patterns))}; it holds {shown}.")
    found, twice = one_of_each([*masks, *images])
    sites = {volume.sample_id: site for volume in found if (site := _site(folder, volume, patterns))}
    return Found(found, notes + twice + passed_over(folder, paths, found), values={"site": sites} if sites else {})


def _matching(
    folder: Path, paths: list[str], text: str, modalities: Mapping[str, str] | None, role: str
) -> list[FoundVolume]:
    modality, pattern = _parts(text)
    matches = [(path, match.groupdict()) for path in paths if (match := compiled(pattern).fullmatch(path))]
    said = {"modality": modality} if modality else {}
    found = [_volume(folder / path, named | said, text, modalities, role) for path, named in matches]
    return [volume for volume in found if volume is not None]


def _parts(text: str) -> tuple[str, str]:
    """Return the modality before a pattern, "" where there is none, and the pattern.

    >>> _parts("t1={patient}/a.nii"), _parts("{patient}/x=1_{modality}.nii")
    (('t1', '{patient}/a.nii'), ('', '{patient}/x=1_{modality}.nii'))
    """
    name, equals, pattern = text.partition("=")
    return (name, pattern) if equals and is_modality(name) else ("", text)


def _volume(
    path: Path, named: dict[str, str], text: str, modalities: Mapping[str, str] | None, role: str
) -> FoundVolume | None:
    patient, session = named["patient"], named.get("session", "")
    sample = f"{patient}_{session}" if session else patient
    word = named.get("modality", "")
    if role == IMAGE and word.lower() in MASK_WORDS:
        role = MASK
        word = ""
    modality = _named(word, modalities)
    if role == IMAGE and not word:
        raise RequestError(f"The pattern {text!r} names no modality: write {{modality}} in it, or t1= before it.")
    if modality is None:
        return None
    if modality and not is_modality(modality):
        raise RequestError(
            f"{path.name} would be the modality {modality!r}; a modality begins with a letter. Say what it is called, "
            f"as --modalities {word}=t1."
        )
    return FoundVolume(path, sample, patient, role, modality, session)


def _named(word: str, modalities: Mapping[str, str] | None) -> str | None:
    """Return what a modality is called, None where it is not among those to keep."""
    if modalities is None or not word:
        return modality_of(word)
    known = {name.lower(): called for name, called in modalities.items()}
    return known.get(word.lower())


def _site(folder: Path, volume: FoundVolume, patterns: Sequence[str]) -> str:
    path = volume.path.relative_to(folder).as_posix()
    matches = (compiled(_parts(text)[1]).fullmatch(path) for text in patterns if "{site}" in text)
    return next((match["site"] for match in matches if match), "")
