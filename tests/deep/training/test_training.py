"""The loop: it learns, it repeats itself to the bit, it continues where it was killed, it keeps the best epoch."""

from __future__ import annotations

import hashlib
import io
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from small_nets import Small, noise_crops, small_net  # noqa: E402

from radiofuse.deep.encoders.by_name import make_encoder  # noqa: E402
from radiofuse.deep.encoders.embedding import embed  # noqa: E402
from radiofuse.deep.pictures import crops_as_pictures  # noqa: E402
from radiofuse.deep.scaling import fit_scaling, scaled  # noqa: E402
from radiofuse.deep.training.loop import train_encoder  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.errors import CohortError, ImageError, RequestError  # noqa: E402
from radiofuse.imaging import Cropping, read_pair, tumor_crops  # noqa: E402

QUICK = Training(epochs=4, batch_size=8, learning_rate=1e-2)
BY_HEART = Training(epochs=40, batch_size=8, learning_rate=3e-3, flips=False, rotation_deg=0.0)


def train(module, crops, training=QUICK, *, seed=0, **options):
    pictures = crops_as_pictures(crops["images"], crops["counts"])
    rows = {name: crops[name] for name in ("counts", "labels", "groups")}
    return train_encoder(module, pictures, **rows, training=training, seed=seed, device="cpu", **options)


def weights_of(module) -> bytes:
    buffer = io.BytesIO()
    for tensor in module.state_dict().values():
        buffer.write(tensor.numpy().tobytes())
    return buffer.getvalue()


# ---------------------------------------------------------------- it learns


def assert_learns_by_heart(images: np.ndarray, masks: np.ndarray) -> None:
    counts, labels = np.ones(8, dtype=int), np.arange(8) // 2 % 2
    images = scaled(images, counts, fit_scaling("z_score", images, masks[:, 0], counts))
    module = make_encoder("san10_small", 0)
    history = train(module, {"images": images, "counts": counts, "labels": labels, "groups": np.arange(8)}, BY_HEART)
    assert history.losses[0] > 0.3
    assert history.losses[-1] < 0.05
    assert ((embed(module, images, counts, device="cpu")[1] > 0) == labels).all()


@pytest.mark.data
def test_eight_real_tumors_are_learned_by_heart(data_dir):
    folder = data_dir / "brats20_tcga_roi"
    cohort = pd.read_csv(folder / "cohort.csv").head(8)
    files = zip(cohort["t1ce__image"], cohort["mask"], strict=True)
    crops = [tumor_crops(read_pair(folder / image, folder / mask), Cropping()) for image, mask in files]
    assert_learns_by_heart(np.stack([crop.images for crop in crops]), np.stack([crop.masks for crop in crops]))


def test_eight_generated_crops_are_learned_by_heart():
    images = np.random.default_rng(0).normal(100, 20, size=(8, 1, 72, 72)).astype(np.float32)
    assert_learns_by_heart(images, np.ones(images.shape, np.uint8))


def test_a_signal_is_found_through_flips_and_rotations():
    crops = noise_crops(64, signal=0.0)
    crops["images"][1::2] *= 2
    module = small_net()
    history = train(module, crops, Training(epochs=20, batch_size=8, learning_rate=1e-2, schedule="cosine"))
    assert history.losses[-1] < 0.5 * history.losses[0]
    assert (history.best_epoch, history.batch_size, history.device) == (20, 8, "cpu")
    assert not module.training


# ---------------------------------------------------------------- the same bits


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    crops, modules = noise_crops(20), [small_net() for _ in range(3)]
    histories = [train(module, crops, seed=seed) for module, seed in zip(modules, (1, 1, 2), strict=True)]
    assert histories[0] == histories[1]
    assert weights_of(modules[0]) == weights_of(modules[1])
    assert weights_of(modules[0]) != weights_of(modules[2])


OTHER_PROCESS = """
import hashlib, sys; sys.path.append('..')
import torch, test_training as t
torch.set_num_threads(2); torch.manual_seed(99); torch.rand(5)
module = t.small_net()
t.train(module, t.noise_crops(20), seed=1)
print(hashlib.sha256(t.weights_of(module)).hexdigest())
"""


def test_another_process_with_other_threads_gives_the_same_bits():
    module = small_net()
    train(module, noise_crops(20), seed=1)
    command = [sys.executable, "-c", OTHER_PROCESS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=True)
    assert done.stdout.strip() == hashlib.sha256(weights_of(module)).hexdigest()


