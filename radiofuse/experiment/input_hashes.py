"""What a run read, as hashes: of its cohort table, and one of all images and masks, which names none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from radiofuse.files.outputs import sha256_of
from radiofuse.imaging import file_sha256
from radiofuse.store import FeatureStore


def input_hashes(table: Path, files: Iterable[Path], store: str | Path, *, n_jobs: int = 1) -> dict[str, Any]:
    """Return the hashes of what a run read; images that were not readable count for nothing.

    Parameters
    ----------
    table : Path
        The cohort table.
    files : iterable of Path
        Images and masks; none where a run reads none.
    store : path
        The feature store, which remembers the hash of every file that it has read.
    n_jobs : int, default=1
        Threads that hash what the store does not know.

    Returns
    -------
    dict
        ``cohort_sha256``; ``images_sha256`` of the SHA-256 of the different files, sorted, one a line, None without
        any; ``n_images``, how many different files these are.
    """
    found = FeatureStore(store).fingerprints.of(dict.fromkeys(map(str, files)), file_sha256, n_jobs=n_jobs)
    digests = sorted({digest for digest in found.values() if digest})
    return {
        "cohort_sha256": sha256_of(table),
        "images_sha256": hashlib.sha256("\n".join(digests).encode()).hexdigest() if digests else None,
        "n_images": len(digests),
    }
