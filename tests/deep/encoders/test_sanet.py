"""SA-Net against loops written from the paper's equations, its published sizes, and torch's own layers."""

from __future__ import annotations

import pytest

from radiofuse.errors import RequestError

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from radiofuse.deep.encoders.sanet import PairwiseAttention, PatchwiseAttention, SANet, Stem  # noqa: E402
from radiofuse.deep.encoders.window_kernels import SHARE, NormRelu, RelationNormRelu, mirrored, rectified_differences  # noqa: E402

LAYERS = {"san10": (2, 1, 2, 4, 1), "san15": (3, 2, 3, 5, 2), "san19": (3, 3, 4, 6, 3)}
STOCK = (3, 7, 7, 7, 7)


def drawn(build, seed=0):
    """A float64 module all of whose weights and running moments are drawn, so that nothing is 0 or 1 by default."""
    generator = torch.Generator().manual_seed(seed)
    module = build().double()
    for tensor in (*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())):
        tensor.data = 0.5 + torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
        tensor.data *= torch.where(torch.rand(tensor.shape, generator=generator) < 0.5, -1, 1) if tensor.ndim > 1 else 1
    return module


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tiny(**options):
    return SANet((1, 1), (3, 3), widths=(32, 32), embedding_dim=8, **options)


# ---------------------------------------------------------------- published sizes


@pytest.mark.parametrize(
    ("name", "sa_type", "millions", "exactly"),
    [
        ("san10", "pairwise", 10.53, 10_531_848),
        ("san15", "pairwise", 14.07, 14_065_436),
        ("san19", "pairwise", 17.60, 17_596_156),
        ("san10", "patchwise", 11.84, 11_841_124),
        ("san15", "patchwise", 16.18, 16_181_310),
        ("san19", "patchwise", 20.52, 20_518_470),
    ],
)
def test_sizes_for_photographs_are_the_published_ones(name, sa_type, millions, exactly):
    """Zhao, Jia, Koltun 2020, Table 2: 10.5 to 20.5 million parameters with 3 channels and 1000 classes."""
    with torch.device("meta"):
        net = SANet(LAYERS[name], STOCK, sa_type=sa_type, channels=3, embedding_dim=None, n_classes=1000)
    size = sum(p.numel() for p in net.parameters())
    assert size == exactly
    assert round(size / 1e6, 2) == millions
    assert net.embedding_dim == 2048


@pytest.mark.parametrize(("sa_type", "exactly"), [("pairwise", 8_745_250), ("patchwise", 10_054_526)])
def test_size_with_one_channel_and_the_embedding_layer(sa_type, exactly):
    with torch.device("meta"):
        net = SANet(LAYERS["san10"], STOCK, sa_type=sa_type)
    assert sum(p.numel() for p in net.parameters()) == exactly


# ---------------------------------------------------------------- attention, pixel by pixel


def mirror(index, size):
    """The pixel that stands for one beyond the border."""
    return -index if index < 0 else 2 * (size - 1) - index if index >= size else index