def test_no_global_generator_is_touched():
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    train(small_net(), noise_crops(20), Training(epochs=1, validation=0.3, balance="sampler"))
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()  # noqa: NPY002


class Coarse(Small):
    """Notes what torch is asked for, and may ask for an algorithm that there is not."""

    fails = False

    def forward(self, x):
        self.asked = torch.are_deterministic_algorithms_enabled()
        if self.fails:
            raise RuntimeError("blur_cuda does not have a deterministic implementation, but you set it. You can")
        return super().forward(x)


def test_deterministic_algorithms_are_asked_for_inside_alone():
    module = Coarse()
    train(module, noise_crops(8), replace(QUICK, deterministic=True))
    assert module.asked and not torch.are_deterministic_algorithms_enabled()
    train(module, noise_crops(8))
    assert not module.asked
    module.fails = True
    with pytest.raises(RequestError, match="no such algorithm of a layer here: blur_cuda does not have .*"):
        train(module, noise_crops(8), replace(QUICK, deterministic=True))
    assert not torch.are_deterministic_algorithms_enabled()


# ---------------------------------------------------------------- killed and resumed


class Killed:
    """Ctrl-C after some epochs."""

    def __init__(self, after: int):
        self.after = after

    def __call__(self, done: int, total: int) -> None:
        if done == self.after:
            raise KeyboardInterrupt


LONG = Training(epochs=6, batch_size=8, learning_rate=1e-2, validation=0.3, schedule="cosine", balance="sampler")


SHORT_WAIT = {"schedule": "plateau", "schedule_epochs": 1, "schedule_factor": 0.5}
OTHER_WAYS = [
    {"optimizer": "sgd", "mixup": 0.4, "balance": "oversampling", "schedule": "step", "schedule_epochs": 2},
    {"optimizer": "adamw", "weight_decay": 0.1, "focal_gamma": 2.0, "label_smoothing": 0.1, "gradient_clip": 0.1},
    {"watch": "auc", **SHORT_WAIT, "crop": 0.8, "noise": 0.1, "warm_up": {"method": "simsiam", "epochs": 2}},
    {"validation": 0.0, "balance": "none", "shuffle": False, **SHORT_WAIT},
]


@pytest.mark.parametrize(
    ("kills", "changes"), [((1,), {}), ((2, 5), {}), ((6,), {}), *(((3,), changes) for changes in OTHER_WAYS)]
)
def test_a_killed_training_continues_to_the_same_bits(tmp_path, kills, changes):
    crops, whole, broken, training = noise_crops(24), small_net(), small_net(), replace(LONG, **changes)
    expected, checkpoint, epochs = train(whole, crops, training), tmp_path / "state", []
    for after in kills:
        with pytest.raises(KeyboardInterrupt):
            train(small_net(), crops, training, checkpoint=checkpoint, checkpoint_every_s=0, on_epoch=Killed(after))
    history = train(broken, crops, training, checkpoint=checkpoint, on_epoch=lambda done, _: epochs.append(done))
    assert epochs == list(range(kills[-1] + 1, 7))
    assert history == expected
    assert weights_of(broken) == weights_of(whole)
    assert list(tmp_path.iterdir()) == []


class KilledInside(Small):
    """Ctrl-C in the middle of an epoch."""

    left = 9  # passes

    def forward(self, x):
        self.left -= torch.is_grad_enabled()
        if not self.left:
            raise KeyboardInterrupt
        return super().forward(x)


def test_a_training_killed_inside_an_epoch_repeats_that_epoch(tmp_path):
    crops, whole, broken, killed = noise_crops(24), small_net(), small_net(), KilledInside()
    killed.load_state_dict(whole.state_dict())
    training, checkpoint, epochs = replace(QUICK, optimizer="sgd", mixup=0.4), tmp_path / "state", []
    train(whole, crops, training)
    with pytest.raises(KeyboardInterrupt):
        train(killed, crops, training, checkpoint=checkpoint, checkpoint_every_s=0)
    train(broken, crops, training, checkpoint=checkpoint, on_epoch=lambda done, _: epochs.append(done))
    assert epochs == [3, 4]
    assert weights_of(broken) == weights_of(whole)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("change", ["damage", "cut", "seed", "crops", "start"])
