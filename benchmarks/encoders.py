"""How fast are encoders beside what a textbook writes, and what does a second run cost? Both sides come from this run.

    python benchmarks/encoders.py [--encoder san10_small] [--device cuda] [--crops 80] [--epochs 15] [--shelf resnet18]

First each encoder of the shelf, of few weights, with one channel and with three: images per second in training, beside
a loop over torch's DataLoader with the same network and batch; embedding, beside one image at a time; a second run,
which takes what is stored. Ours looks all pictures through beforehand and measures the moments of batch normalization
anew behind the last epoch. Encoders of MONAI are left out where it is not installed.

Then SA-Net beside plain versions of itself. Crops are noise of 72 x 72 pixels. On a CPU one thread computes, and its
own seconds are counted. The plain versions use the same weights: one gathers windows with torch's unfold and normalizes
with torch's batch normalization, the other walks over the pixels. Their answers are asserted to be equal. The last
lines train an encoder through the cache, and again.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from training_loops import SHELF, compare_loops, run_twice

from radiofuse.deep import EncoderCache, EncoderSpec, Training, make_encoder
from radiofuse.deep.encoders.choices import ENCODERS
from radiofuse.deep.encoders.sanet import Pointwise, SANet
from radiofuse.deep.encoders.window_kernels import SHARE
from radiofuse.imaging import CropIndex, Crops, row_type, write_crops

SIZE = 72
REPEATS = 10


def conv(layer: Pointwise, x: Tensor) -> Tensor:
    """Return the 1x1 convolution of images (n, c, h, w)."""
    return functional.conv2d(x, layer.weight[:, :, None, None], layer.bias)


def norm_relu(layer: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Return images (n, c, h, w) normalized by torch, and rectified."""
    moments = (None, None) if layer.training else (layer.running_mean, layer.running_var)
    return functional.batch_norm(x, *moments, layer.weight, layer.bias, layer.training).relu()


def scores_of(attention: nn.Module, relation: Tensor) -> Tensor:
    """Return the weights (n, maps, k*k, pixels) that relations (n, c, k*k, pixels) amount to."""
    squeeze, norm, expand = attention.gamma
    relation = conv(squeeze, norm_relu(attention.relate, relation))
    return conv(expand, norm_relu(norm, relation)).softmax(dim=2)


def embedded(attention: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return phi and psi with the position appended, and beta, of images (n, c, h, w)."""
    phi, psi, beta = conv(attention.phi_psi_beta, x).split(attention.sizes, dim=1)
    axes = [torch.linspace(-1, 1, size, device=x.device) for size in x.shape[2:]]
    grid = torch.stack(torch.meshgrid(axes, indexing="ij"))[None]  # (1, 2, h, w)
    place = conv(attention.position, grid).expand(len(x), -1, -1, -1)
    return torch.cat([phi, place], 1), torch.cat([psi, place], 1), beta


def by_unfold(attention: nn.Module, x: Tensor) -> Tensor:
    """Return pairwise attention with all windows gathered by ``unfold``, as most re-implementations do."""
    k, (n, _, h, w) = attention.kernel, x.shape
    center, *padded = embedded(attention, x)
    neighbor, value = (
        functional.unfold(functional.pad(each, (k // 2,) * 4, mode="reflect"), k).view(n, -1, k * k, h * w)
        for each in padded
    )
    weights = scores_of(attention, center.flatten(2)[:, :, None] - neighbor)
    value = value.unflatten(1, (SHARE, -1))  # (n, share, maps, k*k, h*w)
    return (weights[:, None] * value).sum(dim=3).view(n, -1, h, w)


def by_pixels(attention: nn.Module, x: Tensor) -> Tensor:
    """Return pairwise attention pixel by pixel, as the equation is written; in eval mode."""
    k, (n, _, h, w) = attention.kernel, x.shape
    center, *padded = embedded(attention, x)
    neighbor, value = (functional.pad(each, (k // 2,) * 4, mode="reflect") for each in padded)
    out = x.new_empty(n, value.shape[1], h, w)
    for row in range(h):
        for column in range(w):
            here = (..., slice(row, row + k), slice(column, column + k))
            relation = center[:, :, row, column, None] - neighbor[here].flatten(2)  # (n, c, k*k)
            weights = scores_of(attention, relation[..., None])[..., 0]  # (n, maps, k*k)
            values = value[here].flatten(2).unflatten(1, (SHARE, -1))  # (n, share, maps, k*k)
            out[:, :, row, column] = (weights[:, None] * values).sum(dim=3).flatten(1)
    return out


def plain_embed(net: SANet, x: Tensor, attend: Callable[[nn.Module, Tensor], Tensor]) -> Tensor:
    """Return what ``net.embed`` returns, images first and channels second throughout."""
    x = norm_relu(net.stem.norm, conv(net.stem.widen, x))
    for stage in net.stages:
        x = conv(stage.widen, functional.max_pool2d(x, 2))
        for block in stage.blocks:
            narrow = attend(block.attention, norm_relu(block.norm_in, x))
            x = conv(block.expand, norm_relu(block.norm_out, narrow)) + x
        x = norm_relu(stage.norm, x)
    return net.axes(x.mean(dim=(2, 3)))


def seconds(work: Callable[[], object], device: torch.device, repeats: int = REPEATS) -> float:
    """Return the least time of several runs after one that warms up: CPU time, or wall time of a GPU."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    times = []
    for _ in range(repeats + 1):
        start = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times[1:] or times)


