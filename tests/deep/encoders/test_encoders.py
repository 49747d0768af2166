"""Encoders by name: what they are made of, where their weights and their version come from."""

from __future__ import annotations

import sys

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from radiofuse.deep.device import one_thread  # noqa: E402
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder  # noqa: E402
from radiofuse.deep.encoders.choices import ENCODERS  # noqa: E402
from radiofuse.deep.encoders.sanet import Block  # noqa: E402
from radiofuse.names import lookup  # noqa: E402

BLOCKS = {"san10": [2, 1, 2, 4, 1], "san15": [3, 2, 3, 5, 2], "san19": [3, 3, 4, 6, 3]}

PLUGIN = """
import torch
from torch import nn

class Mean(nn.Module):
    embedding_dim = 1
    def embed(self, x): return x.mean(dim=(1, 2, 3))[:, None]
    def forward(self, x): return self.embed(x).expand(-1, 2)

class NoEmbed(nn.Module):
    embedding_dim = 1
    def forward(self, x): return x

class NoModule:
    embedding_dim = 1
    def embed(self, x): return x
    def forward(self, x): return x
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Import path of a module with encoders of a user's own."""
    (tmp_path / "encoders_of_mine.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "encoders_of_mine"
    sys.modules.pop("encoders_of_mine", None)


def on_meta(name, **options):
    with torch.device("meta"):
        return lookup(name, ENCODERS, "encoder")(**options)


def bits(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("name", [name for name in ENCODERS if name.startswith("san")])
def test_an_encoder_has_the_blocks_of_its_name(name):
    net = on_meta(name)
    assert [len(stage.blocks) for stage in net.stages] == BLOCKS[name[:5]]
    kinds = {type(module.attention).__name__ for module in net.modules() if isinstance(module, Block)}
    assert kinds == {"PatchwiseAttention" if "patchwise" in name else "PairwiseAttention"}
    assert net.embedding_dim == 128
    assert net.smallest <= (72 if name.endswith(("roi72", "small")) else 128)


def test_stock_nets_and_their_variants_differ_in_the_last_window_alone():
    """A relation of pairs has no weights that belong to a place, so a smaller window costs no parameter."""
    assert on_meta("san10").state_dict().keys() == on_meta("san10_roi72").state_dict().keys()
    kernels = [
        [stage.blocks[0].attention.kernel for stage in on_meta(name).stages] for name in ("san10", "san10_roi72")
    ]
    assert kernels == [[3, 7, 7, 7, 7], [3, 7, 7, 7, 3]]


@pytest.mark.parametrize("name", ["san10_small", "san10_roi72", "san10_patchwise_roi72"])
def test_crops_of_72_pixels_are_embedded(name):
    net = make_encoder(name, seed=0).eval()
    with torch.inference_mode():
        assert net.embed(torch.zeros(2, 1, 72, 72)).shape == (2, 128)


def test_initial_weights_depend_on_the_seed_alone_and_leave_the_generator_of_torch_as_it_is():
    state = torch.random.get_rng_state()
    first = bits(make_encoder("san10_small", seed=3))
    assert torch.equal(state, torch.random.get_rng_state())
    torch.rand(1)
    assert torch.equal(first, bits(make_encoder("san10_small", seed=3)))
    assert not torch.equal(first, bits(make_encoder("san10_small", seed=4)))


def test_the_small_net_learns_eight_crops_by_heart():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(8, 1, 72, 72, generator=generator), torch.arange(8) % 2
    net = make_encoder("san10_small", seed=0)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3, fused=True)
    with one_thread():
        for _ in range(20):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
    assert loss.item() < 0.05


def test_an_encoder_of_the_users_own_is_made(plugin):
    assert make_encoder(f"{plugin}:Mean", seed=0)(torch.ones(3, 1, 4, 4)).tolist() == [[1.0, 1.0]] * 3


@pytest.mark.parametrize(
    ("name", "sentence"), [("NoEmbed", "is a NoEmbed without embed; a torch"), ("NoModule", "is a NoModule; a torch")]
)
def test_what_is_no_encoder_is_refused(plugin, name, sentence):
    with pytest.raises(RequestError, match=sentence):
        make_encoder(f"{plugin}:{name}", seed=0)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(RequestError, match=r"No encoder is called 'san10_smal'. Did you mean 'san10_small'"):
        make_encoder("san10_smal", seed=0)


def test_versions_tell_encoders_apart_and_stay():
    versions = [encoder_version(name) for name in ENCODERS]
    assert len(set(versions)) == len(ENCODERS)
    assert versions == [encoder_version(name) for name in ENCODERS]


def test_the_version_of_an_encoder_without_source_is_refused():
    with pytest.raises(RequestError, match="source code of the encoder 'builtins:dict' cannot be read"):
        encoder_version("builtins:dict")


OWN = '''
"""A net."""
import own_parts
from torch import nn

class Net(nn.Module):
    """A net of one layer."""
    embedding_dim = 2  # axes

    def embed(self, x):
        """Return the axes."""
        return own_parts.scaled(x)
'''
PARTS = "def scaled(x):\n    return 2 * x\n"
SAME = {
    "comment": ("# axes", "# how many axes there are"),
    "docstring": ('"""Return the axes."""', '"""Return what\n        an image looks like."""'),
    "first line": ('"""A net."""', '"""The net of our ward."""'),
    "layout": ("embedding_dim = 2", "\n\n    embedding_dim = (\n        2\n    )"),
    "docstring of an import": ("def scaled(x):\n", "def scaled(x):\n    'Return more.'\n"),
}
OTHER = {
    "constant": ("embedding_dim = 2", "embedding_dim = 3"),
    "function": ("own_parts.scaled(x)", "own_parts.scaled(x) + 1"),
    "text that is no docstring": ('"""Return the axes."""', 'x = x or """Return the axes."""'),
    "constant of an import": ("2 * x", "3 * x"),
}


@pytest.fixture
def own_version(tmp_path, monkeypatch):
    """Return a function: the version of the net above after a replacement in its files."""
    monkeypatch.syspath_prepend(tmp_path)

    def version(change=("", "")):
        for name, text in (("own_net", OWN), ("own_parts", PARTS)):
            (tmp_path / f"{name}.py").write_text(text.replace(*change))
        return encoder_version("own_net:Net")

    yield version
    for name in ("own_net", "own_parts"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("change", SAME)
def test_other_words_of_an_own_encoder_are_the_same_version(own_version, change):
    assert own_version(SAME[change]) == own_version()


@pytest.mark.parametrize("change", OTHER)
def test_other_code_of_an_own_encoder_is_another_version(own_version, change):
    assert own_version(OTHER[change]) != own_version()


def test_a_version_that_a_class_declares_stands_for_its_code_and_not_for_that_of_its_subclass(plugin, tmp_path):
    path = tmp_path / f"{plugin}.py"
    path.write_text(PLUGIN + "    encoder_version = 7\n\nclass Mine(NoModule):\n    pass\n")
    declared, inherited = (encoder_version(f"{plugin}:{name}") for name in ("NoModule", "Mine"))
    path.write_text(path.read_text().replace("return x\n", "return -x\n"))
    assert encoder_version(f"{plugin}:NoModule") == declared == "NoModule 7"
    assert encoder_version(f"{plugin}:Mine") != inherited
    assert inherited.endswith(" on 7")


def test_no_module_of_an_installer_is_read_beyond_the_one_that_is_named():
    assert encoder_version("torch.nn:Linear").startswith("Linear ")
