"""Options of a training: those of the paper, and what is refused."""

from __future__ import annotations

import pytest

from radiofuse.deep.training.option_rules import IN_EVERY_KEY
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.presets import PRESETS
from radiofuse.errors import RequestError


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"epochs": 0}, "epochs is 0; expected a whole number of 1 or more"),
        ({"batch_size": 2.0}, "batch_size is 2.0; expected a whole number"),
        ({"patience": True}, "patience is True; expected a whole number"),
        ({"learning_rate": 0}, "learning_rate is 0; expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; expected a number above 0"),
        ({"encoder_learning_rate": -1e-9}, "encoder_learning_rate is -1e-09; expected 0 or more"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0; expected 0 or more"),
        ({"schedule": "warm"}, "schedule is 'warm'; expected one of none, cosine, step, plateau, poly"),
        ({"balance": "smote"}, "balance is 'smote'; expected one of none, weights, sampler, oversampling"),
        ({"optimizer": "lion"}, "optimizer is 'lion'; expected one of adam, adamw, sgd"),
        ({"momentum": 1.1}, "momentum is 1.1; expected 0 to 1"),
        ({"schedule_epochs": 0}, "schedule_epochs is 0; expected a whole number of 1 or more"),
        ({"schedule_factor": 2}, "schedule_factor is 2; expected a factor of 0 to 1"),
        ({"focal_gamma": -1}, "focal_gamma is -1; expected 0 or more"),
        ({"label_smoothing": 1.5}, "label_smoothing is 1.5; expected a share of 0 to 1"),
        ({"mixup": float("inf")}, "mixup is inf; expected 0 or more"),
        (
            {"shuffle": False, "balance": "sampler"},
            "draws pictures, and shuffle = false asks for their own order. Take",
        ),
        ({"watch": "auc"}, 'watch = "auc" looks at patients that are held out, and validation is 0. Set validation'),
        ({"flips": 1}, "flips is 1; expected true or false"),
        ({"crop": 0}, "crop is 0; expected a share of 0.1 to 1"),
        ({"scale": 1}, "scale is 1; expected 0 to 0.9"),
        ({"noise": -0.1}, "noise is -0.1; expected 0 or more"),
        ({"deterministic": "yes"}, "deterministic is 'yes'; expected true or false"),
        ({"warm_up": "simsiam"}, "warm_up is 'simsiam'; expected a method and epochs"),
        ({"warm_up": {"method": "mae"}}, "warm_up.method is 'mae'; expected simsiam"),
        ({"warm_up": {"epochs": 0}}, "warm_up.epochs is 0; expected a whole number of 1 or more"),
        ({"warm_up": {"steps": 3}}, "No training option of warm_up is called 'steps'. Choose from method, epochs."),
        ({"preset": "vgg"}, "No training preset is called 'vgg'. Choose from shi2023, vgg_attention, fusion_grading."),
        ({"preset": ["vgg"]}, "No training preset is called ['vgg']. Choose from shi2023"),
        ({"search": {}}, "search is {}; expected lists of values by name, such as { dropout = [0.2, 0.5] }"),
        ({"search": {"dropout": 0.2}}, "search is {'dropout': 0.2}; expected lists of values by name"),
        (
            {"search": {"epochs": [1, 2]}},
            "search has 'epochs'; choose from learning_rate, encoder_learning_rate, weight_decay,",
        ),
        ({"search": {"dropout": [0.2]}}, "search chooses on patients that are held out inside, and validation is 0."),
        ({"search": {"momentum": [2]}, "validation": 0.2}, "momentum is 2; expected 0 to 1"),
        ({"rotation_deg": 181}, "rotation_deg is 181; expected 0 to 180 degrees"),
        ({"validation": 1.0}, "validation is 1.0; expected a share of 0 to below 1"),
        ({"lr": 1e-3}, "No training option is called 'lr'. Choose from epochs, batch_size, learning_rate,"),
    ],
)
def test_options_of_no_use_are_refused(options, sentence):
    with pytest.raises(RequestError) as raised:
        Training.from_options(options)
    assert sentence in str(raised.value)


def test_options_are_those_of_the_paper_and_travel_as_json_values():
    assert (Training().learning_rate, Training().batch_size, Training().validation) == (1e-4, 16, 0.0)
    assert Training.from_options(Training(epochs=3).as_dict()) == Training(epochs=3)


def test_keys_name_options_of_later_only_where_they_are_set():
    assert list(Training(epochs=3).for_key()) == list(IN_EVERY_KEY)
    assert Training().for_key()["epochs"] == 100
    assert set(Training(optimizer="sgd").for_key()) - set(IN_EVERY_KEY) == {"optimizer"}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_trainings_and_give_way_to_what_is_named(name):
    training = Training.from_options({"preset": name, "epochs": 3})
    assert training.epochs == 3
    assert all(getattr(training, option) == value for option, value in PRESETS[name].items() if option != "epochs")
    assert Training.from_options(training.as_dict()) == training


def test_a_warm_up_travels_as_json_values():
    training = Training.from_options({"warm_up": {"epochs": 3}})
    assert training.as_dict()["warm_up"] == training.for_key()["warm_up"] == {"method": "simsiam", "epochs": 3}
    assert Training.from_options(training.as_dict()) == training


def test_a_search_travels_as_json_values():
    training = Training.from_options({"validation": 0.2, "search": {"dropout": (0.1, 0.2)}})
    assert training.as_dict()["search"] == training.for_key()["search"] == {"dropout": [0.1, 0.2]}
    assert Training.from_options(training.as_dict()).candidates() == training.candidates()
