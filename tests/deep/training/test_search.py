"""A search keeps the candidate that is best on the patients held out inside, and looks at no other number."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tiny_crops import TRAINING, labels, make_crops, patients  # noqa: E402

from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.training.loop import History  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.search import train_best  # noqa: E402
from radiofuse.deep.training.task import EncoderSpec  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

SEARCH = {"learning_rate": [0.1, 0.01], "dropout": [0.2, 0.5]}
# (loss, AUC) of the patients held out in the best epoch; every training loss is lower than the one before
SCORES = {(0.1, 0.2): (0.5, 0.7), (0.1, 0.5): (0.4, 0.8), (0.01, 0.2): (0.6, 0.9), (0.01, 0.5): (0.4, 0.9)}


def run(training: Training) -> tuple:
    """Run a search whose trainings are made up, and note the checkpoints."""
    places, rates = [], iter([0.4, 0.3, 0.2, 0.1])

    def make(of_encoder):
        return of_encoder["dropout"] if of_encoder else None

    def train(dropout, candidate, place):
        assert candidate.search is None
        places.append(place.name)
        loss, auc = SCORES.get((candidate.learning_rate, dropout), (1.0, 0.5))
        return History([1.0, next(rates)], [9.0, loss], 2, 16, "cpu", [0.1, auc])

    return train_best(training, make, train, Path("key.checkpoint")), places


@pytest.mark.parametrize(("watch", "best"), [("loss", (0.1, 0.5)), ("auc", (0.01, 0.5))])
def test_the_best_on_the_patients_held_out_is_kept(caplog, watch, best):
    with caplog.at_level(logging.INFO):
        found, places = run(Training(validation=0.2, watch=watch, search=SEARCH))
    assert found.module == found.of_encoder["dropout"] == best[1]
    assert found.history.validation_losses[-1] == SCORES[best][0]
    assert [(one["learning_rate"], one["dropout"], one["loss"], one["auc"]) for one in found.tried] == [
        (*candidate, *scores) for candidate, scores in SCORES.items()
    ]
    assert places == [f"key.checkpoint.{number}" for number in range(4)]
    assert f"Of 4 trainings the one with learning_rate = {best[0]} and dropout = {best[1]} is the best" in caplog.text


def test_without_a_search_there_is_one_training():
    found, places = run(Training())
    assert (found.tried, found.of_encoder, places) == ([], {}, ["key.checkpoint"])


def test_the_card_of_an_encoder_has_what_was_tried(tmp_path):
    crops = make_crops(tmp_path, n=16, signal=1.0)
    X = crops.pointer_table()
    options = {**TRAINING, "validation": 0.3, "epochs": 4}
    search = {"learning_rate": [1e-6, 0.03], "weight_decay": [0.0]}
    searched, alone = (
        EncoderSpec("tiny_encoder:Tiny", Training.from_options({**options, **other}), "cpu")
        for other in ({"search": search}, {"learning_rate": 0.03})
    )
    rows = (X["t1__crop"].astype(int).tolist(), labels(X), patients(X))
    trained = EncoderCache(tmp_path / "a").encoder(searched, crops, *rows, seed=0)
    slow, quick = trained.card["search"]
    assert quick["loss"] < slow["loss"] and quick["learning_rate"] == 0.03
    best = trained.card["history"]["best_epoch"]
    assert trained.card["history"]["validation_losses"][best - 1] == quick["loss"]
    plain = EncoderCache(tmp_path / "b").encoder(alone, crops, *rows, seed=0)
    assert plain.card["sha256"] == trained.card["sha256"]
    assert plain.key != trained.key and "search" not in plain.card
    assert not list((tmp_path / "a").rglob("*.checkpoint*"))


def test_dropout_of_an_encoder_without_it_is_refused(tmp_path):
    crops = make_crops(tmp_path, n=16)
    X = crops.pointer_table()
    training = Training.from_options({**TRAINING, "validation": 0.3, "search": {"dropout": [0.2, 0.5]}})
    spec = EncoderSpec("tiny_encoder:Tiny", training, "cpu")
    with pytest.raises(RequestError, match="'tiny_encoder:Tiny' has no option 'dropout'"):
        EncoderCache(tmp_path).encoder(spec, crops, X["t1__crop"].astype(int).tolist(), labels(X), patients(X), seed=0)
