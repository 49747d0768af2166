"""Pictures of several channels, 3-D patches and readers of files train as arrays in memory do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from radiofuse.deep.training import examples as examples_module  # noqa: E402
from radiofuse.deep.training import pictures as pictures_module  # noqa: E402
from radiofuse.deep.training.examples import Examples  # noqa: E402
from radiofuse.deep.training.loop import train_encoder  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.errors import ImageError, RequestError  # noqa: E402

QUICK = Training(epochs=2, batch_size=4, learning_rate=1e-2, validation=0.3)


class AnyChannels(nn.Module):
    """A convolution of pictures or of patches, and a note of what it was shown."""

    embedding_dim = 4

    def __init__(self, channels: int, n_axes: int = 2):
        super().__init__()
        self.conv = (nn.Conv2d if n_axes == 2 else nn.Conv3d)(channels, 4, 3)
        self.classify, self.shown = nn.Linear(4, 2), []

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        self.shown.append(x.detach().clone())
        return torch.relu(self.conv(x)).flatten(2).mean(dim=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.embed(x))


class Reader:
    """Reads pictures when asked, a few at a time, and notes how many."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape, self.most = values, values.shape, 0

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        self.most = max(self.most, len(numbers))
        return self.values[numbers]


def net(channels: int, n_axes: int = 2) -> AnyChannels:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return AnyChannels(channels, n_axes)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def train(module, pictures, counts, **changes):
    labels, groups = np.arange(len(counts)) % 2, np.arange(len(counts))
    options = {"training": QUICK, "seed": 0, "device": "cpu", **changes}
    return train_encoder(module, pictures, counts, labels, groups=groups, **options)


def equal(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


COUNTS = np.array([1, 3, 1, 2, 2, 1, 1, 1])


@pytest.mark.parametrize("shape", [(3, 9, 8), (2, 4, 9, 8)])
def test_readers_and_mapped_files_train_the_weights_of_arrays(tmp_path, monkeypatch, shape):
    monkeypatch.setattr(pictures_module, "_BYTES_AT_ONCE", 4 * int(np.prod(shape)) * 3)
    values = noise(12, *shape)
    np.save(tmp_path / "pictures.npy", values)
    reader, mapped = Reader(values), np.load(tmp_path / "pictures.npy", mmap_mode="r")
    modules = [net(shape[0], len(shape) - 1) for _ in range(3)]
    histories = [train(module, each, COUNTS) for module, each in zip(modules, (values, reader, mapped), strict=True)]
    assert histories[0] == histories[1] == histories[2]
    assert equal(modules[0], modules[1]) and equal(modules[0], modules[2])
    assert reader.most <= 4  # never all twelve
    assert not equal(modules[0], net(shape[0], len(shape) - 1))


@pytest.mark.parametrize("shape", [(3, 9, 8), (3, 4, 9, 8)])
def test_all_channels_of_a_picture_are_moved_alike(shape):
    one = noise(8, 1, *shape[1:])
    module = net(shape[0], len(shape) - 1)
    training = Training(epochs=1, batch_size=4, rotation_deg=40.0, crop=0.7, scale=0.2)
    train(module, np.broadcast_to(one, (8, *shape)), np.ones(8, int), training=training)
    for x in module.shown:
        assert torch.equal(x[:, 0], x[:, 1]) and torch.equal(x[:, 0], x[:, 2])
    assert not any(np.array_equal(x[0], original) for x in module.shown[0][:, :1] for original in one)


def test_pictures_held_out_are_never_moved_nor_brightened():
    values, module = noise(12, 2, 9, 9), net(2)
    changes = {"crop": 0.5, "scale": 0.3, "intensity_gain": 0.5, "intensity_shift": 1.0, "noise": 1.0, "mixup": 1.0}
    train(module, values, np.ones(12, int), training=replace(QUICK, **changes))
    known = {value.tobytes() for value in values}
    shown = [x.numpy().tobytes() for batch in module.shown for x in batch]
    n_held, n_trained = 4, 8
    assert len(shown) == 2 * (n_trained + n_held)
    assert sum(x in known for x in shown) == 2 * n_held


def test_pictures_that_fit_lie_on_the_device_as_a_whole(monkeypatch):
    values, device = noise(12, 1, 4, 4), torch.device("cpu")
    labels, chosen = np.arange(8) % 2, np.arange(8) > 2
    read = Examples.of(values, COUNTS, labels, device, chosen)
    monkeypatch.setattr(examples_module, "_fits", lambda device, n_bytes: n_bytes == 4 * 7 * 16)
    whole = Examples.of(values, COUNTS, labels, device, chosen)
    assert isinstance(whole.source, torch.Tensor) and len(whole) == len(read) == 7
    order = torch.tensor([6, 0, 3]).split(2)
    assert all(map(torch.equal, whole.batches(order), read.batches(order)))
    assert torch.equal(read.batch(torch.tensor([0])), torch.from_numpy(values[5:6]))
    assert whole.rows.tolist() == [3, 3, 4, 4, 5, 6, 7] and whole.labels.tolist() == [1, 1, 0, 0, 1, 0, 1]


def test_a_broken_picture_is_named_by_its_row(monkeypatch):
    monkeypatch.setattr(pictures_module, "_BYTES_AT_ONCE", 1)
    values = noise(12, 2, 4, 4)
    values[3, 1, 2, 2] = np.inf
    with pytest.raises(ImageError, match="Picture 2 of row 1 holds NaN or infinite") as raised:
        train(net(2), Reader(values), COUNTS)
    assert raised.value.code == "not_finite"


@pytest.mark.parametrize(
    ("shape", "counts", "sentence"),
    [
        ((12, 8, 8), COUNTS, r"were expected; theirs is \(12, 8, 8\). Crops become pictures by crops_as_pictures"),
        ((11, 1, 8, 8), COUNTS, "11 pictures came with counts of shape .* that sum to 12"),
        ((8, 1, 8, 8), np.array([0, 2, 1, 1, 1, 1, 1, 1]), "One count of 1 or more per row was expected"),
    ],
)
def test_pictures_of_other_rows_are_refused(shape, counts, sentence):
    with pytest.raises(RequestError, match=sentence):
        train(net(1), np.zeros(shape, np.float32), counts)
