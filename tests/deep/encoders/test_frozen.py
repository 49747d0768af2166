"""Encoders that stay as they are: eval mode, statistics and weights unchanged, whole networks from files."""

from __future__ import annotations

import base64
import sys
import warnings

import numpy as np
import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from small_nets import noise_crops  # noqa: E402
from torch import nn  # noqa: E402

from radiofuse.deep.device import one_thread  # noqa: E402
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder, portable_options  # noqa: E402
from radiofuse.deep.encoders.embedding import embed  # noqa: E402
from radiofuse.deep.pictures import crops_as_pictures  # noqa: E402
from radiofuse.deep.weights import save_encoder  # noqa: E402

OPTIONS = {"width": 0.125, "channels": 1}
NAME = "mobilenet_v2"


@pytest.fixture(autouse=True)
def _one_thread():
    """Layers this small take longer with several."""
    with one_thread():
        yield


@pytest.fixture
def weights(tmp_path):
    """A file of weights with running statistics that no fresh network has."""
    net = make_encoder(NAME, 4, options=OPTIONS)
    net(torch.randn(8, 1, 32, 32, generator=torch.Generator().manual_seed(0)) + 3)
    save_file(net.state_dict(), tmp_path / "mobilenet.safetensors")
    return str(tmp_path / "mobilenet.safetensors")


def frozen(weights):
    return make_encoder(NAME, 0, options={**OPTIONS, "weights": weights, "frozen": True})


def state(module):
    return {key: tensor.clone() for key, tensor in module.state_dict().items()}


