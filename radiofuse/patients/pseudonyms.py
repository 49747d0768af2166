"""Pseudonyms: ids replaced by keyed hashes, the same ones wherever the same key is used."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from radiofuse.errors import RequestError

FEWEST_BYTES = 16  # of a key: whoever can try all keys finds every id that can be guessed
LENGTH, CHECK = 16, 4  # hexadecimal digits: of 10,000 ids two share the first 64 bits once in 4e11 cohorts
FORM = re.compile(rf"p([0-9a-f]{{{LENGTH}}})([0-9a-f]{{{CHECK}}})")


class Pseudonyms:
    """What ids are called under one key.

    Parameters
    ----------
    key : bytes
        At least 16. Whoever has it can tell whose pseudonym an id is; without it nobody can, however few ids there
        are to try.

    References
    ----------
    HMAC: RFC 2104, with SHA-256.

    Examples
    --------
    >>> names = Pseudonyms(b"sixteen bytes or more")
    >>> names.of("P001")
    'p8a52864e70e5ce8ba947'
    >>> names.of(names.of("P001")) == names.of("P001")
    True
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, name: object) -> str:
        """Return the pseudonym of an id; of a pseudonym of the same key, which its last digits tell, itself."""
        if (known := FORM.fullmatch(str(name))) and self._check(known[1]) == known[2]:
            return str(name)
        own = self._mac("id", str(name))[:LENGTH]
        return f"p{own}{self._check(own)}"

    def digest(self, digest: str) -> str:
        """Return a keyed digest of a digest of numbers: without the key nobody can look for numbers that they have."""
        return self._mac("row", digest)

    @property
    def fingerprint(self) -> str:
        """What tells whether a key is the one that was used; it does not tell the key."""
        return self._mac("key", "")[:LENGTH]

    def _check(self, own: str) -> str:
        return self._mac("pseudonym", own)[:CHECK]

    def _mac(self, purpose: str, text: str) -> str:
        said = f"radiofuse {purpose}\n{text}".encode(errors="surrogatepass")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()


def read_pseudonyms(key: str | Path, *, make: bool = False, apart_from: Iterable[str | Path] = ()) -> Pseudonyms:
    """Return the pseudonyms of the key in a file.

    Parameters
    ----------
    key : path
        Its bytes, without white space at both ends, are the key.
    make : bool, default=False
        Whether to write a new key where there is no file; only its owner can read it then.
    apart_from : iterable of path
        Folders that others will see: a key in one of them is refused.

    Raises
    ------
    RequestError
        If the file is not there, cannot be read or holds fewer than 16 bytes, or lies in such a folder.
    """
    key = Path(key)
    for folder in apart_from:
        if Path(os.path.realpath(key)).is_relative_to(os.path.realpath(folder)):
            raise RequestError(f"The key {key} lies in {folder}, which others will see. Keep it elsewhere.")
    try:
        if make:
            with suppress(FileExistsError):
                _write_key(key)
        content = key.read_bytes().strip()
    except OSError as error:
        raise RequestError(
            f"The key {key} cannot be read or made: {error.strerror}. Name a file of your own."
        ) from None
    if len(content) < FEWEST_BYTES:
        raise RequestError(
            f"The key {key} has {len(content)} bytes; at least {FEWEST_BYTES} are needed, else ids can be guessed. "
            "Make one with: openssl rand -hex 32"
        )
    return Pseudonyms(content)


def _write_key(key: Path) -> None:
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def under_pseudonyms(cohort: pd.DataFrame, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """Return a cohort table whose samples and patients go by pseudonyms.

    Examples
    --------
    >>> cohort = pd.DataFrame({"sample_id": ["a"], "patient_id": ["a"], "age": [50]})
    >>> under_pseudonyms(cohort, Pseudonyms(b"sixteen bytes or more"))["age"].tolist()
    [50]
    """
    return cohort.assign(**{name: cohort[name].map(pseudonyms.of) for name in ("sample_id", "patient_id")})


def without_names(failures: pd.DataFrame, cohort: pd.DataFrame, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """Return a table of failures whose sentences name neither ids nor files.

    Parameters
    ----------
    failures : DataFrame
        Columns sample_id, a pseudonym, and message among others.
    cohort : DataFrame
        As it was read, before ids were replaced.
    pseudonyms : Pseudonyms
    """
    rows = {pseudonyms.of(row["sample_id"]): row for row in cohort.to_dict("records")}
    sentences = [
        _without(str(message), rows.get(sample, {}), pseudonyms)
        for sample, message in zip(failures["sample_id"], failures["message"], strict=True)
    ]
    return failures.assign(message=pd.Series(sentences, index=failures.index, dtype="str"))


def _without(sentence: str, row: Mapping[Hashable, Any], pseudonyms: Pseudonyms) -> str:
    """Return a sentence without the texts of a sample's row that are files or ids."""
    texts = {name: str(cell) for name, cell in row.items() if isinstance(cell, str | Path)}
    ids = {texts.pop(name, "") for name in ("sample_id", "patient_id")} - {""}
    files = [one for text in texts.values() if "." in text or "/" in text for one in (text, PurePath(text).name)]
    for named in sorted(filter(None, files), key=len, reverse=True):
        sentence = sentence.replace(named, "the file")
    for name in sorted(ids, key=len, reverse=True):
        sentence = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", pseudonyms.of(name), sentence)
    return sentence
