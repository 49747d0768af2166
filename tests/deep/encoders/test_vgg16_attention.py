"""VGG16 with attention: its size by hand, its gates by the formula, its maps, and weights of the plain network."""

from __future__ import annotations

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.deep.encoders.vgg16_attention import AttentionGate, VGG16Attention  # noqa: E402


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_size_is_the_one_computed_by_hand():
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512)] + 5 * [
        (512, 512)
    ]
    convolutions = sum(9 * n_in * n_out + n_out for n_in, n_out in pairs)  # with their biases
    normalization = sum(2 * n_out for _, n_out in pairs)
    gates = sum(256 * n_local + 256 * 512 + 256 + 1 for n_local in (256, 512))
    classifier = 1280 * 2 + 2
    assert convolutions == 14_714_688  # as in torchvision's vgg16
    with torch.device("meta"):
        net = VGG16Attention(channels=3)
    assert n_parameters(net.features) == convolutions + normalization
    assert n_parameters(net) == convolutions + normalization + gates + classifier == 15_184_964
    assert net.embedding_dim == 1280


def test_maps_at_224_pixels_have_28_and_14():
    with torch.device("meta"):
        maps = VGG16Attention(channels=3).attention(torch.zeros(2, 3, 224, 224))
    assert {name: tuple(map_.shape) for name, map_ in maps.items()} == {
        "pool3": (2, 1, 28, 28),
        "pool4": (2, 1, 14, 14),
    }


@pytest.mark.parametrize("gate", ["sigmoid", "softmax"])
def test_maps_are_shares(gate):
    maps = (
        make_encoder("vgg16_attention", 0, options={"width": 0.125, "gate": gate}).eval().attention(noise(3, 1, 70, 50))
    )
    for map_ in maps.values():
        assert ((map_ > 0) & (map_ < 1)).all()
        if gate == "softmax":
            torch.testing.assert_close(map_.sum(dim=(2, 3)), torch.ones(3, 1))


@pytest.mark.parametrize("gate", ["sigmoid", "softmax"])
def test_a_gate_is_the_formula_pixel_by_pixel(gate):
    layer, local, guide = AttentionGate(3, 5, 4, gate), noise(1, 3, 4, 4), noise(1, 5, 2, 2, seed=1)
    wide = functional.interpolate(guide, scale_factor=2, mode="bilinear", align_corners=False)
    w_local, w_guide, w_score = (part.weight[:, :, 0, 0] for part in (layer.local, layer.guide, layer.score))
    scores = torch.stack([
        w_score @ torch.relu(w_local @ local[0, :, i, j] + w_guide @ wide[0, :, i, j]) + layer.score.bias
        for i in range(4) for j in range(4)
    ])  # fmt: skip
    share = scores.softmax(dim=0) if gate == "softmax" else scores.sigmoid()  # (16, 1)
    torch.testing.assert_close(layer.attention(local, guide).flatten(), share.flatten())
    pooled = (share * local[0].flatten(1).T).sum(dim=0)  # (3,)
    torch.testing.assert_close(layer(local, guide)[0], pooled if gate == "softmax" else pooled / 16)


def test_the_embedding_holds_the_fifth_pool_and_both_gated_ones():
    net = make_encoder("vgg16_attention", 0, options={"width": 0.125}).eval()
    x = noise(2, 1, 64, 64)
    pool3, pool4, pool5 = net._pools(x)
    maps, embedding = net.attention(x), net.embed(x)
    torch.testing.assert_close(embedding[:, :64], pool5.mean(dim=(2, 3)))
    torch.testing.assert_close(embedding[:, 64:96], (maps["pool3"] * pool3).mean(dim=(2, 3)))
    torch.testing.assert_close(embedding[:, 96:], (maps["pool4"] * pool4).mean(dim=(2, 3)))
    torch.testing.assert_close(net(x), net.classify(embedding))


def test_dropout_acts_in_training_alone():
    net, x = make_encoder("vgg16_attention", 0, options={"width": 0.125, "dropout": 0.9}), noise(2, 1, 32, 32)
    assert torch.equal(net.eval()(x), net(x))
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.0
    assert not torch.equal(net.train()(x), net(x))


@pytest.mark.parametrize(("option", "value"), [("gate", "hard"), ("dropout", 1.0), ("dropout", "half")])
def test_other_gates_and_dropouts_are_refused(option, value):
    with pytest.raises(RequestError, match=f"option {option} = {value!r} was refused"):
        make_encoder("vgg16_attention", 0, options={option: value})


def test_weights_of_the_plain_network_leave_the_gates_and_the_classifier_fresh(tmp_path):
    """A file of torchvision's vgg16_bn: three channels, a classifier of three layers, no gates."""
    options = {"width": 0.125, "channels": 3}
    pretrained = make_encoder("vgg16_attention", 7, options=options).state_dict()
    plain = {key: tensor for key, tensor in pretrained.items() if key.startswith("features.")}
    torch.save({**plain, "classifier.0.weight": noise(4, 4)}, tmp_path / "vgg16_bn.pth")
    net = make_encoder("vgg16_attention", 0, options={**options, "weights": str(tmp_path / "vgg16_bn.pth")})
    fresh = make_encoder("vgg16_attention", 0, options=options).state_dict()
    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, plain.get(key, fresh[key]))
