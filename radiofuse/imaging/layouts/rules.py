"""A layout as a rule on names: a regular expression finds patient, sample and kind of file in a path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from radiofuse.imaging.layouts.volume import BRAIN, IMAGE, MASK, Found, FoundVolume
from radiofuse.wording import counted, some

SUFFIX = r"\.(?:nii\.gz|nii|nrrd|mha)"


@dataclass(frozen=True)
class NameRule:
    """What the names of a data set say.

    Attributes
    ----------
    pattern : str
        Matched with the whole path below the folder. Named groups: ``sample``, ``kind``; perhaps ``patient`` (else
        the sample is one), ``session`` and ``follow_up``, whose files are left out unless asked for.
    images : mapping of str to str
        Modality by kind, in small letters.
    masks : mapping of str to str
        By kind: the modality that a mask is of, "" for all.
    brains : tuple of str
        Kinds that are masks of the brain.
    preferred : tuple of str
        Endings of kinds, best first, where several files are one modality of a sample: ``("_bias", "")``.

    Examples
    --------
    >>> rule = NameRule(r"(?P<sample>\\w+?)_(?P<kind>t1|seg)\\.nii", {"t1": "t1"}, {"seg": ""})
    >>> [volume.role for volume in rule.find(Path("data"), ["p1_seg.nii", "p1_t1.nii", "notes.nii"]).volumes]
    ['mask', 'image']
    """

    pattern: str
    images: Mapping[str, str]
    masks: Mapping[str, str]
    brains: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ("",)
    follow_ups: bool = field(default=False)

    def find(self, folder: Path, paths: list[str]) -> Found:
        """Return the volumes among the paths below a folder, and notes on what was left out."""
        compiled = re.compile(self.pattern, re.IGNORECASE)
        matches = [(path, match) for path in paths if (match := compiled.fullmatch(path))]
        later = [match for _, match in matches if match.groupdict().get("follow_up")]
        kept = [(path, match) for path, match in matches if self.follow_ups or not match.groupdict().get("follow_up")]
        volumes = [volume for path, match in kept if (volume := self._volume(folder, path, match))]
        best, notes = one_of_each(volumes, self._rank)
        left = sorted({match["sample"] for match in later}) if not self.follow_ups else []
        if left:
            notes.append(f"{counted(len(left), 'follow-up scan')} left out: {some(left)}. Keep them with --follow-ups.")
        other = sorted({match["kind"] for _, match in kept if self._role(match["kind"]) is None})
        if other and volumes:
            notes.append(f"Files of other kinds left out: {some(other)}.")
        return Found(best, notes)

    def _volume(self, folder: Path, path: str, match: re.Match[str]) -> FoundVolume | None:
        named = match.groupdict()
        role = self._role(match["kind"])
        if role is None:
            return None
        patient = named.get("patient") or match["sample"]
        volume = FoundVolume(folder / path, match["sample"], patient, session=named.get("session") or "")
        return replace(volume, role=role[0], modality=role[1])

    def _role(self, kind: str) -> tuple[str, str] | None:
        """Return role and modality of a kind of file; None where it is none that is read."""
        plain = kind.lower()
        if plain in self.masks:
            return MASK, self.masks[plain]
        if plain in self.brains:
            return BRAIN, ""
        ending = next((one for one in self.preferred if one and plain.endswith(one)), "")
        modality = self.images.get(plain.removesuffix(ending))
        return None if modality is None else (IMAGE, modality)

    def _rank(self, volume: FoundVolume) -> int:
        stem = re.sub(f"{SUFFIX}$", "", volume.path.name.lower())
        return next((at for at, ending in enumerate(self.preferred) if stem.endswith(ending)), len(self.preferred))


def one_of_each(volumes: list[FoundVolume], rank: object = None) -> tuple[list[FoundVolume], list[str]]:
    """Return one file of each sample, role and modality: that of the lowest rank, then of the first name.

    Returns
    -------
    volumes : list of FoundVolume
    notes : list of str
        A sentence where files of equal rank had to be left out.
    """
    key = rank if callable(rank) else lambda volume: 0
    chosen: dict[tuple[str, str, str], FoundVolume] = {}
    rivals: list[str] = []
    for volume in sorted(volumes, key=lambda volume: (key(volume), volume.path.as_posix())):
        place = volume.sample_id, volume.role, volume.modality
        if place in chosen and key(chosen[place]) == key(volume):
            rivals.append(f"{volume.sample_id} ({volume.modality or volume.role})")
        chosen.setdefault(place, volume)
    ordered = sorted(chosen.values(), key=lambda volume: volume.path.as_posix())
    if not rivals:
        return ordered, []
    what = f"{counted(len(rivals), 'file')} left out, because another is of the same sample and modality"
    return ordered, [f"{what} and comes first by name: {some(dict.fromkeys(rivals))}."]