def test_a_checkpoint_that_is_damaged_or_of_another_training_is_not_used(tmp_path, caplog, change):
    checkpoint, crops, seed, start = tmp_path / "state", noise_crops(24), 0, 0
    with pytest.raises(KeyboardInterrupt):
        train(small_net(), crops, LONG, checkpoint=checkpoint, checkpoint_every_s=0, on_epoch=Killed(3))
    if change == "damage":
        damaged(checkpoint)
    elif change == "cut":
        checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    elif change == "crops":
        crops["images"][0, 0, 0, 0] += 1
    else:
        seed, start = {"seed": (1, 0), "start": (0, 1)}[change]
    whole, again = small_net(start), small_net(start)
    with caplog.at_level(logging.WARNING):
        train(again, crops, LONG, seed=seed, checkpoint=checkpoint)
    assert "damaged or another training's; this training starts at its first epoch" in caplog.text
    train(whole, crops, LONG, seed=seed)
    assert weights_of(again) == weights_of(whole)


def test_a_checkpoint_is_written_no_more_often_than_asked_for(tmp_path):
    found = []
    train(
        small_net(), noise_crops(8), checkpoint=tmp_path / "state", on_epoch=lambda *_: found.extend(tmp_path.iterdir())
    )
    assert found == []


def test_a_checkpoint_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        history = train(small_net(), noise_crops(8), checkpoint=tmp_path / "absent" / "state", checkpoint_every_s=0)
    assert len(history.losses) == QUICK.epochs
    assert "could not be written (No such file or directory); training goes on" in caplog.text


# ---------------------------------------------------------------- what is trained on


class Watching(Small):
    """Keeps what it is shown: the batches it learns from, and those of validation."""

    def __init__(self):
        super().__init__()
        self.learned, self.validated = [], []

    def forward(self, x):
        if torch.is_grad_enabled():
            self.learned.append(x.detach().clone())
        elif not self.training:
            self.validated.append(x.detach().clone())
        return super().forward(x)


PLAIN = {"flips": False, "rotation_deg": 0.0}


def numbered(n: int, *, slices: int = 1) -> dict[str, np.ndarray]:
    """Crops whose every pixel is 100 * row + slice, so that a batch tells what is in it."""
    crops = noise_crops(n, slices=slices)
    numbers = 100 * np.arange(n)[:, None] + np.arange(slices)
    crops["images"] = np.broadcast_to(numbers[..., None, None], crops["images"].shape).astype(np.float32).copy()
    return crops


def shown(batches: list[torch.Tensor]) -> list[int]:
    return [int(number) for batch in batches for number in batch[:, 0, 0, 0]]


def test_each_real_slice_is_shown_once_per_epoch_and_padding_never():
    crops, module = numbered(10, slices=3), Watching()
    crops["counts"] = np.arange(10) % 3 + 1
    for row, count in enumerate(crops["counts"]):
        crops["images"][row, count:] = np.nan
    train(module, crops, Training(epochs=2, batch_size=4, **PLAIN))
    real = [100 * row + number for row in range(10) for number in range(crops["counts"][row])]
    numbers = shown(module.learned)
    assert sorted(numbers[: len(real)]) == sorted(numbers[len(real) :]) == real
    assert numbers[: len(real)] != numbers[len(real) :]  # in another order


def test_steps_of_an_epoch_are_of_equal_size():
    """A last batch of one crop would be normalized by itself."""
    module = Watching()
    train(module, numbered(17), Training(epochs=1, batch_size=8, **PLAIN))
    assert [len(batch) for batch in module.learned] == [6, 6, 5]


def test_all_slices_of_a_row_have_its_label():
    crops, module = noise_crops(16, slices=2, signal=0.0), small_net()
    crops["counts"] = np.full(16, 2)
    crops["images"][1::2, 1] += 3  # only second slices tell the class
    train(module, crops, Training(epochs=30, batch_size=8, learning_rate=1e-2, **PLAIN))
    pictures = crops_as_pictures(crops["images"], crops["counts"])
    logit = embed(module, pictures, crops["counts"], device="cpu")[1]
    assert ((logit > np.median(logit)) == crops["labels"]).all()