def training_step(net: SANet, embed: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """Return one step of Adam: forward, backward, update."""
    optimizer = torch.optim.Adam(net.parameters(), fused=True)
    y = torch.arange(len(x), device=x.device) % 2

    def step() -> None:
        net.train()
        optimizer.zero_grad()
        functional.cross_entropy(net.classify(embed(x)), y).backward()
        optimizer.step()

    return step


def inference(net: SANet, embed: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    """Return a pass that embeds crops."""

    @torch.inference_mode()
    def forward() -> Tensor:
        return embed(x)

    return forward


def compare(name: str, device: torch.device) -> None:
    """Print crops per second of training and embedding, ours and plain, and their ratios."""
    net = make_encoder(name, 0).to(device)
    versions = {
        "ours": net.embed,
        "unfold": lambda x: plain_embed(net, x, by_unfold),
        "pixels": lambda x: plain_embed(net, x, by_pixels),
    }
    images = torch.randn(32, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0)).to(device)
    speeds = {}
    for which in ("ours", "unfold"):
        step = training_step(net, versions[which], images[:16])
        speeds["training, batch 16", which] = 16 / seconds(step, device)
    net.eval()
    expected = versions["ours"](images[:2])
    for which, n, repeats in (("ours", 32, REPEATS), ("unfold", 32, REPEATS), ("pixels", 2, 0)):
        torch.testing.assert_close(versions[which](images[:2]), expected, rtol=1e-3, atol=1e-4)
        speeds["embedding", which] = n / seconds(inference(net, versions[which], images[:n]), device, repeats)
    for (work, which), speed in speeds.items():
        ratio = "" if which == "ours" else f"   ours is {speeds[work, 'ours'] / speed:.3g} x as fast"
        print(f"{work:<20}{which:<8}{speed:>10.4g} crops/s{ratio}")


def write_noise(folder: Path, n: int) -> Crops:
    """Return a crop file of noise, one slice per sample."""
    kind, rng = row_type(1, SIZE), np.random.default_rng(0)
    records = np.zeros(n, kind)
    records["count"], records["mask"] = 1, 1
    records["image"] = rng.normal(100, 10, size=records["image"].shape)
    names = [f"s{number:04d}" for number in range(n)]
    index = CropIndex({"cropping": {"size": SIZE, "slices": 1}}, names, ["t1"] * n, names)
    return Crops.open(write_crops(folder / "crops", index, kind, enumerate(records)))


def fit_twice(spec: EncoderSpec, n: int) -> None:
    """Print what training through the cache and embedding cost, the first time and the second."""
    with tempfile.TemporaryDirectory() as folder:
        crops, cache = write_noise(Path(folder), n), EncoderCache(Path(folder) / "store")
        rows, labels = list(range(n)), np.arange(n) % 2
        results = []
        for run in ("first", "second"):
            start = time.perf_counter()
            trained = cache.encoder(spec, crops, rows, labels, rows, 0)
            between = time.perf_counter()
            results.append(cache.embeddings(trained, crops, rows))
            end = time.perf_counter()
            print(
                f"{run:<7} run: {n} crops x {spec.training.epochs} epochs {between - start:8.3f} s, "
                f"embeddings {end - between:7.3f} s"
            )
        assert np.array_equal(*results)


def compare_shelf(names: list[str], options: argparse.Namespace) -> None:
    """Print loops, embedding and a second run of each encoder, with one channel and with three."""
    for name in names:
        if find_spec("monai") is None and "monai" in ENCODERS[name]:
            print(f"{name} is left out: MONAI is not installed.")
            continue
        for channels in (1, 3):
            how = {"epochs": options.loop_epochs, "device": options.device}
            compare_loops(name, channels, SIZE, options.crops, **how)
            run_twice(name, channels, SIZE, options.crops, **how)


def peak_memory_mib(device: torch.device) -> float:
    """Return the most memory this process held: on the GPU if it computed there."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    """Compare the shelf, then SA-Net with plain versions of it, which runs twice through the cache."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="san10_small", help="a pairwise encoder that takes 72 x 72 pixels")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--crops", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument(
        "--shelf", nargs="*", choices=SHELF, default=list(SHELF), help="encoders beside a textbook loop"
    )
    parser.add_argument("--loop-epochs", type=int, default=4, help="of these loops")
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(options.device)
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}")
    print(f"\nThe shelf on {device}, {options.crops} images of {SIZE} x {SIZE}, batch 16")
    compare_shelf(options.shelf, options)
    print(f"\n{options.encoder} on {device}")
    compare(options.encoder, device)
    fit_twice(EncoderSpec(options.encoder, Training(epochs=options.epochs), options.device), options.crops)
    print(f"peak memory {peak_memory_mib(device):.0f} MiB")


if __name__ == "__main__":
    main()
