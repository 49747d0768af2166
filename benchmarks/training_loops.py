"""Training and embedding by the package beside what a textbook writes; called by ``encoders.py``, which prints both."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from radiofuse.deep import EncoderCache, EncoderSpec, Training, make_encoder
from radiofuse.deep.encoders.embedding import embed
from radiofuse.deep.training.loop import train_encoder
from radiofuse.store.arrays import ArrayBlock, ArrayStore
from radiofuse.store.pictures import PictureRow, Pictures, write_pictures

BATCH = 16
SHELF = {  # name: options that leave as many weights as a CPU trains in seconds
    "san10_small": {},
    "vgg16_attention": {"width": 0.125},
    "mobilenet_v2": {"width": 0.25},
    "resnet18": {"width": 0.25},
    "densenet121": {"width": 0.125},
    "efficientnet_b2": {"width": 0.25},
}


def noise(n: int, channels: int, size: int) -> np.ndarray:
    """Return pictures of noise, float32 of shape (n, channels, size, size)."""
    return np.random.default_rng(0).standard_normal((n, channels, size, size), dtype=np.float32)


def textbook_training(net: nn.Module, pictures: np.ndarray, labels: np.ndarray, epochs: int, device: str) -> None:
    """Train as tutorials do: a DataLoader without workers, Adam, cross-entropy."""
    data = TensorDataset(torch.from_numpy(pictures), torch.from_numpy(labels))
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=0)
    net.to(device).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()


def our_training(net: nn.Module, pictures: np.ndarray, labels: np.ndarray, epochs: int, device: str) -> None:
    """Train by the package: the same work, the moments of batch normalization measured anew at the end."""
    training = Training(epochs=epochs, batch_size=BATCH, learning_rate=1e-3, flips=False, rotation_deg=0.0)
    rows = {"counts": np.ones(len(labels), int), "labels": labels, "groups": np.arange(len(labels))}
    train_encoder(net, pictures, **rows, training=training, seed=0, device=device)


def textbook_embedding(net: nn.Module, pictures: np.ndarray, device: str) -> np.ndarray:
    """Embed one image at a time."""
    net.to(device).eval()
    with torch.inference_mode():
        return np.concatenate([net.embed(torch.from_numpy(one[None]).to(device)).cpu().numpy() for one in pictures])


def our_embedding(net: nn.Module, pictures: np.ndarray, device: str) -> np.ndarray:
    """Embed by the package, in batches; the logits come along."""
    return embed(net, pictures, np.ones(len(pictures), int), device=device)[0]


def seconds(work: Callable[[], object], device: str, repeats: int) -> float:
    """Return the least time of several runs: CPU time, or wall time of a GPU."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = []
    for _ in range(repeats):
        start = clock()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times)


def compare_loops(name: str, channels: int, size: int, n: int, *, epochs: int, device: str, repeats: int = 2) -> None:
    """Print images per second of both loops and of both ways to embed, and their ratios."""
    pictures, labels = noise(n, channels, size), np.arange(n) % 2
    options = {**SHELF.get(name, {}), "channels": channels}
    speeds = {}
    for which, train in (("textbook", textbook_training), ("ours", our_training)):
        nets = iter([make_encoder(name, 0, options=options) for _ in range(repeats)])
        work = lambda train=train, nets=nets: train(next(nets), pictures, labels, epochs, device)  # noqa: E731
        speeds["training", which] = n * epochs / seconds(work, device, repeats)
    net = make_encoder(name, 0, options=options)
    answers = [how(net, pictures[:4], device) for how in (textbook_embedding, our_embedding)]
    np.testing.assert_allclose(*answers, rtol=1e-3, atol=1e-4)
    for which, how in (("textbook", textbook_embedding), ("ours", our_embedding)):
        speeds["embedding", which] = n / seconds(lambda how=how: how(net, pictures, device), device, repeats)
    for work in ("training", "embedding"):
        theirs, ours = speeds[work, "textbook"], speeds[work, "ours"]
        print(
            f"{name:<16}{channels} channels  {work:<10} textbook {theirs:>7.1f} images/s   ours {ours:>7.1f}   "
            f"ratio {ours / theirs:.2f}"
        )


def pictures_in_store(folder: Path, n: int, channels: int, size: int) -> Pictures:
    """Return pictures of noise in a store of arrays, one of each sample."""
    store, block = ArrayStore(folder), ArrayBlock("stack", {"noise": size})
    names = [f"s{number:04d}" for number in range(n)]
    for name, image in zip(names, noise(n, channels, size), strict=True):
        store.write(block, name, {"image": image[None], "mask": np.ones((1, size, size), np.uint8)})
    return write_pictures(store, [PictureRow(name, "stack", block, name) for name in names], {})


def run_twice(name: str, channels: int, size: int, n: int, *, epochs: int, device: str) -> None:
    """Print what training and embedding through the cache cost, the first time and the second, and the ratio."""
    spec = EncoderSpec(name, Training(epochs=epochs), device, {**SHELF.get(name, {}), "channels": channels})
    with tempfile.TemporaryDirectory() as folder:
        pictures, cache = pictures_in_store(Path(folder), n, channels, size), EncoderCache(Path(folder))
        rows, spent, answers = list(range(n)), [], []
        for _ in range(2):
            start = time.perf_counter()
            trained = cache.encoder(spec, pictures, rows, [row % 2 for row in rows], rows, 0)
            answers.append(cache.embeddings(trained, pictures, rows, device=device))
            spent.append(time.perf_counter() - start)
    assert np.array_equal(*answers)
    print(
        f"{name:<16}{channels} channels  cached     first {spent[0]:.2f} s, second {spent[1]:.3f} s   "
        f"ratio {spent[0] / spent[1]:.0f}"
    )
