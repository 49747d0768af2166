"""How an encoder is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

from radiofuse.deep.training.option_rules import (
    AUGMENTATIONS,
    CHOICES,
    COUNTS,
    IN_EVERY_KEY,
    RANGES,
    SEARCHED,
    SWITCHES,
    check,
    is_count,
    is_number,
    named,
)
from radiofuse.deep.training.presets import PRESETS
from radiofuse.errors import RequestError


@dataclass(frozen=True)
class WarmUp:
    """A training without labels on the same pictures, before the one with them.

    Parameters
    ----------
    method : {"simsiam"}, default="simsiam"
        Embed two augmentations of a picture alike (Chen, He 2021).
    epochs : int, default=10
    """

    method: Literal["simsiam"] = "simsiam"
    epochs: int = 10

    def __post_init__(self) -> None:
        check("warm_up.method", self.method, self.method == "simsiam", "simsiam")
        check("warm_up.epochs", self.epochs, is_count(self.epochs), "a whole number of 1 or more")


@dataclass(frozen=True)
class Training:
    """How an encoder is trained; the defaults are the published ones where the paper names them.

    Parameters
    ----------
    epochs : int, default=100
        The paper names no number.
    batch_size : int, default=16
        Pictures in one step; an epoch's steps are of equal size, to one picture.
    learning_rate : float, default=1e-4
    encoder_learning_rate : float, optional
        Of the encoders of a network of several modalities, and of all but the last layer of an encoder by itself; by
        the schedule it falls as ``learning_rate`` does. 0 leaves their weights as they are; what batch normalization
        knows is measured anew all the same. Left out: ``learning_rate``. A warm-up goes by ``learning_rate``.
    weight_decay : float, default=0.0
        Of Adam and SGD: an L2 penalty. Of AdamW: the share of each weight, times the learning rate, that a step takes
        away. Of all weights, those of normalization and biases too.
    optimizer : {"adam", "adamw", "sgd"}, default="adam"
        "sgd" is stochastic gradient descent with Nesterov's momentum.
    momentum : float, default=0.9
        Of "sgd" alone.
    schedule : {"none", "cosine", "step", "plateau", "poly"}, default="none"
        The learning rate over the epochs: "cosine" and "poly" let it fall to 0, the latter as (1 - epoch / epochs) to
        the power of 0.9; "step" multiplies it by ``schedule_factor`` every ``schedule_epochs``, "plateau" whenever
        what is watched was not better for as many (without validation the training loss).
    schedule_epochs : int, default=10
    schedule_factor : float, default=0.1
    gradient_clip : float, default=0.0
        Longest gradient of a step, over all weights together; longer ones are shortened to it. 0: any.
    focal_gamma : float, default=0.0
        Exponent of the focal loss, by which crops that are known already weigh less. 0 is cross-entropy.
    label_smoothing : float, default=0.0
        Share of each label that is spread evenly over the classes.
    mixup : float, default=0.0
        Each step blends its pictures, and their labels, with others of the step, in shares drawn from a beta
        distribution with both parameters equal to this. 0 blends nothing.
    balance : {"none", "weights", "sampler", "oversampling"}, default="none"
        "weights": all classes weigh the same in the loss. "sampler": pictures are drawn with replacement,
        each class as often as the others. "oversampling": those of smaller classes are shown again until each class
        has as many as the largest, each picture once at least.
    shuffle : bool, default=True
        Show the pictures in another order in each epoch. False shows them in the order of their rows.
    flips : bool, default=True
        Flip each axis of a picture with probability 1/2.
    rotation_deg : float, default=10.0
        Rotate each picture by an angle between minus and plus this.
    crop : float, default=1.0
        A window somewhere in each picture is enlarged to the whole of it; its sides are between this and 1 of the
        picture's.
    scale : float, default=0.0
        Enlarge each picture between 1 - scale and 1 + scale times.
    intensity_gain, intensity_shift, noise : float, default=0.0
        In each channel of each picture multiply intensities with up to this more or less than 1, add up to this more
        or less than 0, add normal noise of this standard deviation. Scaled intensities have one of about 1.
    validation : float, default=0.0
        Share of the patients of each class that is not trained on; the epoch that is best on them is kept. 0: the
        last epoch is kept.
    watch : {"loss", "auc"}, default="loss"
        What tells the best epoch: the lowest loss per picture, or the highest AUC of the rows' mean logits, the lower
        loss among equals; of more than two classes the mean of each against the rest.
    patience : int, default=10
        Epochs without a better one after which training stops.
    mixed_precision : bool, default=True
        Compute in bfloat16 where a CUDA device does: convolutions and matrix products; normalization, softmax and
        loss stay in float32. The attention of an SA-Net stays in float32 too, so that of it this reaches the two last
        layers, embedding and classifier.
    deterministic : bool, default=False
        Let a GPU use algorithms alone that give the same bits in every run; a layer without one is refused. On the
        CPU all do.
    warm_up : WarmUp or mapping, optional
        Train the embedding beforehand on the same pictures without their labels, by the same optimizer at its
        learning rate: ``{"method": "simsiam", "epochs": 10}``.
    search : mapping of str to list, optional
        Values to try of options by name, each with each: ``{"learning_rate": [1e-3, 1e-4], "dropout": [0.2, 0.5]}``.
        One encoder is trained with each, and the one that is best on the patients held out inside is kept. "dropout"
        is an option of the encoder.

    Raises
    ------
    RequestError
        If a value is none of its kind.

    References
    ----------
    Adam with learning rate 1e-4 and batches of 16: Shi et al. (2023), section III.B.
    Lin et al. (2017). Focal loss for dense object detection. ICCV.
    Zhang et al. (2018). mixup: beyond empirical risk minimization. ICLR.

    Examples
    --------
    >>> Training(epochs=15, learning_rate=1e-3).batch_size
    16
    """

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: Literal["none", "cosine", "step", "plateau", "poly"] = "none"
    balance: Literal["none", "weights", "sampler", "oversampling"] = "none"
    flips: bool = True
    rotation_deg: float = 10.0
    validation: float = 0.0
    patience: int = 10
    mixed_precision: bool = True
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: float = 0.9
    schedule_epochs: int = 10
    schedule_factor: float = 0.1
    gradient_clip: float = 0.0
    focal_gamma: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    shuffle: bool = True
    watch: Literal["loss", "auc"] = "loss"
    crop: float = 1.0
    scale: float = 0.0
    intensity_gain: float = 0.0
    intensity_shift: float = 0.0
    noise: float = 0.0
    deterministic: bool = False
    encoder_learning_rate: float | None = None
    warm_up: WarmUp | None = None
    search: Mapping[str, list] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.warm_up, Mapping):  # as a recipe has it
            object.__setattr__(self, "warm_up", named(WarmUp, self.warm_up, "warm_up"))
        for name in COUNTS:
            self._check(name, is_count(getattr(self, name)), "a whole number of 1 or more")
        for name in SWITCHES:
            self._check(name, isinstance(getattr(self, name), bool), "true or false")
        for name, choices in CHOICES.items():
            self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        for name, (low, high, expected) in RANGES.items():
            self._check(name, is_number(getattr(self, name)) and low <= getattr(self, name) <= high, expected)
        self._check("learning_rate", is_number(self.learning_rate) and self.learning_rate > 0, "a number above 0")
        own = self.encoder_learning_rate
        self._check("encoder_learning_rate", own is None or (is_number(own) and own >= 0), "0 or more")
        self._check("validation", is_number(self.validation) and 0 <= self.validation < 1, "a share of 0 to below 1")
        self._check("warm_up", self.warm_up is None or isinstance(self.warm_up, WarmUp), "a method and epochs")
        self._check_pairs()
        self._check_search()

    def _check(self, name: str, fits: bool, expected: str) -> None:
        check(name, getattr(self, name), fits, expected)

    def _check_pairs(self) -> None:
        """Refuse options of which one undoes the other."""
        if self.balance == "sampler" and not self.shuffle:
            raise RequestError(
                'The training option balance = "sampler" draws pictures, and shuffle = false asks for their own order. '
                'Take balance = "oversampling" or "weights", or leave shuffle out.'
            )
        if self.watch == "auc" and not self.validation:
            raise RequestError(
                'The training option watch = "auc" looks at patients that are held out, and validation is 0. Set '
                "validation, such as 0.2, or leave watch out."
            )
        still = {"flips": False, "rotation_deg": 0, "crop": 1}
        if self.warm_up and all(getattr(self, name) == still.get(name, 0) for name in AUGMENTATIONS):
            raise RequestError(
                "The training option warm_up compares augmented views of a picture, and no augmentation is on. Set "
                "flips, rotation_deg, crop or another, or leave warm_up out."
            )

    def _check_search(self) -> None:
        if self.search is None:
            return
        lists = isinstance(self.search, Mapping) and all(map(_is_list, self.search.values()))
        fits = lists and len(self.search) > 0
        self._check("search", fits, "lists of values by name, such as { dropout = [0.2, 0.5] }")
        for name in self.search:
            if name not in SEARCHED:
                raise RequestError(f"The training option search has {name!r}; choose from {', '.join(SEARCHED)}.")
        if not self.validation:
            raise RequestError(
                "The training option search chooses on patients that are held out inside, and validation is 0. Set "
                "validation, such as 0.2, or leave search out."
            )
        self.candidates()

    def candidates(self) -> list[tuple[Training, dict[str, Any]]]:
        """Return the trainings to try, each with options of the encoder; without a search itself alone.

        Examples
        --------
        >>> training = Training(validation=0.2, search={"learning_rate": [0.1, 0.01], "dropout": [0.5]})
        >>> [(one.learning_rate, of_encoder) for one, of_encoder in training.candidates()]
        [(0.1, {'dropout': 0.5}), (0.01, {'dropout': 0.5})]
        """
        if not self.search:
            return [(self, {})]
        combined = [dict(zip(self.search, values, strict=True)) for values in product(*self.search.values())]
        of_encoder = [{name: value for name, value in one.items() if name == "dropout"} for one in combined]
        of_training = [{name: value for name, value in one.items() if name != "dropout"} for one in combined]
        return [(replace(self, search=None, **one), other) for one, other in zip(of_training, of_encoder, strict=True)]

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Training:
        """Return the training of named options; those left out are of the ``preset``, if one is named, or defaults.

        Raises
        ------
        RequestError
            If a name is unknown; the message lists the known ones.

        Examples
        --------
        >>> Training.from_options({"preset": "vgg_attention", "epochs": 15}).focal_gamma
        2.0
        """
        preset = options.get("preset")
        if preset is not None and preset not in tuple(PRESETS):
            raise RequestError(f"No training preset is called {preset!r}. Choose from {', '.join(PRESETS)}.")
        given = {name: value for name, value in options.items() if name != "preset"}
        return named(cls, {**PRESETS.get(preset, {}), **given}, "")

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        search = self.search and {name: list(values) for name, values in self.search.items()}
        return {**asdict(self), "search": search}

    def for_key(self) -> dict[str, Any]:
        """Return the options that the key of a trained encoder holds."""
        defaults = Training().as_dict()
        return {
            name: value for name, value in self.as_dict().items() if name in IN_EVERY_KEY or value != defaults[name]
        }


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0
