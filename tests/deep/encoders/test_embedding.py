"""Embeddings over the pictures of a row, and answers that are refused."""

from __future__ import annotations

import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_nets import Small, noise_crops, small_net  # noqa: E402

from radiofuse.deep.encoders.embedding import embed  # noqa: E402
from radiofuse.deep.pictures import crops_as_pictures  # noqa: E402
from radiofuse.errors import ImageError, RequestError  # noqa: E402


@pytest.fixture
def crops():
    made = noise_crops(30, slices=3)
    counts = np.arange(30) % 3 + 1
    for row, count in enumerate(counts):
        made["images"][row, count:] = np.nan  # padding: whoever looks at it is found out
    return made["images"], counts


def of_crops(crops):
    """Return the pictures of crops and their counts."""
    return crops_as_pictures(*crops), crops[1]


# ---------------------------------------------------------------- embedding


def test_a_row_is_the_mean_of_its_real_slices(crops):
    images, counts = crops
    module = small_net().eval()
    embedding, logit = embed(module, *of_crops(crops), device="cpu")
    with torch.no_grad():
        for row in (0, 1, 2, 29):
            x = torch.from_numpy(images[row, : counts[row]])[:, None]
            logits = module(x).mean(dim=0)
            np.testing.assert_allclose(embedding[row], module.embed(x).mean(dim=0), atol=1e-6)
            assert logit[row] == pytest.approx((logits[1] - logits[0]).item(), abs=1e-6)
    assert embedding.dtype == logit.dtype == np.float32


def test_pictures_vote_or_average_their_probabilities_and_the_embedding_stays_their_mean(crops):
    pictures, counts = of_crops(crops)
    module = small_net().eval()
    usual, _ = embed(module, pictures, counts, device="cpu")
    mean, vote = (embed(module, pictures, counts, device="cpu", aggregate=way) for way in ("mean_probability", "vote"))
    with torch.no_grad():
        shares = module(torch.from_numpy(pictures)).softmax(dim=1)[:, 1].numpy()
    of_rows = np.split(shares, np.cumsum(counts)[:-1])
    wanted = [row.mean() for row in of_rows]
    np.testing.assert_allclose(1 / (1 + np.exp(-mean[1])), wanted, atol=1e-6)
    np.testing.assert_array_equal(mean[0], usual)
    for row, logit, average in zip(of_rows, vote[1], wanted, strict=True):
        n = int((row > 0.5).sum())
        tie = 2 * n == len(row)
        expected = average if tie else (n + 0.5) / (len(row) + 1)
        assert 1 / (1 + np.exp(-logit)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_changes_nothing(crops, batch_size):
    module = small_net()
    pictures = of_crops(crops)
    whole, parts = embed(module, *pictures, device="cpu"), embed(module, *pictures, device="cpu", batch_size=batch_size)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_same_rows_twice_give_the_same_bits_and_draw_nothing(crops):
    module, before = small_net().train(), torch.get_rng_state()
    first, second = (embed(module, *of_crops(crops), device="cpu") for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()
    assert torch.equal(torch.get_rng_state(), before)
    assert not module.training
    assert all(parameter.grad is None for parameter in module.parameters())


def test_one_pass_gives_embedding_and_logit(crops):
    module, passes = small_net(), []
    module.conv.register_forward_hook(lambda *_: passes.append(1))
    embed(module, *of_crops(crops), device="cpu", batch_size=1000)
    assert len(passes) == 1
    assert "embed" not in vars(module)


def test_embed_may_be_a_layer_and_forward_need_not_call_it(crops):
    class Layered(torch.nn.Module):
        embedding_dim = 144

        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Flatten()

        def forward(self, x):
            return x[:, 0, 0, :2]

    module = Layered()
    embedding, logit = embed(module, crops[0][:, :1], np.ones(30, int), device="cpu")
    np.testing.assert_allclose(embedding, crops[0][:, 0].reshape(30, -1))
    np.testing.assert_allclose(logit, crops[0][:, 0, 0, 1] - crops[0][:, 0, 0, 0], atol=1e-6)
    assert isinstance(module.embed, torch.nn.Flatten)


# ---------------------------------------------------------------- refusals


def test_an_embedding_of_another_width_is_refused(crops):
    module = small_net()
    module.embedding_dim = 7
    with pytest.raises(
        RequestError, match=r"Small.embed returned .* \(60, 4\) for 60 pictures; \(60, 7\) was expected"
    ):
        embed(module, *of_crops(crops), device="cpu")


def test_an_embedding_that_is_an_image_is_refused(crops):
    class Unpooled(Small):
        def embed(self, x):
            return self.conv(x)

        def forward(self, x):
            return self.embed(x).mean(dim=(2, 3))[:, :2]

    with pytest.raises(RequestError, match=r"Unpooled.embed returned .* \(60, 8, 5, 5\) .* \(60, 4\) was expected"):
        embed(Unpooled(), *of_crops(crops), device="cpu")


def test_an_answer_that_is_not_finite_names_the_row(crops):
    images, counts = crops
    images[4, 0] = 1e30

    class Squaring(Small):
        def embed(self, x):
            return super().embed(x**2)

    with pytest.raises(ImageError, match="the pictures of row 4 holds NaN or infinity") as raised:
        embed(Squaring(), *of_crops(crops), device="cpu")
    assert raised.value.code == "embedding_not_finite"


def test_a_picture_that_is_not_finite_names_row_and_place(crops):
    pictures, counts = of_crops(crops)
    pictures[np.flatnonzero(np.repeat(np.arange(30), counts) == 5)[1], 0, 0, 0] = np.inf
    with pytest.raises(ImageError, match="Picture 1 of row 5 holds NaN") as raised:
        embed(small_net(), pictures, counts, device="cpu", batch_size=4)
    assert raised.value.code == "not_finite"


def test_slices_of_crops_that_are_not_finite_are_named(crops):
    images, counts = crops
    images[5, 1, 0, 0] = np.inf
    with pytest.raises(ImageError, match="The crop in row 5, slice 1, holds NaN"):
        crops_as_pictures(images, counts)


@pytest.mark.parametrize("count", [0, 4, -1])
def test_impossible_counts_are_refused(crops, count):
    images, counts = crops
    pictures = crops_as_pictures(images, counts.copy())
    counts[3] = count
    with pytest.raises(RequestError, match="Each row has 1 to 3 real slices"):
        crops_as_pictures(images, counts)
    with pytest.raises(RequestError, match="One count of 1 or more per row"):
        embed(small_net(), pictures, counts, device="cpu")


def test_pictures_of_another_rank_are_refused(crops):
    with pytest.raises(RequestError, match=r"the shapes are \(30, 12, 12\) and \(30,\)"):
        crops_as_pictures(crops[0][:, 0], crops[1])
    with pytest.raises(RequestError, match=r"theirs is \(30, 12, 12\)"):
        embed(small_net(), crops[0][:, 0], np.ones(30, int), device="cpu")


def test_batches_are_halved_where_memory_does_not_suffice(crops, caplog):
    class Heavy(Small):
        def forward(self, x):
            if len(x) > 8:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(x)

    module = Heavy()
    with caplog.at_level(logging.WARNING):
        embedding, _ = embed(module, *of_crops(crops), device="cpu", batch_size=20)
    assert "does not hold batches of 20; batches of 10 now" in caplog.text
    np.testing.assert_allclose(embedding, embed(module, *of_crops(crops), device="cpu", batch_size=5)[0], atol=1e-6)
