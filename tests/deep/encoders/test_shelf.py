"""Every encoder of the shelf: shapes, sizes, eight real slices learned by heart, eval mode, refusals, versions."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from golden_numbers import pattern, with_fixed_weights  # noqa: E402
from real_slices import eight_real_blocks, eight_real_slices, loss_by_heart  # noqa: E402

from radiofuse.deep.device import one_thread, own_chance  # noqa: E402
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder  # noqa: E402
from radiofuse.deep.encoders.choices import ENCODERS  # noqa: E402
from radiofuse.deep.encoders.sanet import SANet  # noqa: E402
from radiofuse.names import lookup  # noqa: E402

# name: options that make it small enough to be trained here in a second, its axes then, steps to learn by heart
SMALL = {
    "vgg16_attention": ({"width": 0.125, "dropout": 0.0}, 160, 16),
    "mobilenet_v2": ({"width": 0.25, "dropout": 0.0}, 320, 16),
    "resnet18": ({"width": 0.25}, 128, 16),
    "resnet50": ({"width": 0.125}, 256, 16),
    "densenet121": ({"width": 0.125}, 128, 16),
    "densenet201": ({"width": 0.125}, 240, 16),
    "efficientnet_b2": ({"width": 0.25}, 352, 30),  # with stochastic depth, as published
}
WHOLE_FILES = {"torchscript", "onnx"}  # tried in test_frozen.py
OF_MONAI = [name for name in SMALL if "monai" in ENCODERS[name]]
CASES = [pytest.param(name, *SMALL[name], id=name) for name in SMALL]


def small(name, n_classes=2, seed=0, **more):
    if name in OF_MONAI:
        pytest.importorskip("monai")
    return make_encoder(name, seed, n_classes, {**SMALL[name][0], **more})


@pytest.fixture(autouse=True)
def _one_thread():
    """Layers this small take longer with several."""
    with one_thread():
        yield


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_every_encoder_but_the_self_attention_networks_is_tried_here():
    assert set(SMALL) == {name for name in ENCODERS if not name.startswith("san")} - WHOLE_FILES - {"pixels"}


def test_pixels_are_passed_as_they_are_and_of_one_size():
    net, x = make_encoder("pixels", 0, 3, {"channels": 2, "size": [4, 5]}), noise(3, 2, 4, 5)
    assert torch.equal(net.embed(x), x.flatten(1))
    assert net(x).shape == (3, 3)
    with pytest.raises(RequestError, match="Pictures of 2 x 4 x 5 numbers were expected, these have 2 x 5 x 4"):
        net(noise(3, 2, 5, 4))


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
    assert loss_by_heart(small(name), eight_real_slices(data_dir, 48), steps=steps) < 0.05


@pytest.mark.data
@pytest.mark.parametrize(("name", "steps"), [("resnet50", 12), ("densenet121", 12), ("efficientnet_b2", 18)])
def test_eight_real_blocks_are_learned_by_heart_in_three_dimensions(data_dir, name, steps):
    net = small(name, width=0.125, dimensions=3)
    assert loss_by_heart(net, eight_real_blocks(data_dir, 32), steps=steps) < 0.1


@pytest.mark.data
@pytest.mark.parametrize("sa_type", ["pairwise", "patchwise"])
def test_eight_real_slices_are_learned_by_heart_by_attention_of_either_kind(data_dir, sa_type):
    with own_chance(0, torch.device("cpu")):
        net = SANet((1, 1), (3, 3), sa_type=sa_type, widths=(32, 64), embedding_dim=16)
    assert loss_by_heart(net, eight_real_slices(data_dir, 24), steps=40, learning_rate=1e-2) < 0.05


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


@pytest.mark.parametrize("name", OF_MONAI)
def test_volumes_are_embedded_and_pictures_refused(name):
    net = small(name, channels=2, dimensions=3).eval()
    with torch.inference_mode():
        assert net.embed(noise(1, 2, 32, 32, 40)).shape == (1, SMALL[name][1])
    with pytest.raises(RequestError, match=r"shape \(n, 2, d, h, w\) were expected, the shape is \(1, 2, 32, 32\)"):
        net.embed(noise(1, 2, 32, 32))


PUBLISHED = {  # parameters with three channels and 1,000 classes, as in torchvision's table of models
    "mobilenet_v2": 3_504_872,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
    "densenet201": 20_013_928,
    "efficientnet_b2": 9_109_994,
}
AXES = {"mobilenet_v2": 1280, "resnet18": 512, "resnet50": 2048, "densenet121": 1024, "densenet201": 1920}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name):
    if name in OF_MONAI:
        pytest.importorskip("monai")
    with torch.device("meta"):
        net = lookup(name, ENCODERS, "encoder")(channels=3, n_classes=1000)
    assert sum(parameter.numel() for parameter in net.parameters()) == PUBLISHED[name]
    assert net.embedding_dim == AXES.get(name, 1408)


# length and first axis of the embedding of a fixed picture, by fixed weights in double precision, batch of two
ON_RECORD = {
    "vgg16_attention": [13.757491586062676, 0.4752364768610759],
    "mobilenet_v2": [12.433980972894986, 0.43912235628673],
    "resnet18": [15.494794675834243, 0.3882062166550937],
    "resnet50": [30.057352285872476, 0.7636312512161764],
    "densenet121": [7.463422334534514, 0.0589915032139928],
    "densenet201": [10.444780070018686, 0.08828717661976272],
    "efficientnet_b2": [4.280392111386845, 0.9652477854045531],
}


@pytest.mark.parametrize("name", SMALL)
def test_an_encoder_computes_what_is_on_record(name):
    """Other numbers need another encoder_version: trained weights and embeddings are kept under it."""
    x = torch.from_numpy(pattern(2, 1, 64, 64))
    with torch.no_grad():
        embedding = with_fixed_weights(small(name)).train(name != "efficientnet_b2").embed(x)  # stochastic depth draws
    assert [embedding.norm().item(), embedding[0, 0].item()] == pytest.approx(ON_RECORD[name], rel=1e-6), (
        "Raise encoder_version of the encoder's class, and put these numbers on record."
    )


def test_an_encoder_of_a_library_that_is_absent_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.networks", None)
    with pytest.raises(RequestError, match=r"'resnet18' is MONAI's, and .* pip install 'radiofuse\[deep\]'"):
        make_encoder("resnet18", 0)


def test_versions_tell_encoders_and_options_apart():
    versions = [encoder_version(name, options) for name in SMALL for options in ({}, {"width": 0.5}, {"channels": 3})]
    assert len(set(versions)) == len(versions)


def documented():
    """Rows of the table of encoders in docs/deep.md: names, their parameters, those in 3-D, axes, smallest side."""
    page = (Path(__file__).parents[3] / "docs" / "deep.md").read_text(encoding="utf-8")
    table = page.partition("| `encoder` | parameters |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:6] for line in table.splitlines() if line.startswith("| `")]
    for names, *numbers in rows:
        flat, deep, axes, smallest = (
            [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", cell)] for cell in numbers
        )
        for place, name in enumerate(re.findall(r"`(\w+)`", names)):
            yield name, flat[place : place + 1] + deep, axes + smallest


def test_the_page_lists_every_encoder():
    assert {name for name, *_ in documented()} == set(ENCODERS)


@pytest.mark.parametrize(("name", "sizes", "shape"), [row for row in documented() if row[0] not in WHOLE_FILES])
def test_the_page_says_what_an_encoder_is(name, sizes, shape):
    if name in OF_MONAI:
        pytest.importorskip("monai")
    build = lookup(name, ENCODERS, "encoder")
    for dimensions, size in enumerate(sizes, start=2):
        with torch.device("meta"):
            net = build(**({"dimensions": dimensions} if dimensions == 3 else {}))
        assert sum(parameter.numel() for parameter in net.parameters()) == size
        assert [net.embedding_dim, net.smallest] == shape
