"""Encoders of torchvision and timm: by stand-ins for the two everywhere, by themselves where they are installed."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from radiofuse.deep.encoders.by_name import encoder_version, make_encoder, portable_options, short_name  # noqa: E402
from radiofuse.deep.encoders.libraries import _digest_of_download  # noqa: E402

SEED = 77  # of the weights to download


class Net(nn.Module):
    """What a network of either library looks like from outside."""

    def __init__(self, n_classes=1000):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.num_features, self.pretrained_cfg = 4, {"classifier": "classifier.1"}
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(4, n_classes)) if n_classes else nn.Identity()

    def forward(self, x):
        assert x.shape[2] != 7, "wrong size"
        return self.classifier(self.features(x))


def pretrained():
    with torch.random.fork_rng([]):
        torch.manual_seed(SEED)
        return Net()


class StandIn:
    """Both libraries: what of them is called here, and a network that may be down."""

    def __init__(self):
        self.online = True

    def _made(self, net, wanted):
        if wanted and not self.online:
            raise URLError("Name or service not known")
        if wanted:
            net.load_state_dict(pretrained().state_dict(), strict=False)
        return net

    def torchvision(self):
        module = ModuleType("torchvision")
        module.models = SimpleNamespace(
            list_models=lambda module: ["tiny", "tinier"],
            get_model=lambda name, weights: self._made(Net(), weights == "DEFAULT"),
        )
        return module

    def timm(self):
        module = ModuleType("timm")
        module.list_models = lambda: ["tiny", "tinier"]
        module.create_model = lambda name, pretrained, num_classes: self._made(Net(num_classes), pretrained)
        return module


LIBRARIES = ("torchvision", "timm")


@pytest.fixture
def libraries(monkeypatch):
    stand_in = StandIn()
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, getattr(stand_in, name)())
    _digest_of_download.cache_clear()
    return stand_in


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_network_of_a_library_is_an_encoder(libraries, library, channels):
    net = make_encoder(f"{library}:tiny", 0, 3, {"channels": channels}).eval()
    x = torch.randn(2, channels, 9, 9, generator=torch.Generator().manual_seed(0))
    assert net.embed(x).shape == (2, net.embedding_dim) == (2, 4)
    torch.testing.assert_close(net(x), net.classify(net.embed(x)))
    assert net(x).shape == (2, 3)
    kernels = net.body.features[0].weight
    assert channels == 1 or not torch.equal(kernels[:, 0], kernels[:, 1])  # drawn one by one


@pytest.mark.parametrize("library", LIBRARIES)
def test_downloaded_weights_are_taken_and_fitted_to_the_channels(libraries, library):
    wanted = pretrained().eval()
    x = torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    for channels in (1, 3, 4):
        net = make_encoder(f"{library}:tiny", 0, options={"channels": channels, "weights": "download"}).eval()
        torch.testing.assert_close(net.embed(x.expand(-1, channels, -1, -1)), wanted.features(x.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_file_of_the_library_fits(libraries, library, tmp_path):
    torch.save(pretrained().state_dict(), tmp_path / "tiny.pth")
    options = {"channels": 2, "weights": str(tmp_path / "tiny.pth")}
    x = torch.randn(2, 1, 9, 9, generator=torch.Generator().manual_seed(0))
    net = make_encoder(f"{library}:tiny", 0, options={**options, "frozen": True})
    wanted = pretrained().eval().features(x.expand(-1, 3, -1, -1))
    torch.testing.assert_close(net.embed(x.expand(-1, 2, -1, -1)), wanted)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_version_knows_downloaded_weights_by_their_digest(libraries, library):
    name, options = f"{library}:tiny", {"weights": "download"}
    version = encoder_version(name, options)
    digest = version.rpartition("weights=")[2]
    assert len(digest) == 64
    assert encoder_version(name) == version.partition(" weights=")[0]
    card = portable_options(name, options)
    assert card == {"weights": f"sha256:{digest}"}
    libraries.online = False
    assert encoder_version(name, card) == version
    make_encoder(name, 0, options=card, with_weights=False)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_network_of_several_modalities_knows_downloaded_weights_by_their_digest(libraries, library, monkeypatch):
    net, options = "radiofuse.deep.fusion.image_net:FusionNet", {"encoder": f"{library}:tiny", "weights": "download"}
    version, card = encoder_version(net, options), portable_options(net, options)
    digest = encoder_version(f"{library}:tiny", {"weights": "download"}).rpartition("weights=")[2]
    assert f" weights={digest} of " in version
    assert card == {"encoder": f"{library}:tiny", "weights": f"sha256:{digest}"}
    assert encoder_version(net, card) == version
    monkeypatch.setitem(globals(), "SEED", 78)  # another release of the library brings other weights
    _digest_of_download.cache_clear()
    assert encoder_version(net, options) != version
    libraries.online = False
    assert encoder_version(net, card) == version
    make_encoder(net, 0, options=card, with_weights=False)


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_a_network_it_is_said_where_weights_may_come_from(libraries, library):
    libraries.online = False
    with pytest.raises(RequestError, match=f"{library}:tiny cannot be downloaded here .* name the file under weights"):
        make_encoder(f"{library}:tiny", 0, options={"weights": "download"})


@pytest.mark.parametrize("library", LIBRARIES)
def test_unknown_networks_and_sizes_are_refused(libraries, library):
    with pytest.raises(RequestError, match=f"{library} has no network called 'tini'. Did you mean 'tin"):
        make_encoder(f"{library}:tini", 0)
    net = make_encoder(f"{library}:tiny", 0)
    with pytest.raises(RequestError, match=rf"{library}:tiny does not take images of 7 x 9 pixels \(wrong size\)"):
        net.embed(torch.zeros(1, 1, 7, 9))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_is_absent_is_named(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(RequestError, match=f"'{library}:resnet18' is {library}'s, which cannot be imported here"):
        make_encoder(f"{library}:resnet18", 0)


def test_only_these_two_download():
    with pytest.raises(RequestError, match="Only networks of torchvision and timm come with weights to download"):
        make_encoder("vgg16_attention", 0, options={"weights": "download", "width": 0.125})


def test_their_features_are_called_after_the_network():
    assert short_name("torchvision:resnet50") == "resnet50"


REAL = {"torchvision": ("resnet18", "vgg11"), "timm": ("resnet18", "mobilenetv3_small_050")}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_libraries_themselves(library):
    try:
        import_module(library)
    except (ImportError, RuntimeError) as error:  # the latter where it was compiled for another build of torch
        pytest.skip(f"{library}: {error}")
    for architecture in REAL[library]:
        net = make_encoder(f"{library}:{architecture}", 0, 3, {"channels": 2}).eval()
        with torch.inference_mode():
            assert net.embed(torch.zeros(1, 2, 64, 64)).shape == (1, net.embedding_dim)
            assert net(torch.zeros(1, 2, 64, 64)).shape == (1, 3)
