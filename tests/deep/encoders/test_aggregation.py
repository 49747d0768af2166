"""From what is said of slices to the patient: by the mean embedding, by the largest slice, by attention."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_nets import Small, noise_crops, small_net  # noqa: E402
from tiny_crops import TINY, TRAINING, labels, make_crops  # noqa: E402

from radiofuse.deep import CropClassifier, CropEncoder, EncoderSpec, Training, embed, slice_weights  # noqa: E402
from radiofuse.deep.aggregation import Said  # noqa: E402
from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.encoders.gated_attention import GatedAttention  # noqa: E402
from radiofuse.deep.training.pooling import fit_pooling  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

PICTURES = noise_crops(9)["images"]  # (9, 1, 12, 12)
COUNTS = np.array([1, 3, 5])


def of_rows(aggregate, module, **options):
    return embed(module, PICTURES, COUNTS, device="cpu", aggregate=aggregate, **options)


class Bent(Small):
    """A layer behind the embedding that is not linear."""

    def __init__(self):
        super().__init__()
        self.classify = torch.nn.Sequential(torch.nn.Tanh(), torch.nn.Linear(4, 2))


class Odd(Small):
    def forward(self, x):
        return self.classify(self.embed(x)) + 1 + x.mean(dim=(1, 2, 3))[:, None] * torch.tensor([0.0, 9.0])


def test_the_mean_embedding_is_what_the_last_layer_is_asked_about():
    torch.manual_seed(0)
    bent = Bent()
    embedding, logit = of_rows("mean_embedding", bent)
    with torch.no_grad():
        wanted = bent.classify(torch.from_numpy(embedding))
    np.testing.assert_allclose(logit, wanted[:, 1] - wanted[:, 0], atol=1e-6)
    assert not np.allclose(logit, of_rows("mean_logit", bent)[1], atol=1e-4)
    linear = small_net()
    np.testing.assert_allclose(of_rows("mean_embedding", linear)[1], of_rows("mean_logit", linear)[1], atol=1e-6)
    with pytest.raises(RequestError, match="forward is not its classify of its embed"):
        of_rows("mean_embedding", Odd())


def test_the_largest_slice_speaks_alone():
    module, largest = small_net(), np.array([0, 2, 1])
    embedding, logit = of_rows("largest", module, largest=largest)
    alone = embed(module, PICTURES[[0, 3, 5]], np.ones(3, int), device="cpu")
    np.testing.assert_allclose(embedding, alone[0], atol=1e-6)
    np.testing.assert_allclose(logit, alone[1], atol=1e-6)
    first = embed(module, PICTURES[[0, 1, 4]], np.ones(3, int), device="cpu")
    np.testing.assert_allclose(of_rows("largest", module)[1], first[1], atol=1e-6)


def test_attention_begins_as_the_mean_and_is_asked_for_where_there_is_none():
    module = small_net()
    with pytest.raises(RequestError, match="has no attention over slices"):
        of_rows("attention", module)
    module.pooling = GatedAttention(4)
    np.testing.assert_allclose(of_rows("attention", module)[1], of_rows("mean_embedding", module)[1], atol=1e-6)


def bags(seed, n=60):
    """One slice of each patient shows the class on the first axis and says on the second that it does."""
    rng = np.random.default_rng(seed)
    y, counts = np.arange(n) % 2, np.full(n, 5)
    embedding = rng.normal(size=(n, 5, 2)) * [1.0, 0.1]
    telling = rng.integers(5, size=n)
    embedding[np.arange(n), telling] = np.column_stack([2.0 * y - 1, np.full(n, 2.0)])
    return embedding.reshape(-1, 2).astype(np.float32), counts, y, telling


def test_attention_learns_which_slice_tells_and_no_more_than_that():
    classify = torch.nn.Linear(2, 2, bias=False)
    classify.weight.data = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    before = classify.weight.detach().clone()

    def said(embedding, counts):
        logits = embedding @ classify.weight.detach().numpy().T
        weigh = lambda of_row: pooling(torch.from_numpy(of_row)).detach().numpy()  # noqa: E731
        return Said(embedding, logits, counts, np.zeros(len(counts), int), None, weigh)

    embedding, counts, y, _ = bags(0)
    pooling = fit_pooling(said(embedding, counts), classify, y, seed=3)
    again = fit_pooling(said(embedding, counts), classify, y, seed=3)
    assert all(torch.equal(one, other) for one, other in zip(pooling.parameters(), again.parameters(), strict=True))
    assert torch.equal(classify.weight, before) and classify.weight.grad is None
    new, counts, _, telling = bags(1)
    weights = np.stack(said(new, counts).weights)
    assert np.mean(weights.argmax(axis=1) == telling) > 0.95
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


def test_attention_goes_with_the_weights_and_the_network_is_that_of_the_mean(tmp_path):
    crops = make_crops(tmp_path / "crops", n=32, signal=1.0)
    X = crops.pointer_table()
    shared = {"crops": crops, "cache": tmp_path, "training": TRAINING, "device": "cpu", "random_state": 0}
    model, usual = (
        CropClassifier(TINY, aggregate=way, **shared).fit(X[:24], labels(X)[:24]) for way in ("attention", "mean_logit")
    )
    trained = model.encoder_
    assert trained.key != usual.encoder_.key
    for name, tensor in usual.encoder_.module().state_dict().items():
        assert torch.equal(trained.module().state_dict()[name], tensor)
    moved = model.portable(tmp_path / "bundle").attached(weights=tmp_path / "bundle", crops=crops, cache=tmp_path / "b")
    assert np.array_equal(moved.predict_proba(X[24:]), model.predict_proba(X[24:]))
    rows = list(range(24, 32))
    weights = slice_weights(trained, crops, rows, device="cpu")
    assert [len(of_row) for of_row in weights] == crops.counts(rows).tolist()
    assert sum(map(sum, weights)) == pytest.approx(8)
    with pytest.raises(RequestError, match="trained without aggregate"):
        slice_weights(usual.encoder_, crops, rows)
    features = CropEncoder(TINY, aggregate="largest", cv=2, **shared).fit(X[:24], labels(X)[:24])
    first = EncoderCache(tmp_path).embeddings(features.encoder_, crops, rows, device="cpu", aggregate="largest")
    assert np.array_equal(features.transform(X[24:]), first[:, :4])
    frozen = EncoderSpec(
        TINY, Training.from_options(TRAINING), "cpu", {"frozen": True, "weights": None}, aggregate="attention"
    )
    with pytest.raises(RequestError, match="frozen"):
        EncoderCache(tmp_path).encoder(frozen, crops, range(24), labels(X)[:24], range(24), 0)
