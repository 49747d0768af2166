"""What patients and their scans are called in what is written: pseudonyms, unless the user asks for ids."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from radiofuse.errors import RequestError
from radiofuse.imaging.dicom.instances import Instance, Person
from radiofuse.imaging.layouts.labels import plain_id
from radiofuse.wording import counted, some

KEY_FILE = "pseudonym.key"
KEY_BYTES = 32
DIGITS = 12  # of a pseudonym: 48 bits, so that ten thousand patients get two alike once in five million trees

PatientNames = Literal["pseudonym", "id", "folder"]


def pseudonym(patient_id: str, out: str | os.PathLike[str]) -> str:
    """Return what a patient is called in the files of a folder.

    Parameters
    ----------
    patient_id : str
        As it stands in the DICOM files, for instance from a table of labels.
    out : str or path-like
        The folder that `convert_tree` wrote; its file ``pseudonym.key`` is made if it is not there.

    Returns
    -------
    str
        ``p`` and 12 digits, from HMAC-SHA-256 of the id under the key: who has the folder without the
        key can neither tell nor guess an id.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as out:
    ...     pseudonym("1234567", out) == pseudonym(" 01234567", out) != pseudonym("1234568", out)
    True
    """
    return translator(Path(out), "pseudonym")(patient_id)


def translator(out: Path, names: PatientNames) -> Callable[[str], str]:
    """Return what calls the id of a patient, or a folder's name, as the files of a folder do."""
    if names != "pseudonym":
        return clean
    key = _key(out)
    return lambda patient_id: _digest(key, patient_id)


def _digest(key: bytes, text: str) -> str:
    """Return a pseudonym; ids that differ by zeros, case and separators alone are one, as in tables of labels."""
    text = plain_id(text)
    return "p" + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:DIGITS]


def _key(out: Path) -> bytes:
    """Return the key of a folder; a new one is readable by its owner alone."""
    path = out / KEY_FILE
    try:
        if not path.exists():
            out.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(KEY_BYTES) + "\n")
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} is no key that can be read ({error}). Restore it, or write elsewhere.") from None


def clean(text: str) -> str:
    """Return a text as ids may be written: letters, digits, ``.``, ``_``, ``-``; what was changed ends in a digest.

    Examples
    --------
    >>> clean("UCSF-0042"), clean("a b")
    ('UCSF-0042', 'a-b-c8687a08')
    """
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "patient"
    return cleaned if cleaned == text else f"{cleaned}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def name_patients(
    instances: Iterable[Instance], root: Path, out: Path, names: PatientNames
) -> tuple[dict[Person, str], list[str]]:
    """Return what each patient is called, and notes on ids that several people seem to share, or that are empty.

    Parameters
    ----------
    instances : iterable of Instance
    root, out : Path
        The tree, and where its volumes go.
    names : {"pseudonym", "id", "folder"}
    """
    people = {instance.person: None for instance in instances}
    key = _key(out) if names == "pseudonym" else b""
    called = {person: _name(person, root, key, names) for person in people}
    if names == "id":
        called = _one_spelling(called)
    return called, _doubts(called, names)


def _name(person: Person, root: Path, key: bytes, names: PatientNames) -> str:
    folder = person.folder or root.resolve().name
    if names == "folder":
        return clean(folder)
    if names == "id":
        return clean(person.patient_id or folder)
    return _digest(key, person.patient_id or f"folder {folder}")


def _one_spelling(called: dict[Person, str]) -> dict[Person, str]:
    """Give one name to ids that `_digest` would not tell apart: a patient in two folds would be a leak."""
    names: dict[str, str] = {}
    for person, name in sorted(called.items(), key=lambda pair: (pair[1] != pair[0].patient_id, pair[1])):
        names.setdefault(plain_id(person.patient_id or name), name)
    return {person: names[plain_id(person.patient_id or name)] for person, name in called.items()}


def _doubts(called: dict[Person, str], names: PatientNames) -> list[str]:
    people: dict[str, list[Person]] = defaultdict(list)
    for person, name in called.items():
        people[name].append(person)
    several = [name for name, same in people.items() if _seem_several(same)]
    spelled = [name for name, same in people.items() if len({person.patient_id for person in same} - {""}) > 1]
    nameless = sorted({name for person, name in called.items() if not person.patient_id})
    notes = []
    if several:
        notes.append(
            f"{counted(len(several), 'patient')} with more than one name or birth date: {some(several)}; each was "
            "taken for one person. Where it is not, name patients by their folders (by_folder=True)."
        )
    if spelled and names != "folder":
        notes.append(
            f"{counted(len(spelled), 'patient')} whose ids differ by case, separators or zeros alone: {some(spelled)}; "
            "each was taken for one person. Where it is not, name patients by their folders (by_folder=True)."
        )
    if nameless and names != "folder":
        notes.append(f"Files without a patient id were named by their folder: {some(nameless)}.")
    return notes


def _seem_several(people: Sequence[Person]) -> bool:
    """Whether names (but for case and separators) or birth dates differ."""
    names = {re.sub(r"[^a-z0-9]", "", person.name.lower()) for person in people} - {""}
    dates = {person.birth_date for person in people} - {""}
    return max(len(names), len(dates)) > 1