def neighbors(row, column, size, k):
    reach = range(-(k // 2), k // 2 + 1)
    return [(mirror(row + i, size), mirror(column + j, size)) for i in reach for j in reach]


def gamma_at(vector, layers):
    """The mapping of one relation vector (c,), layer by layer, from running moments."""
    for layer in layers:
        if isinstance(layer, nn.BatchNorm1d):
            sd = (layer.running_var + layer.eps).sqrt()
            vector = ((vector - layer.running_mean) / sd * layer.weight + layer.bias).relu()
        else:
            vector = layer.weight @ vector + (0 if layer.bias is None else layer.bias)
    return vector


def by_loops(attention, of_window, x, k):
    """Shi et al. 2023, Eq. 1, of one image (c, h, w): y_i = sum over j in R(i) of gamma(delta(x_i, x_j)) beta(x_j)."""
    r, _, _ = attention.sizes
    weight, bias = attention.phi_psi_beta.weight, attention.phi_psi_beta.bias
    phi, psi, beta = (
        torch.einsum("oc,chw->ohw", weight[part], x) + bias[part][:, None, None]
        for part in (slice(0, r), slice(r, 2 * r), slice(2 * r, None))
    )
    size = x.shape[1]
    out = torch.zeros_like(beta)
    for row in range(size):
        for column in range(size):
            around = neighbors(row, column, size, k)
            weights = of_window(attention, phi, psi, (row, column), around)  # (k*k, maps)
            for each, (i, j) in zip(weights, around, strict=True):
                out[:, row, column] += each.repeat(SHARE) * beta[:, i, j]
    return out


def pairwise(attention, phi, psi, center, around):
    """Softmax over the window of gamma([phi(x_i) - psi(x_j), p_i - p_j]), Eq. 2."""
    axis = torch.linspace(-1, 1, phi.shape[1], dtype=torch.float64)
    place = {(i, j): attention.position.weight @ torch.stack([axis[i], axis[j]]) for i, j in {center, *around}}
    layers = (attention.relate, *attention.gamma)
    relations = [torch.cat([phi[:, *center] - psi[:, i, j], place[center] - place[i, j]]) for i, j in around]
    return torch.stack([gamma_at(relation, layers) for relation in relations]).softmax(dim=0)


def patchwise(attention, phi, psi, center, around):
    """Gamma of the pixel and its whole window, channel by channel, every neighbor of the window in turn."""
    patch = torch.cat([phi[:, *center], torch.stack([psi[:, i, j] for i, j in around], dim=1).flatten()])
    return gamma_at(patch, attention.gamma).view(-1, len(around)).T


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(("kind", "of_window"), [(PairwiseAttention, pairwise), (PatchwiseAttention, patchwise)])
def test_attention_equals_the_equations_pixel_by_pixel(kind, of_window, k):
    attention = drawn(lambda: kind(64, k)).eval()
    x = noise(64, 6, 6, 2)  # (c, h, w, n)
    expected = torch.stack([by_loops(attention, of_window, x[..., n], k) for n in range(2)], dim=3)
    assert (attention(x) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_weights_of_a_window_sum_to_one():
    attention = drawn(lambda: PairwiseAttention(64, 5)).eval()
    phi, psi = noise(4, 6, 6, 3), noise(4, 6, 6, 3, seed=1)
    weights = attention.weights(phi, psi)
    assert weights.shape == (2, 5, 5, 6, 6, 3)
    torch.testing.assert_close(weights.sum(dim=(1, 2)), torch.ones(2, 6, 6, 3, dtype=torch.float64))
    assert weights.std() > 0.01


def test_a_constant_image_is_weighed_by_position_alone():
    """All phi and psi are equal, so every image has the same weights; the average of a constant is the constant."""
    attention = drawn(lambda: PairwiseAttention(64, 3)).eval()
    flat = torch.full((4, 6, 6, 2), 3.0, dtype=torch.float64)
    weights = attention.weights(flat, flat)
    assert torch.equal(weights[..., 0], weights[..., 1])
    assert weights[:, :, :, 2, 2].std(dim=(1, 2)).min() > 1e-3  # the nine neighbors differ by where they stand
    attention.position.weight.data.zero_()
    torch.testing.assert_close(attention.weights(flat, flat), torch.full_like(weights, 1 / 9))
    x = torch.full((64, 6, 6, 2), 2.0, dtype=torch.float64)
    beta = 2 * attention.phi_psi_beta.weight[8:].sum(dim=1) + attention.phi_psi_beta.bias[8:]
    torch.testing.assert_close(attention(x), beta[:, None, None, None].expand(-1, 6, 6, 2))


def test_borders_mirror_as_counted_by_hand():
    x = torch.arange(3.0).view(1, 1, 3, 1).expand(1, 3, 3, 1).contiguous()
    assert mirrored(x, 2)[0, 2, :, 0].tolist() == [2, 1, 0, 1, 2, 1, 0]


# ---------------------------------------------------------------- fast layers against torch's


def moments_of(norm):
    return norm.running_mean.clone(), norm.running_var.clone()


def gradients(out, inputs):
    return torch.autograd.grad((out * noise(*out.shape, seed=9)).sum(), inputs)


@pytest.mark.parametrize("training", [True, False])
def test_normalization_equals_that_of_torch(training):
    ours = drawn(lambda: NormRelu(5)).train(training)
    torchs = nn.BatchNorm1d(5).double().train(training)
    torchs.load_state_dict(ours.state_dict())
    x = noise(5, 4, 3, 2).mul(3).add(20).requires_grad_()
    out, expected = ours(x), torchs(x.flatten(1)[None])[0].relu().view(x.shape)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(moments_of(ours), moments_of(torchs))
    for got, want in zip(
        gradients(out, [x, *ours.parameters()]), gradients(expected, [x, *torchs.parameters()]), strict=True
    ):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_a_relation_is_normalized_as_if_all_its_pairs_were_written(training):
    ours = drawn(lambda: RelationNormRelu(3, 5)).train(training)
    torchs = nn.BatchNorm1d(3).double().train(training)
    torchs.load_state_dict(ours.state_dict())
    center, neighbor = noise(3, 4, 6, 2).add(7).requires_grad_(), noise(3, 8, 10, 2, seed=1).requires_grad_()
    pairs = torch.stack(
        [center - neighbor[:, i : i + 4, j : j + 6] for i in range(5) for j in range(5)], dim=1
    )  # (c, k*k, h, w, n)
    out, expected = ours(center, neighbor), torchs(pairs.flatten(1)[None])[0].relu().view(3, 5, 5, 4, 6, 2)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(moments_of(ours), moments_of(torchs))
    ours_to, torchs_to = [center, neighbor, *ours.parameters()], [center, neighbor, *torchs.parameters()]
    for got, want in zip(gradients(out, ours_to), gradients(expected, torchs_to), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9)


def test_pairs_lie_in_memory_in_the_order_of_their_shape():
    assert rectified_differences(noise(3, 4, 4, 2), noise(3, 6, 6, 2), 3).is_contiguous()


@pytest.mark.parametrize("training", [True, False])
def test_the_stem_of_one_channel_equals_convolution_normalization_rectifier_and_pool(training):
    stem = drawn(lambda: Stem(1, 32)).train(training)
    torchs = nn.BatchNorm2d(32).double().train(training)
    torchs.load_state_dict(stem.norm.state_dict())
    x = noise(4, 1, 8, 8)
    widened = functional.conv2d(x, stem.widen.weight[:, :, None, None])
    expected = functional.max_pool2d(torchs(widened).relu(), 2)  # (n, c, h / 2, w / 2)
    torch.testing.assert_close(stem(x.permute(1, 2, 3, 0)), expected.permute(1, 2, 3, 0))
    torch.testing.assert_close(moments_of(stem.norm), moments_of(torchs))


@pytest.mark.parametrize("sa_type", ["pairwise", "patchwise"])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_equal_finite_differences(sa_type, training):
    net = drawn(lambda: tiny(sa_type=sa_type)).train(training)
    x = noise(3, 1, 8, 8).requires_grad_()
    assert torch.autograd.gradcheck(lambda images: net(images).sum(dim=1), (x,), fast_mode=True)


# ---------------------------------------------------------------- the whole net


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(channels):
    net = tiny(channels=channels).eval()
    x = torch.randn(5, channels, 12, 8, generator=torch.Generator().manual_seed(0))
    assert net.embed(x).shape == (5, 8)
    torch.testing.assert_close(net(x), net.classify(net.embed(x)))


def test_in_eval_mode_an_image_has_one_embedding_whatever_stands_beside_it():
    net = drawn(tiny).eval()
    x = noise(4, 1, 8, 8)
    first = net.embed(x)
    assert torch.equal(first, net.embed(x))
    torch.testing.assert_close(first, torch.cat([net.embed(one) for one in x.split(1)]))
    assert first.std(dim=0).min() > 0


def test_half_precision_outside_does_not_reach_the_sums_over_pairs():
    net, x = tiny().eval(), noise(4, 1, 16, 16).float()
    seen = []
    net.axes.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net.embed(x)
    with torch.autocast("cpu", torch.bfloat16):
        net.embed(x)
    assert torch.equal(*seen)


def test_images_too_small_for_the_windows_are_refused_with_the_variant_that_takes_them():
    net = SANet(LAYERS["san10"], STOCK, widths=(32,) * 5).eval()
    with pytest.raises(RequestError, match=r"at least 128 x 128 pixels, these have 72 x 72.*san10_roi72"):
        net.embed(torch.zeros(1, 1, 72, 72))
    assert net.embed(torch.zeros(1, 1, 128, 128)).shape == (1, 128)


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (1, 8, 8)])
def test_images_of_other_shapes_are_refused(shape):
    with pytest.raises(RequestError, match=r"shape \(n, 1, h, w\) were expected, the shape is \("):
        tiny()(torch.zeros(shape))
