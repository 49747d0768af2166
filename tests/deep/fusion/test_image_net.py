"""Networks of several modalities: widths, gradients, weights, gates, absent modalities, and the first weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.device import one_thread  # noqa: E402
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder  # noqa: E402
from radiofuse.deep.fusion.attention_joins import ChannelAttention, InputGate  # noqa: E402
from radiofuse.deep.fusion.choices import FUSIONS, OF_ONE_ENCODER, RADIOMICS_ATTENTION, WEIGHING  # noqa: E402
from radiofuse.deep.fusion.clinical_branch import ClinicalBranch  # noqa: E402
from radiofuse.deep.fusion.image_net import HideModalities, of_present  # noqa: E402
from radiofuse.deep.fusion.radiomics_attention import RadiomicsAttention  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

NET = "radiofuse.deep.fusion.image_net:FusionNet"
RADIOMIC = 5  # columns of each modality, where the fusion reads them
pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def net(fusion="concatenation", modalities=3, **options):
    given = {"encoder": "tiny_encoder:TinyOfChannels", "width": 8, "scorer": 4, "head": [6], "dropout": 0.0, **options}
    given |= {"radiomics": RADIOMIC} if fusion == RADIOMICS_ATTENTION else {}
    return make_encoder(NET, 0, options={"fusion": fusion, "modalities": modalities, **given})


def pictures(n=4, modalities=3, size=12, seed=0):
    return torch.randn(n, modalities, size, size, generator=torch.Generator().manual_seed(seed))


def with_radiomics(fusion, present, known=None, seed=1):
    """Return what stands beside pictures: radiomic features of each modality too, where the fusion reads them."""
    if fusion != RADIOMICS_ATTENTION:
        return present
    values = torch.randn(len(present), 3 * RADIOMIC, generator=torch.Generator().manual_seed(seed))
    return torch.cat([present, torch.ones_like(present) if known is None else known, values], dim=1)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_reach_every_encoder(fusion):
    module = net(fusion).train()
    module(pictures(), with_radiomics(fusion, torch.ones(4, 3))).sum().backward()
    for encoder in module.encoders:
        assert encoder.conv.weight.grad.abs().sum() > 0
    assert len(module.encoders) == (1 if fusion in OF_ONE_ENCODER else 3)
    for layer in getattr(module.told, "layers", ()):
        assert layer[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("fusion", "width", "channels"), [("concatenation", 4 * 1024 + 8, 1), ("stacked", 1024 + 8, 4)]
)
def test_widths_are_those_that_were_published_for_densenet121(fusion, width, channels):
    pytest.importorskip("monai")
    with torch.device("meta"):
        module = net(fusion, modalities=4, encoder="densenet121", clinical=2, head=[128, 64])
    assert module.joined_dim == width
    assert module.encoders[0].body.features.conv0.in_channels == channels
    assert [layer[0].out_features for layer in module.head] == [128, 64]
    assert module.head[0][0].in_features == width


def test_raw_pixels_and_clinical_numbers_enter_the_perceptron_as_published():
    with torch.device("meta"):
        options = {"encoder": "pixels", "encoder_options": {"size": 240}, "clinical": 2, "clinical_width": 0}
        module = net("concatenation", modalities=4, head=[1024, 512, 256, 128], **options)
    assert module.joined_dim == 4 * 240**2 + 2
    assert [layer[0].out_features for layer in module.head] == [1024, 512, 256, 128]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_absent_has_no_influence(fusion):
    module, x, present = net(fusion).train(), pictures(), torch.ones(4, 3)
    present[1, 2] = present[2, :2] = 0
    noise, beside = x.clone(), with_radiomics(fusion, present)
    noise[1, 2], noise[2, :2] = 1e6, torch.nan
    other = beside.clone()
    other[1, 6 + 2 * RADIOMIC :], other[2, 6 : 6 + 2 * RADIOMIC] = torch.nan, -1e6  # radiomic, where there are some
    for each in (module, module.eval()):
        torch.testing.assert_close(each(noise, other), each(x, beside), rtol=0, atol=0)
    assert not torch.allclose(module(x, beside)[1], module(x, with_radiomics(fusion, torch.ones(4, 3)))[1])


@pytest.mark.parametrize("fusion", WEIGHING)
def test_weights_are_shares_of_the_modalities_present(fusion):
    module, beside = net(fusion).eval(), torch.tensor([[1.0, 1, 1], [1, 0, 1], [0, 1, 0], [1, 1, 0]])
    with torch.no_grad():
        for parameter in module.join.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    weights = module.weigh(pictures(), with_radiomics(fusion, beside))
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    assert (weights[beside == 0] == 0).all()
    assert weights[2].tolist() == [0, 1, 0]


def test_scalar_weights_are_equal_at_first_and_renormalized_without_one():
    weights = net("scalar_average").weigh(pictures(), torch.tensor([[1.0, 1, 1], [1, 0, 1], [1, 1, 1], [1, 1, 1]]))
    torch.testing.assert_close(weights[:2], torch.tensor([[1 / 3, 1 / 3, 1 / 3], [0.5, 0.0, 0.5]]))


def test_permuted_modalities_have_permuted_weights_and_a_duplicate_an_equal_one():
    module, x, order = net("weighting").eval(), pictures(), [2, 0, 1]
    x[:, 1] = x[:, 0]
    weights, permuted = (module.weigh(given, torch.ones(4, 3)) for given in (x, x[:, order]))
    torch.testing.assert_close(weights[:, order], permuted)
    torch.testing.assert_close(weights[:, 0], weights[:, 1])
    assert (weights[:, 2] - weights[:, 0]).abs().max() > 1e-6


@pytest.mark.parametrize("fusion", ["weighting", "scalar_average"])
def test_with_all_but_one_absent_the_answer_is_that_modality_s(fusion):
    module, x = net(fusion).eval(), pictures()
    alone = module(x, torch.tensor([[0.0, 1.0, 0.0]]).repeat(4, 1))
    vector = module.encoders[1].embed(x[:, [1]])
    own = module.join.projected.project[1](vector) if fusion == "weighting" else vector
    torch.testing.assert_close(alone, module.classify(module.head(own)))


def test_radiomic_features_alone_weigh_and_what_is_unknown_of_them_has_no_influence():
    module, x, present = net(RADIOMICS_ATTENTION).eval(), pictures(), torch.ones(4, 3)
    known = torch.tensor([[1.0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]])
    beside = with_radiomics(RADIOMICS_ATTENTION, present, known)
    weights = module.weigh(x, beside)
    torch.testing.assert_close(module.weigh(x * 3, beside), weights)
    torch.testing.assert_close(weights[2], torch.full((3,), 1 / 3))
    other = beside.clone()
    other[1, 6 + RADIOMIC : 6 + 2 * RADIOMIC] = 9.0
    other[0, 6] += 1.0
    assert torch.equal(module.weigh(x, other)[1:], weights[1:])
    assert not torch.allclose(module.weigh(x, other)[0], weights[0])


def test_permuted_modalities_have_permuted_radiomic_weights_and_the_same_vector():
    module, order = net(RADIOMICS_ATTENTION).eval(), [2, 0, 1]
    x, beside = pictures(), with_radiomics(RADIOMICS_ATTENTION, torch.ones(4, 3))
    values = beside[:, 6:].unflatten(1, (3, RADIOMIC))
    permuted = torch.cat([beside[:, :6], values[:, order].flatten(1)], dim=1)
    torch.testing.assert_close(module.weigh(x[:, order], permuted), module.weigh(x, beside)[:, order])
    torch.testing.assert_close(module(x[:, order], permuted), module(x, beside))


def test_radiomic_numbers_gate_channels_between_0_and_1_and_stand_beside_what_is_seen():
    join = RadiomicsAttention(2, 3, width=4, scorer=2)
    vectors, present = torch.randn(5, 2, 3 + 4), torch.tensor([[True, False]] * 5)
    assert ((join.gates(vectors[..., 3:]) > 0) & (join.gates(vectors[..., 3:]) < 1)).all()
    with torch.no_grad():
        join.excite.bias.fill_(torch.inf)  # every gate open
    joined, weights = join(vectors, present, torch.ones(5, 1), present[:, 0])
    torch.testing.assert_close(joined[:, :4], join.project[0](vectors[:, 0, :3]))
    torch.testing.assert_close(joined[:, 4:8], vectors[:, 0, 3:])
    assert joined.shape == (5, 9) and weights.tolist() == [[1.0, 0.0]] * 5


def test_channels_are_gated_between_0_and_1_and_a_closed_gate_leaves_the_mean_of_the_maps():
    join, maps, present = ChannelAttention(2, 16), torch.randn(3, 2, 16, 5, 4), torch.tensor([[True, True]] * 3)
    gates = join.gates(maps.flatten(1, 2))
    assert gates.shape == (3, 32)
    assert ((gates > 0) & (gates < 1)).all()
    assert join.merged(maps, present).shape == (3, 16, 5, 4)
    with torch.no_grad():
        join.gate.weight.zero_()
        join.gate.bias.fill_(-torch.inf)
    torch.testing.assert_close(join.merged(maps, present), maps.mean(dim=1))


def test_an_open_or_shut_gate_of_an_input_passes_a_modality_whole_or_not_at_all():
    gate, x = InputGate(2), torch.ones(1, 2, 1, 4, 4)
    with torch.no_grad():
        gate.excite[2].weight.zero_()
        gate.excite[2].bias.copy_(torch.tensor([torch.inf, -torch.inf]))
    assert gate(x)[0, :, 0, 0, 0].tolist() == [1, 0]


@pytest.mark.parametrize("name", ["san10_small", "vgg16_attention", "mobilenet_v2"])
def test_channel_attention_reads_the_last_map_of_encoders(name):
    options = {} if name == "san10_small" else {"width": 0.125}
    module = net("channel_attention", modalities=2, encoder=name, encoder_options=options).eval()
    assert module(pictures(2, 2, 64), torch.ones(2, 2)).shape == (2, 2)


def test_raw_pixels_have_no_map_to_gate():
    with pytest.raises(RequestError, match="gates maps of pixels, and Pixels has none"):
        net("channel_attention", encoder="pixels", encoder_options={"size": 96})


def test_batch_normalization_sees_the_rows_that_have_the_modality_and_one_alone_is_passed():
    norm = torch.nn.BatchNorm1d(2)
    x, seen = torch.tensor([[1.0, 2.0], [3.0, 4.0], [99.0, 99.0]]), []

    def read(given):
        seen.append(len(given))
        return norm(given)

    two = of_present(read, x, torch.tensor([True, True, False]), apart=True)
    torch.testing.assert_close(two, torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]), atol=1e-4, rtol=0)
    assert of_present(read, x, torch.tensor([True, False, False]), apart=True).shape == (3, 2)
    assert of_present(read, x, torch.tensor([False] * 3), apart=True) is None
    assert seen == [2, 2]


def test_an_encoder_with_normalization_trains_though_one_row_alone_has_a_modality():
    module = net(encoder="small_nets:Small", modalities=2).train()
    beside = torch.tensor([[1.0, 0], [1, 0], [1, 1]])
    logits = module(pictures(3, 2), beside)
    assert torch.isfinite(logits).all()
    assert torch.isfinite(module(pictures(3, 2), torch.tensor([[1.0, 0]] * 3))).all()  # nobody has the second one


def test_modalities_are_hidden_in_training_alone_and_never_all():
    hide, present = HideModalities(), torch.tensor([[True, True, True], [True, False, False]]).repeat(500, 1)
    assert torch.equal(hide.eval()(present), present)
    shown = hide.train()(present)
    assert not (shown & ~present).any()
    assert shown.any(dim=1).all()
    shares = shown[::2].sum(dim=1).bincount(minlength=4) / 500
    torch.testing.assert_close(shares, torch.tensor([0, 0.2, 0.3, 0.5]), atol=0.06, rtol=0)


@pytest.mark.parametrize("attention", [False, True])
def test_clinical_numbers_move_the_answer_where_they_are_known(attention):
    module, x = net(clinical=2, clinical_attention=attention).eval(), pictures(3)
    beside = torch.tensor([[1.0, 1, 1, known, age, 1] for known, age in ((1, 0.5), (1, 2.0), (0, 2.0))])
    answers = module(x[[0, 0, 0]], beside)
    beside[2, 4] = -7.0  # unknown
    assert torch.equal(module(x[[0, 0, 0]], beside)[2], answers[2])
    assert (answers[0] - answers[1]).abs().max() > 1e-4
    assert ClinicalBranch(2, 8, attention=attention).out_dim == 8


def test_an_encoder_inside_that_changes_makes_another_version():
    plain, other = ({"modalities": 2, "encoder": name} for name in ("tiny_encoder:Tiny", "tiny_encoder:TinyOfChannels"))
    assert encoder_version(NET, plain) != encoder_version(NET, other)
    assert "SANet 1" in encoder_version(NET, {"modalities": 2})


def test_encoders_begin_alike_and_by_the_seed():
    first, again = net(), net()
    assert torch.equal(first.encoders[0].conv.weight, first.encoders[2].conv.weight)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))
    assert not torch.equal(make_encoder(NET, 1).classify.weight, make_encoder(NET, 0).classify.weight)
