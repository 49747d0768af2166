"""What computes here, and what computed when a bundle's models were trained."""

from __future__ import annotations

from typing import Any

from radiofuse import __version__
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.manifest import read_manifest
from radiofuse.radiomics import Settings, make_backend


def engines(bundle: Bundle) -> dict[str, Any]:
    """Return the versions of radiofuse and of what computes radiomic features, here and in training.

    Returns
    -------
    dict
        ``radiofuse``, ``radiomics`` (the engine by name and version, None where the model reads no images by it), and
        ``trained_with``: the versions of all packages, as the manifest has them.
    """
    named = bundle.description["settings"]["radiomics"]
    own = None if named is None else make_backend(named["backend"], Settings.from_json(named)).versions()["engine"]
    trained = read_manifest(bundle.folder)["environment"]["packages"]
    return {"radiofuse": __version__, "radiomics": own, "trained_with": dict(trained)}