@pytest.mark.parametrize("validation", [0.2, 0.5])
def test_validation_takes_whole_patients_of_both_classes(validation):
    crops, module = numbered(40), Watching()
    train(module, crops, Training(epochs=1, batch_size=8, validation=validation, **PLAIN))
    trained, held = ({n // 100 for n in shown(batches)} for batches in (module.learned, module.validated))
    assert not trained & held
    assert trained | held == set(range(40))
    patients = [{crops["groups"][row] for row in rows} for rows in (trained, held)]
    assert not patients[0] & patients[1]
    assert len(patients[1]) == 20 * validation
    assert {crops["labels"][row] for row in held} == {0, 1}


def test_who_is_held_out_depends_on_the_seed():
    held = []
    for seed in (0, 0, 1):
        module = Watching()
        train(module, numbered(40), Training(epochs=1, validation=0.3, **PLAIN), seed=seed)
        held.append(sorted(shown(module.validated)))
    assert held[0] == held[1] != held[2]


def test_the_epoch_with_the_lowest_validation_loss_is_kept_and_waiting_ends():
    crops, module, saved = noise_crops(24, signal=0.0), small_net(), {}
    options = Training(epochs=200, batch_size=8, learning_rate=3e-2, validation=0.3, patience=4)
    history = train(module, crops, options, on_epoch=lambda done, _: saved.update({done: weights_of(module)}))
    assert history.best_epoch == np.argmin(history.validation_losses) + 1
    assert len(history.losses) == history.best_epoch + 4 < 200
    assert weights_of(module) == saved[history.best_epoch] != saved[len(saved)]


def test_without_validation_the_last_epoch_is_kept():
    module, saved = small_net(), {}
    history = train(
        module, noise_crops(16), on_epoch=lambda done, total: saved.update({(done, total): module.axes.weight.tolist()})
    )
    assert history.validation_losses == []
    assert list(saved) == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert module.axes.weight.tolist() == saved[4, 4] != saved[3, 4]


@pytest.mark.parametrize("validation", [0.0, 0.3])
def test_batch_normalization_knows_the_moments_of_the_kept_weights(validation):
    crops, module = noise_crops(40), Watching()
    options = Training(epochs=3, batch_size=50, learning_rate=0.1, validation=validation, patience=1)
    train(module, crops, options)
    learned = torch.from_numpy(crops["images"])
    if validation:
        held = {x.numpy().tobytes() for batch in module.validated for x in batch}
        learned = torch.stack([x for x in learned if x.numpy().tobytes() not in held])
    maps = module.conv(learned)  # (n, 8, 5, 5)
    torch.testing.assert_close(module.norm.running_mean, maps.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(module.norm.running_var, maps.var(dim=(0, 2, 3)))
    assert module.norm.momentum == 0.1


# ---------------------------------------------------------------- balance


def unbalanced(n: int) -> dict[str, np.ndarray]:
    crops = numbered(n)
    crops["labels"] = (np.arange(n) % 10 == 0).astype(int)
    return crops


def test_the_sampler_shows_both_classes_equally_often():
    module = Watching()
    train(module, unbalanced(100), Training(epochs=10, batch_size=50, balance="sampler", **PLAIN))
    numbers = np.array(shown(module.learned)) // 100
    assert len(numbers) == 1000
    assert np.mean(numbers % 10 == 0) == pytest.approx(0.5, abs=0.05)  # 3 standard errors
    assert len(set(numbers)) > 90


def test_oversampling_repeats_training_patients_alone():
    crops, module = numbered(40), Watching()
    few = np.flatnonzero((np.arange(40) % 2 == 0) | (np.arange(40) < 16))  # 20 rows of one class, 8 of the other
    crops = {name: values[few] for name, values in crops.items()}
    train(module, crops, Training(epochs=1, batch_size=8, balance="oversampling", validation=0.25, **PLAIN))
    learned, held = (np.array(shown(batches)) // 100 for batches in (module.learned, module.validated))
    assert np.bincount(learned % 2).tolist() == [16, 16]
    assert set(learned) | set(held) == set(few) and len(held) == 4 + 2
    patients = np.array([f"p{row // 4 * 2 + row % 2}" for row in range(40)])
    assert not set(patients[learned]) & set(patients[held])


class Share(torch.nn.Module):
    """Says the same of every crop: its loss is lowest where the probability is the class's share."""

    embedding_dim = 2

    def __init__(self):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(2))

    def embed(self, x):
        return self.bias.expand(len(x), 2)

    def forward(self, x):
        return self.embed(x)


@pytest.mark.parametrize(("balance", "share"), [("none", 0.1), ("weights", 0.5), ("sampler", 0.5)])
def test_a_module_that_sees_nothing_learns_the_share_of_the_class(balance, share):
    module = Share()
    training = Training(epochs=60, batch_size=400, learning_rate=0.1, schedule="cosine", balance=balance, **PLAIN)
    train(module, unbalanced(400), training)
    assert module.bias.softmax(0)[1].item() == pytest.approx(share, abs=0.03)


# ---------------------------------------------------------------- too little memory


class Heavy(Small):
    """Memory for three crops, and a note of what it was shown."""

    most = 3

    def forward(self, x):
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x)


class Plain(Heavy):
    """Neither normalized by its batch nor drawing: a step in parts is the step."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = torch.nn.Identity(), torch.nn.Identity()


class Roomy(Plain):
    most = 100


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"balance": "weights", "label_smoothing": 0.1, "gradient_clip": 0.05},
        {"balance": "weights", "focal_gamma": 2.0, "mixup": 0.4, "validation": 0.3},
    ],
)
def test_a_step_in_parts_is_the_step_that_did_not_fit(caplog, tmp_path, changes):
    crops, heavy, roomy = unbalanced(22), Plain(), Roomy()
    crops["images"] = noise_crops(22)["images"]
    roomy.load_state_dict(heavy.state_dict())
    training = replace(QUICK, optimizer="sgd", **changes)
    with caplog.at_level(logging.WARNING):
        history = train(heavy, crops, training, checkpoint=tmp_path / "state")
    assert history.batch_size == 2
    assert "does not hold batches of 8; batches of 4 now" in caplog.text
    assert "does not hold batches of 4; batches of 2 now" in caplog.text
    expected = train(roomy, crops, training)
    assert history.losses == pytest.approx(expected.losses, rel=1e-4)
    assert history.validation_losses == pytest.approx(expected.validation_losses, rel=1e-4)
    for name, tensor in roomy.state_dict().items():
        torch.testing.assert_close(heavy.state_dict()[name], tensor, rtol=1e-3, atol=1e-5)


def test_a_killed_training_with_halved_batches_continues(tmp_path):
    crops, whole, broken = noise_crops(16), Heavy(), Heavy()
    broken.load_state_dict(whole.state_dict())
    other, epochs = Heavy(), []
    other.load_state_dict(whole.state_dict())
    expected = train(whole, crops)
    with pytest.raises(KeyboardInterrupt):
        train(other, crops, checkpoint=tmp_path / "state", checkpoint_every_s=0, on_epoch=Killed(3))
    history = train(broken, crops, checkpoint=tmp_path / "state", on_epoch=lambda done, _: epochs.append(done))
    assert (epochs, history) == ([4], expected)
    assert weights_of(broken) == weights_of(whole)


def test_memory_for_no_crop_at_all_is_refused():
    module = Heavy()
    module.most = 0
    with pytest.raises(RequestError, match='batch of one crop. Take a smaller encoder .* or pass device="cpu"'):
        train(module, noise_crops(8))


# ---------------------------------------------------------------- refusals


def test_one_class_only_is_refused():
    crops = noise_crops(8)
    crops["labels"] = np.ones(8, int)
    with pytest.raises(CohortError, match="Rows of both classes were expected, and of 8 rows all have label 1"):
        train(small_net(), crops)


def test_labels_other_than_0_and_1_are_refused():
    crops = noise_crops(8)
    crops["labels"] = crops["labels"] + 1
    with pytest.raises(RequestError, match=r"Labels 0 and 1 were expected, and the labels are \[1, 2\]"):
        train(small_net(), crops)


def test_a_crop_that_is_not_finite_is_refused_by_its_row():
    crops = noise_crops(8, slices=2)
    crops["counts"] = np.full(8, 2)
    crops["images"][6, 1, 3, 3] = np.nan
    with pytest.raises(ImageError, match="The crop in row 6, slice 1, holds NaN"):
        train(small_net(), crops)


def test_labels_of_other_rows_are_refused():
    crops = noise_crops(8)
    crops["labels"] = crops["labels"][:7]
    with pytest.raises(RequestError, match=r"for 8 rows the shapes are \(7,\) and \(8,\)"):
        train(small_net(), crops)


def test_validation_needs_two_patients_of_each_class():
    crops = noise_crops(8)
    crops["groups"] = np.array(["a", "b", "a", "c", "a", "d", "a", "e"])
    with pytest.raises(CohortError, match="one class has 1. Add patients, or pass validation=0"):
        train(small_net(), crops, Training(epochs=1, validation=0.2))


def test_logits_of_three_classes_are_refused():
    module = small_net()
    module.classify = torch.nn.Linear(4, 3)
    with pytest.raises(RequestError, match=r"Small.forward returned .* \(8, 3\) for 8 pictures; \(8, 2\) was expected"):
        train(module, noise_crops(16))


def test_a_loss_that_is_no_number_is_refused():
    with pytest.raises(RequestError, match="The loss of epoch . is not a finite number. Lower learning_rate"):
        train(small_net(), noise_crops(16), Training(epochs=9, learning_rate=1e30))
