"""Every encoder of the shelf: shapes, sizes, eight real slices learned by heart, eval mode, refusals, versions."""

from __future__ import annotations

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from real_slices import eight_real_slices, loss_by_heart  # noqa: E402

from radiofuse.deep.encoders.by_name import encoder_version, make_encoder  # noqa: E402
from radiofuse.deep.encoders.choices import ENCODERS  # noqa: E402

# name: options that make it small enough to be trained here in a second, its axes then, steps to learn by heart
SMALL = {
    "vgg16_attention": ({"width": 0.125, "dropout": 0.0}, 160, 16),
}
CASES = [pytest.param(name, *SMALL[name], id=name) for name in SMALL]


def small(name, n_classes=2, seed=0, **more):
    return make_encoder(name, seed, n_classes, {**SMALL[name][0], **more})


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_every_encoder_but_the_self_attention_networks_is_tried_here():
    assert set(SMALL) == {name for name in ENCODERS if not name.startswith("san")}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", SMALL)
def test_shapes(name, channels):
    net = small(name, n_classes=channels, channels=channels).eval()
    for size in ((32, 32), (48, 72)):
        x = noise(2, channels, *size)
        with torch.inference_mode():
            embedding, logits = net.embed(x), net(x)
        assert embedding.shape == (2, net.embedding_dim) == (2, SMALL[name][1])
        assert logits.shape == (2, channels)
        assert embedding.isfinite().all()
        assert embedding.std(dim=0).max() > 0


@pytest.mark.data
@pytest.mark.parametrize(("name", "options", "axes", "steps"), CASES)
def test_eight_real_slices_are_learned_by_heart(data_dir, name, options, axes, steps):
    assert loss_by_heart(small(name), eight_real_slices(data_dir, 64), steps=steps) < 0.05


@pytest.mark.parametrize("name", SMALL)
def test_in_eval_mode_a_picture_has_one_answer_whatever_stands_beside_it(name):
    net, x = small(name).eval(), noise(3, 1, 40, 40)
    with torch.inference_mode():
        first = net.embed(x)
        assert torch.equal(first, net.embed(x))
        torch.testing.assert_close(first, torch.cat([net.embed(each) for each in x.split(1)]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_pictures_of_another_shape_are_refused(name):
    net = small(name, channels=3).eval()
    for shape in ((2, 1, 64, 64), (3, 64, 64), (2, 3, 4, 64, 64)):
        with pytest.raises(RequestError, match=r"shape \(n, 3, h, w\) were expected, the shape is \("):
            net.embed(torch.zeros(shape))
    with pytest.raises(RequestError, match=r"sides under \d+ pixels, and these have 64 x 7"):
        net.embed(torch.zeros(2, 3, 64, 7))


@pytest.mark.parametrize("name", SMALL)
def test_a_width_that_is_no_number_is_refused(name):
    for width in (0, -1, "wide", True, float("nan")):
        with pytest.raises(RequestError, match="option width = .* was refused"):
            small(name, width=width)


def test_versions_tell_encoders_and_options_apart():
    versions = [encoder_version(name, options) for name in SMALL for options in ({}, {"width": 0.5}, {"channels": 3})]
    assert len(set(versions)) == len(versions)