def test_nothing_moves_the_statistics_or_the_weights_of_a_frozen_encoder(weights):
    encoder = frozen(weights)
    before, x = state(encoder), torch.randn(6, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    first = encoder.embed(x)
    encoder.train()
    encoder.inner.train()
    encoder.train(True)
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder.embed(x).requires_grad
    assert torch.equal(encoder.embed(x), first)
    assert all(torch.equal(tensor, before[key]) for key, tensor in encoder.state_dict().items())


def test_the_same_network_in_training_mode_does_move_them(weights):
    net = make_encoder(NAME, 0, options={**OPTIONS, "weights": weights}).train()
    before = state(net)
    net.embed(torch.zeros(6, 1, 32, 32))
    assert not torch.equal(net.state_dict()["body.0.1.running_mean"], before["body.0.1.running_mean"])


def test_a_frozen_encoder_has_an_embedding_and_no_logit(weights):
    crops = noise_crops(6, slices=2, size=32)
    counts = np.array([1, 2, 1, 2, 1, 2])
    encoder = frozen(weights)
    pictures = crops_as_pictures(crops["images"], counts)
    embedding, logit = embed(encoder, pictures, counts, device="cpu")
    assert embedding.shape == (6, encoder.embedding_dim) == (6, 160)
    assert logit.shape == (6, 0)
    trainable = make_encoder(NAME, 0, options={**OPTIONS, "weights": weights})
    np.testing.assert_array_equal(embedding, embed(trainable, pictures, counts, device="cpu")[0])
    with pytest.raises(RequestError, match="embedding and no answer of its own: it never saw a label"):
        encoder(torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize("name", [NAME, "torchscript", "onnx"])
def test_a_frozen_encoder_without_weights_is_refused(name):
    with pytest.raises(RequestError, match=f"{name!r} is frozen and has no weights, so it would stay as chance made"):
        make_encoder(name, 0, options={"frozen": True})


def test_frozen_gates_that_no_file_has_are_refused(tmp_path):
    options = {"width": 0.125}
    tensors = make_encoder("vgg16_attention", 0, options=options).state_dict()
    plain = {key: tensor for key, tensor in tensors.items() if key.startswith("features.")}
    save_file(plain, tmp_path / "vgg16.safetensors")
    options |= {"weights": str(tmp_path / "vgg16.safetensors")}
    make_encoder("vgg16_attention", 0, options=options)
    with pytest.raises(RequestError, match="first pool3.local.weight .expected .*, got nothing"):
        make_encoder("vgg16_attention", 0, options={**options, "frozen": True})


def test_a_frozen_encoder_is_known_by_its_weights_and_needs_no_file_where_they_are_kept(weights, tmp_path):
    options = {**OPTIONS, "weights": weights, "frozen": True}
    card = portable_options(NAME, options)
    assert "mobilenet.safetensors" not in str(card)
    assert encoder_version(NAME, card) == encoder_version(NAME, options) != encoder_version(NAME, OPTIONS)
    empty = make_encoder(NAME, 0, options=card, with_weights=False)
    empty.load_state_dict(frozen(weights).state_dict())
    x = torch.ones(2, 1, 32, 32)
    assert torch.equal(empty.embed(x), frozen(weights).embed(x))


# ---------------------------------------------------------------- whole networks from files


class Exported(nn.Module):
    """A network as somebody else would save one: two channels in, five axes out."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5)

    def forward(self, x):
        return self.norm(self.conv(x)).relu().mean(dim=(2, 3))


@pytest.fixture
def exported():
    torch.manual_seed(2)
    net = Exported()
    net(torch.randn(8, 2, 16, 16))
    return net


def scripted(net, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(net), path)
    return str(path)


def test_a_torchscript_file_is_an_encoder(exported, tmp_path):
    x = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    file = scripted(exported.train(), tmp_path / "net.pt")
    options = {"weights": file, "channels": 2, "size": 16}
    encoder = make_encoder("torchscript", 0, 3, options)
    before, wanted = state(encoder), exported.eval()(x)
    assert encoder.embedding_dim == 5
    torch.testing.assert_close(encoder.train().embed(x), wanted)
    assert torch.equal(encoder.embed(x), encoder.embed(x))  # batch normalization takes what it had learned
    assert all(torch.equal(tensor, before[key]) for key, tensor in encoder.state_dict().items())
    assert encoder_version("torchscript", options) != encoder_version("torchscript", {**options, "channels": 1})


def test_whatever_keeps_the_state_keeps_the_file(exported, tmp_path):
    x = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    options = {"weights": scripted(exported.eval(), tmp_path / "net.pt"), "channels": 2, "size": 16}
    encoder = make_encoder("torchscript", 0, options=options)
    card = {"encoder": "torchscript", "scaling": [0.0, 1.0], "training_ids": [], "training_keys": []}
    saved = save_encoder(tmp_path, "0123", encoder, card)
    (tmp_path / "net.pt").unlink()
    again = make_encoder("torchscript", 0, options=options, with_weights=False)
    again.load_state_dict(load_file(saved.weights))
    assert torch.equal(again.embed(x), encoder.embed(x))
    assert again.embedding_dim == 5


def test_files_that_are_no_such_encoder_are_refused(exported, tmp_path):
    class Unpooled(Exported):
        def forward(self, x):
            return self.conv(x)

    x = torch.zeros(1, 2, 16, 16)
    good, unpooled = scripted(exported, tmp_path / "good.pt"), scripted(Unpooled(), tmp_path / "unpooled.pt")
    (tmp_path / "text.pt").write_text("network")
    for file, channels, sentence in (
        (tmp_path / "absent.pt", 2, "There is no file .*absent.pt with an encoder"),
        (tmp_path / "text.pt", 2, "text.pt cannot be read as a network"),
        (unpooled, 2, r"returned a tensor of shape \(1, 5, 14, 14\) for 1 images; an embedding of shape \(1, d\)"),
        (good, 1, r"does not take images of shape \(1, 1, 16, 16\)"),
    ):
        with pytest.raises(RequestError, match=sentence):
            make_encoder("torchscript", 0, options={"weights": str(file), "channels": channels, "size": 16})
    with pytest.raises(RequestError, match=r"shape \(n, 2, h, w\) were expected"):
        make_encoder("torchscript", 0, options={"weights": good, "channels": 2, "size": 16}).embed(x[:, :1])


ONNX = (  # opset 13: a convolution of 1 x 1 from two channels to five without a bias, averaged over 16 x 16 pixels
    "CAg6rQEKDwoBeAoBdxIBYyIEQ29udgoZCgFjEgFwIhFHbG9iYWxBdmVyYWdlUG9vbAoPCgFwEgF5IgdGbGF0dGVuEgFnKjcIBQgCCAEIARABIijNzMy+"
    "mpmZvs3MTL7MzMy9AAAAAMzMzD3OzEw+mZmZPs3MzD7///8+QgF3WhwKAXgSFwoVCAESEQoDEgFuCgIIAgoCCBAKAggQYhQKAXkSDwoNCAESCQoDEgFu"
    "CgIIBUIECgAQDQ=="
)
KERNEL = (torch.arange(10) / 10 - 0.4).view(5, 2)


def test_an_onnx_file_is_an_encoder(tmp_path):
    pytest.importorskip("onnxruntime")
    x, file = torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0)), tmp_path / "net.onnx"
    file.write_bytes(base64.b64decode(ONNX))
    encoder = make_encoder("onnx", 0, options={"weights": str(file), "channels": 2, "size": 16})
    torch.testing.assert_close(encoder.train().embed(x), x.mean(dim=(2, 3)) @ KERNEL.T, rtol=1e-5, atol=1e-6)
    assert encoder.embedding_dim == 5
    with pytest.raises(RequestError, match=r"does not take images of shape \(1, 2, 9, 9\)"):
        encoder.embed(torch.zeros(1, 2, 9, 9))
    file.write_text("network")
    with pytest.raises(RequestError, match="net.onnx cannot be read as a network"):
        make_encoder("onnx", 0, options={"weights": str(file), "channels": 2})


@pytest.mark.parametrize("key", [b"\x0a\x08", b"\x0a\x88\x80\x00", b"\x8a\x00\x88\x00"])
def test_an_onnx_file_that_would_read_another_file_is_refused_unopened(key, tmp_path):
    """The entry that names the other file, as protobuf writes it or with numbers that are longer than they need be."""
    entry = key + b"location\x12\x0b/etc/passwd"
    (tmp_path / "net.onnx").write_bytes(base64.b64decode(ONNX) + b"\x6a" + bytes([len(entry)]) + entry)
    with pytest.raises(RequestError, match="net.onnx cannot be read as a network .it reads weights from another file"):
        make_encoder("onnx", 0, options={"weights": str(tmp_path / "net.onnx"), "channels": 2})


def test_onnx_without_its_library_names_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "net.onnx").write_bytes(b"network")
    with pytest.raises(RequestError, match="ONNX files need onnxruntime, .* pip install 'radiofuse.onnx.'"):
        make_encoder("onnx", 0, options={"weights": str(tmp_path / "net.onnx")})
