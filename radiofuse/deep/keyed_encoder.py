"""A trained encoder for handing on: the same weights, training samples and their files as keyed hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radiofuse.deep.weights import TrainedEncoder
from radiofuse.patients.pseudonyms import Pseudonyms

# Of what a training depended on. Not here: digests of ids, labels and patients, which a small cohort's labels can be
# tried on, and labels by patient, which a network that learned from pseudo-labels has.
OF_NO_PATIENT = (
    *("format", "crops", "encoder", "version", "training_version", "training", "seed", "torch", "device"),
    *("options", "intensities", "over", "aggregate", "n_classes", "tasks_version"),
)


def keyed_encoder(trained: TrainedEncoder, pseudonyms: Pseudonyms) -> TrainedEncoder:
    """Return an encoder that knows what it was trained on by keyed hashes, under another key, weights in memory.

    Parameters
    ----------
    trained : TrainedEncoder
        Its weights hold sums over all training pictures and nothing of single ones.
    pseudonyms : Pseudonyms
        Of samples; pixels and files are known by keyed digests of their digests.

    Raises
    ------
    BundleError
        If the weights are absent or corrupted.
    """
    key = pseudonyms.digest(trained.key)
    told: dict[str, Any] = {
        "key": key,
        "inputs": {name: one for name, one in trained.card["inputs"].items() if name in OF_NO_PATIENT},
        "training_ids": sorted(map(pseudonyms.of, trained.training_ids)),
        "training_keys": sorted(map(pseudonyms.digest, trained.training_keys)),
        "training_pixels": sorted(map(pseudonyms.digest, trained.training_pixels)),
    }
    return TrainedEncoder(Path(), key, trained.card | told, trained.read_bytes())
