"""Numbers of trainings and encoders are those on record, or a version was raised."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from golden_numbers import RECORD, TRAININGS, numbers_of_encoders, numbers_of_trainings, trained  # noqa: E402

from radiofuse.deep.encoders.sanet import SANet  # noqa: E402
from radiofuse.deep.training.loop import TRAINING_VERSION  # noqa: E402

ON_RECORD = json.loads(RECORD.read_text())
# Of the largest number of its kind. Instruction sets (SSE2, AVX2, AVX-512; MKL's and torch's own) move them by 2e-7 at
# most, since all sums are in double precision; code that moves them by less than this goes unseen.
TOLERANCE = 1e-5
ADVICE = (
    "{} moved: stored encoders and embeddings hold other numbers than this code gives. If that is meant, raise {} and "
    "run `python tests/deep/golden_numbers.py`. If torch itself changed, its version is in the keys: run that alone."
)


def moved(numbers: dict, recorded: dict) -> list[str]:
    """Name what is not as recorded."""
    assert numbers.keys() == recorded.keys()
    return [
        f"{case}, {kind}"
        for case in numbers
        for kind, values in numbers[case].items()
        if len(values) != len(recorded[case][kind])
        or not np.allclose(values, recorded[case][kind], rtol=0, atol=TOLERANCE * max(map(abs, values), default=0))
    ]


def test_trainings_give_the_numbers_on_record():
    names = moved(numbers_of_trainings(), ON_RECORD["trainings"])
    assert not names, ADVICE.format(names, "TRAINING_VERSION in radiofuse.deep.training.loop")


def test_built_in_encoders_give_the_numbers_on_record():
    names = moved(numbers_of_encoders(), ON_RECORD["encoders"])
    assert not names, ADVICE.format(names, "SANet.encoder_version")


def test_the_record_is_that_of_the_present_versions():
    assert ON_RECORD["versions"] == {"training": TRAINING_VERSION, "encoders": SANet.encoder_version}


CHANGES = {
    "radiofuse.deep.training.augment.apply": lambda images, params: images,
    "radiofuse.deep.training.loop.measure_moments": lambda *_: None,
    "torch.optim.Adam": partial(torch.optim.Adam, betas=(0.9, 0.99)),
}


@pytest.mark.parametrize("place", CHANGES)
def test_a_change_of_the_code_is_seen(monkeypatch, place):
    monkeypatch.setattr(place, CHANGES[place])
    case = "smooth net, defaults"
    assert moved({case: trained(*TRAININGS[case])}, {case: ON_RECORD["trainings"][case]})
