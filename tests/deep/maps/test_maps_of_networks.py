"""Attention, Grad-CAM, integrated gradients and the spread of dropout: by hand, by axiom, and by captum."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_nets import small_net  # noqa: E402
from torch import nn  # noqa: E402

from radiofuse.deep.dropout_spread import dropout_spread  # noqa: E402
from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.deep.encoders.frozen import FrozenEncoder  # noqa: E402
from radiofuse.deep.maps.attention import attention_maps  # noqa: E402
from radiofuse.deep.maps.controls import center_prior  # noqa: E402
from radiofuse.deep.maps.explained import log_odds  # noqa: E402
from radiofuse.deep.maps.grad_cam import grad_cam  # noqa: E402
from radiofuse.deep.maps.integrated_gradients import integrated_gradients  # noqa: E402
from radiofuse.errors import ImageError, RequestError  # noqa: E402

SHELF = {
    "vgg16_attention": {"width": 0.125},
    "mobilenet_v2": {"width": 0.25},
    "san10_small": {},
    "resnet18": {"width": 0.125},
    "densenet121": {"width": 0.25},
    "efficientnet_b2": {"width": 0.25},
}


class TwoChannels(nn.Module):
    """A 1x1 convolution of known weights, pooled, and two logits: all numbers can be done by hand."""

    embedding_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.classify = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, -2.0]).view(2, 1, 1, 1))
            self.classify.weight.copy_(torch.tensor([[0.0, 1.0], [3.0, 0.0]]))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).mean(dim=(2, 3))  # (n, 2): mean and -2 times the mean

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.embed(x))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def statistics_of(module: nn.Module) -> list[np.ndarray]:
    return [buffer.numpy().copy() for buffer in module.buffers()]


def trained(name: str, **options: object) -> nn.Module:
    """An encoder of the shelf whose normalization has seen something, in eval mode."""
    if name not in ("vgg16_attention", "mobilenet_v2", "san10_small"):
        pytest.importorskip("monai")
    net = make_encoder(name, 0, options={**SHELF[name], **options})
    dimensions = options.get("dimensions", 2)
    net.train()(torch.from_numpy(noise(4, 2, *[64 if dimensions == 2 else 32] * dimensions, seed=5)))
    return net.eval()


def test_grad_cam_by_hand() -> None:
    """z1 - z0 = 3 m - (-2 m): the gradient of each of 4 pixels is 3 / 4 in the first channel, -1 / 4 in the second."""
    picture = np.array([[[[1.0, -2.0], [0.0, 4.0]]]], np.float32)
    by_hand = np.maximum(0.75 * picture[0, 0] - 0.25 * -2 * picture[0, 0], 0)
    assert grad_cam(TwoChannels(), picture, device="cpu")[0] == pytest.approx(by_hand)
    assert grad_cam(TwoChannels(), picture, 0, device="cpu")[0] == pytest.approx(np.maximum(-1.25 * picture[0, 0], 0))


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [*((name, 2) for name in SHELF), ("resnet18", 3), ("densenet121", 3)],
)
def test_every_encoder_has_maps_and_is_as_it_was(name: str, dimensions: int) -> None:
    options = {"dimensions": 3} if dimensions == 3 else {}
    net, pictures = trained(name, channels=2, **options), noise(2, 2, *[64 if dimensions == 2 else 48] * dimensions)
    before = statistics_of(net)
    cam = grad_cam(net, pictures, device="cpu")
    assert cam.shape == (2, *pictures.shape[2:]) and cam.min() >= 0
    # what speaks for a class speaks against the other: at some pixels one of the two, and nowhere both
    other = grad_cam(net, pictures, 0, device="cpu")
    assert (cam + other).max() > 0 and cam.std() + other.std() > 0
    told = integrated_gradients(net, pictures, np.zeros_like(pictures), steps=24, device="cpu")
    assert told.values.shape == pictures.shape
    assert told.worst_gap < 0.05
    assert not net.training and all((a == b).all() for a, b in zip(before, statistics_of(net), strict=True))
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_picture_alone_has_the_map_that_it_has_among_others() -> None:
    net, pictures = trained("san10_small", channels=2), noise(3, 2, 64, 64)
    assert grad_cam(net, pictures[1:2], device="cpu")[0] == pytest.approx(
        grad_cam(net, pictures, device="cpu")[1], abs=1e-5
    )


def test_attributions_sum_to_what_the_answer_changed() -> None:
    net, pictures, blank = small_net().eval(), noise(3, 1, 12, 12), np.full((1, 1, 1, 1), -0.5, np.float32)
    told = integrated_gradients(net, pictures, blank, steps=200, device="cpu")
    with torch.no_grad():
        full, empty = (
            log_odds(net(torch.from_numpy(np.broadcast_to(x, pictures.shape).copy())), 1) for x in (pictures, blank)
        )
    assert told.values.sum(axis=(1, 2, 3)) == pytest.approx((full - empty).numpy(), abs=2e-3)
    size = np.abs(told.values).sum(axis=(1, 2, 3))
    assert told.worst_gap == pytest.approx((np.abs(told.gap) / size).max(), rel=1e-4)
    assert told.change == pytest.approx((full - empty).numpy(), abs=1e-6)
    opposite = integrated_gradients(net, pictures, blank, 0, steps=200, device="cpu")
    assert opposite.values == pytest.approx(-told.values, abs=1e-6)


def test_of_three_classes_the_logit_of_the_chosen_one_is_explained() -> None:
    net = TwoChannels()
    net.classify = nn.Linear(2, 3, bias=False)
    picture = noise(1, 1, 4, 4)
    told = [integrated_gradients(net, picture, np.zeros_like(picture), k, steps=2, device="cpu") for k in range(3)]
    with torch.no_grad():
        assert [one.change[0] for one in told] == pytest.approx(net(torch.from_numpy(picture))[0].tolist(), abs=1e-6)
    assert max(one.worst_gap for one in told) < 1e-5


def test_numbers_are_those_of_captum() -> None:
    attr = pytest.importorskip("captum.attr")
    net, pictures = trained("vgg16_attention", channels=2), noise(2, 2, 64, 64)

    def answer(x: torch.Tensor) -> torch.Tensor:
        return log_odds(net(x), 1)

    x = torch.from_numpy(pictures)
    theirs = attr.IntegratedGradients(answer).attribute(x, torch.zeros_like(x), n_steps=20)
    ours = integrated_gradients(net, pictures, np.zeros_like(pictures), steps=20, device="cpu")
    assert ours.values == pytest.approx(theirs.detach().numpy(), abs=1e-6)
    cam = attr.LayerGradCam(answer, net.features[42]).attribute(x, relu_attributions=True)
    theirs = nn.functional.interpolate(cam, (64, 64), mode="bilinear").detach().numpy()[:, 0]
    assert grad_cam(net, pictures, device="cpu") == pytest.approx(theirs, abs=1e-6)


def test_attention_is_the_encoders_own() -> None:
    net, pictures = trained("vgg16_attention", channels=2), noise(2, 2, 64, 64)
    maps = attention_maps(net, pictures, device="cpu")
    assert list(maps) == ["pool3", "pool4"]
    for values in maps.values():
        assert values.shape == (2, 64, 64) and values.min() > 0 and values.max() < 1
    assert attention_maps(FrozenEncoder(net), pictures, device="cpu")["pool4"] == pytest.approx(maps["pool4"])


def test_what_has_no_map_says_so() -> None:
    pictures = noise(1, 1, 12, 12)
    for no_attention in (small_net(), FrozenEncoder(small_net())):
        with pytest.raises(RequestError, match="has no attention maps"):
            attention_maps(no_attention, pictures)
    frozen = FrozenEncoder(small_net())
    with pytest.raises(RequestError, match="frozen encoder has no answer to explain .* no gradient"):
        grad_cam(frozen, pictures)
    with pytest.raises(RequestError, match="frozen encoder has no answer to explain .* no gradient"):
        integrated_gradients(frozen, pictures, pictures)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    with pytest.raises(RequestError, match="no layer with a map of pixels"):
        grad_cam(flat, pictures)
    with pytest.raises(RequestError, match="Class number 2 was asked of a network of 2 classes"):
        grad_cam(small_net(), pictures, 2)
    with pytest.raises(ImageError, match="holds NaN"):
        grad_cam(small_net(), np.full_like(pictures, np.nan))


def test_the_center_prior_is_highest_in_the_middle() -> None:
    prior = center_prior((9, 5))
    assert np.unravel_index(prior.argmax(), prior.shape) == (4, 2) and prior[0, 0] == prior[-1, -1]


def test_dropout_draws_and_nothing_else_does() -> None:
    net, pictures, counts = small_net(), noise(6, 1, 12, 12), np.array([2, 4])
    net.train()(torch.from_numpy(noise(8, 1, 12, 12, seed=3)))
    before = statistics_of(net)
    first = dropout_spread(net, pictures, counts, passes=8, seed=1, device="cpu")
    assert first.mean.shape == (2, 2) and (first.sd > 0).all() and first.mean.sum(axis=1) == pytest.approx(1)
    again = dropout_spread(net, pictures, counts, passes=8, seed=1, device="cpu")
    assert (first.mean == again.mean).all() and (first.sd == again.sd).all()
    assert (first.mean != dropout_spread(net, pictures, counts, passes=8, seed=2, device="cpu").mean).all()
    assert all((a == b).all() for a, b in zip(before, statistics_of(net), strict=True))
    assert not any(module.training for module in net.modules())
    x = torch.from_numpy(pictures)
    with torch.no_grad():
        assert (net(x) == net(x)).all()  # nothing is left behind
    net.drop.p = 0.0
    with pytest.raises(RequestError, match="Small has no dropout"):
        dropout_spread(net, pictures, counts)
