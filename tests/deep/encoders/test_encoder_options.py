"""What a recipe says of an encoder: options it takes, weights to begin with, and what its version holds of them."""

from __future__ import annotations

import sys

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from torch import nn  # noqa: E402

from radiofuse.deep.encoders.by_name import encoder_version, make_encoder  # noqa: E402
from radiofuse.deep.weights import save_encoder  # noqa: E402

OWN = """
import torch
from torch import nn

class Plain(nn.Module):
    embedding_dim = 2
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 2)
        self.classify = nn.Linear(2, 2)
    def embed(self, x): return self.first(x.flatten(1))
    def forward(self, x): return self.classify(self.embed(x))

class Optional(Plain):
    def __init__(self, channels=1, depth=3, n_classes=2):
        super().__init__()
        self.first, self.classify = nn.Conv2d(channels, 2, 2), nn.Linear(2, n_classes)
        self.depth = depth
    def embed(self, x): return self.first(x).mean(dim=(2, 3))

class Own(Plain):
    def __init__(self, weights="mine"):
        super().__init__()
        self.weights = weights
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Import path of a module with encoders of a user's own."""
    (tmp_path / "encoders_with_options.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "encoders_with_options"
    sys.modules.pop("encoders_with_options", None)


def bits(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


# ---------------------------------------------------------------- options


def test_options_reach_the_encoder(own):
    net = make_encoder(f"{own}:Optional", 0, 5, {"channels": 3, "depth": 7})
    assert net.depth == 7
    assert net(torch.zeros(2, 3, 4, 4)).shape == (2, 5)
    assert make_encoder("san10_small", 0, options={"channels": 4}).embed(torch.zeros(1, 4, 72, 72)).shape == (1, 128)


def test_an_encoder_that_takes_weights_itself_gets_what_is_said_and_else_its_default(own):
    assert make_encoder(f"{own}:Own", 0).weights == "mine"
    assert make_encoder(f"{own}:Own", 0, options={"weights": "yours"}).weights == "yours"
    versions = [encoder_version(f"{own}:Own", options) for options in ({}, {"weights": "mine"}, {"weights": None})]
    assert versions[0] == versions[1] != versions[2]


def test_left_out_or_said_the_default_draws_the_same_weights():
    plain = bits(make_encoder("san10_small", 3))
    assert torch.equal(plain, bits(make_encoder("san10_small", 3, options={"channels": 1})))


@pytest.mark.parametrize(
    ("encoder", "options", "sentence"),
    [
        (
            "Optional",
            {"dept": 1},
            r"no option 'dept'. Did you mean 'depth'\? Choose from channels, depth, frozen, weights",
        ),
        ("Plain", {"width": 1}, "no option 'width'. Choose from channels, frozen, weights"),
        ("Optional", {"n_classes": 2}, "no option 'n_classes'"),
        (
            "Plain",
            {"channels": 3},
            "knows pictures of one channel, and the pictures have 3. Give it a parameter channels",
        ),
        ("Optional", {"channels": 0}, "channels = 0; a whole number from 1 on"),
        ("Optional", {"channels": "FLAIR"}, "channels = 'FLAIR'; a whole number from 1 on"),
    ],
)
def test_options_that_an_encoder_does_not_take_are_refused(own, encoder, options, sentence):
    with pytest.raises(RequestError, match=sentence):
        make_encoder(f"{own}:{encoder}", 0, options=options)


def test_the_version_holds_options_that_are_not_the_default():
    plain = encoder_version("san10_small")
    assert encoder_version("san10_small", {}) == encoder_version("san10_small", {"channels": 1}) == plain
    assert encoder_version("san10_small", {"embedding_dim": 128, "widths": [32, 32, 64, 128, 256]}) == plain
    versions = [encoder_version("san10_small", options) for options in ({"channels": 3}, {"embedding_dim": 64})]
    assert len({plain, *versions}) == 3


# ---------------------------------------------------------------- weights to begin with


@pytest.fixture
def weights(own, tmp_path):
    """A state dict for three channels and three classes, saved in both ways."""
    tensors = make_encoder(f"{own}:Optional", 5, 3, {"channels": 3}).state_dict()
    save_file(tensors, tmp_path / "w.safetensors")
    torch.save({"state_dict": {f"module.{key}": tensor for key, tensor in tensors.items()}}, tmp_path / "w.pt")
    return tmp_path / "w.safetensors", tmp_path / "w.pt", tensors


def test_weights_come_from_either_kind_of_file(own, weights):
    *files, tensors = weights
    for file in files:
        net = make_encoder(f"{own}:Optional", 0, 3, {"channels": 3, "weights": str(file)})
        assert all(torch.equal(tensor, tensors[key]) for key, tensor in net.state_dict().items())


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_the_first_kernel_keeps_its_response_to_equal_channels(own, weights, channels):
    options = {"weights": str(weights[0])}
    of_three, of_some = (make_encoder(f"{own}:Optional", 0, 3, {"channels": c, **options}) for c in (3, channels))
    x = torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(of_some.embed(x.expand(-1, channels, -1, -1)), of_three.embed(x.expand(-1, 3, -1, -1)))


def test_a_classifier_of_other_classes_stays_fresh(own, weights):
    options = {"channels": 3, "weights": str(weights[0])}
    net, fresh = make_encoder(f"{own}:Optional", 9, 2, options), make_encoder(f"{own}:Optional", 9, 2, {"channels": 3})
    assert torch.equal(net.classify.weight, fresh.classify.weight)
    assert torch.equal(net.first.weight, weights[2]["first.weight"])


def test_weights_of_another_architecture_are_refused_with_the_first_keys(weights):
    sentence = (
        r"w.pt are those of another architecture: \d+ tensors do not fit SANet, first stem.widen.weight \(expected "
        r"\(32, 1\), got nothing\); stem"
    )
    with pytest.raises(RequestError, match=sentence):
        make_encoder("san10_small", 0, options={"weights": str(weights[1])})


def test_weights_that_labels_entered_here_are_refused(own, tmp_path):
    net = make_encoder(f"{own}:Optional", 5)
    card = {"encoder": f"{own}:Optional", "scaling": [0.0, 1.0], "training_ids": ["a", "b"], "training_keys": []}
    saved = save_encoder(tmp_path, "0123", net, card)
    for options in ({"weights": str(saved.weights)}, {"weights": str(saved.weights), "frozen": True}):
        with pytest.raises(RequestError, match="0123.safetensors were trained here on the labels of 2 samples"):
            make_encoder(f"{own}:Optional", 0, options=options)
    (tmp_path / "0123.json").unlink()
    make_encoder(f"{own}:Optional", 0, options=options)


def test_names_of_other_libraries_are_known(tmp_path):
    """Weights of torchvision's networks; the old files of its DenseNet have one dot more."""
    for name, prefix, change, classifier in (
        ("mobilenet_v2", "features.", ("", ""), "classifier.1.weight"),
        ("resnet18", "", ("", ""), "fc.weight"),
        ("densenet121", "", (".layers.norm", ".norm."), "classifier.weight"),
    ):
        if name != "mobilenet_v2":
            pytest.importorskip("monai")
        options = {"width": 0.125, "channels": 3}
        tensors = make_encoder(name, 3, options=options).state_dict()
        body = {key.removeprefix("body."): tensor for key, tensor in tensors.items() if key.startswith("body.")}
        theirs = {
            prefix + key.replace(*change).replace(".layers.conv", ".conv"): tensor for key, tensor in body.items()
        }
        torch.save({**theirs, classifier: torch.zeros(9, 9)}, tmp_path / "w.pth")
        net = make_encoder(name, 0, options={**options, "weights": str(tmp_path / "w.pth")})
        assert all(torch.equal(net.body.state_dict()[key], tensor) for key, tensor in body.items())


def test_a_file_that_holds_no_weights_is_refused_and_no_code_in_it_is_run(own, tmp_path):
    absent, text, objects, numbers = (tmp_path / name for name in ("no.pt", "text.pt", "net.pt", "numbers.pt"))
    text.write_text("weights")
    torch.save(nn.Linear(1, 1), objects)
    torch.save({"epoch": 3}, numbers)
    (tmp_path / "broken.safetensors").write_text("weights")
    for file, sentence in (
        (absent, "There is no file .*no.pt with weights to begin with"),
        (text, "cannot be read as weights"),
        (objects, "cannot be read as weights"),
        (tmp_path / "broken.safetensors", "cannot be read as weights"),
        (numbers, "holds a int under 'epoch'; tensors by name were expected"),
    ):
        with pytest.raises(RequestError, match=sentence):
            make_encoder(f"{own}:Optional", 0, options={"weights": str(file)})


def test_the_version_knows_weights_by_their_content(weights, tmp_path):
    safe, saved, _ = weights
    (tmp_path / "copy.safetensors").write_bytes(safe.read_bytes())
    of = [encoder_version("san10_small", {"weights": str(f)}) for f in (safe, tmp_path / "copy.safetensors", saved)]
    assert of[0] == of[1] != of[2]
    assert encoder_version("san10_small") != of[0]
