"""A long training says how far it is."""

from __future__ import annotations

import logging

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.training import narration  # noqa: E402
from radiofuse.deep.training.narration import Narration  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.state import Curves, State  # noqa: E402


def told(caplog, monkeypatch, *, curves: Curves, now: float, first_epoch: int = 0) -> str:
    monkeypatch.setattr(narration.time, "monotonic", lambda: now)
    state = State(torch.nn.Linear(1, 1), Training(epochs=20), None, torch.Generator(), curves)
    with caplog.at_level(logging.INFO):
        Narration(first_epoch, begun_s=0.0, said_s=0.0).tell(state)
    return caplog.text


def test_losses_auc_and_time_left_are_said(caplog, monkeypatch):
    curves = Curves([0.7, 0.61234], validation_losses=[0.8, 0.75], validation_aucs=[0.5, 0.625])
    sentence = "Epoch 2 of 20: loss 0.612, of the patients held out 0.750 with an AUC of 0.62; 9 minutes left at most."
    assert sentence in told(caplog, monkeypatch, curves=curves, now=60.0)


def test_the_time_left_is_that_of_this_process(caplog, monkeypatch):
    text = told(caplog, monkeypatch, curves=Curves([0.5] * 19), now=36.0, first_epoch=18)
    assert "Epoch 19 of 20: loss 0.500; 36 seconds left at most." in text


def test_a_short_training_says_nothing(caplog, monkeypatch):
    assert told(caplog, monkeypatch, curves=Curves([0.5]), now=29.0) == ""
