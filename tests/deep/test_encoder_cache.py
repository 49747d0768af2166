"""Trained once, run once; nothing that belongs to other settings is ever used."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tiny_encoder  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402
from tiny_crops import IDENTITY, SIZE, TINY, TRAINING, make_crops  # noqa: E402

from radiofuse.deep import stored_embeddings  # noqa: E402
from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.encoders.by_name import feature_names, short_name  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.task import EncoderSpec  # noqa: E402
from radiofuse.errors import BundleError, CohortError, StoreError  # noqa: E402
from radiofuse.store import FeatureStore  # noqa: E402
from radiofuse.store.arrays import ArrayBlock, ArrayStore  # noqa: E402
from radiofuse.store.pictures import PictureRow, write_pictures  # noqa: E402

SPEC = EncoderSpec(TINY, Training.from_options(TRAINING), "cpu")
ROWS = list(range(16))
LABELS = [0, 1] * 8
GROUPS = [f"p{row // 2}" for row in ROWS]


@contextmanager
def forward_passes():
    """Count the modules that answer while the block runs."""
    count = []
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *_: count.append(1))
    try:
        yield count
    finally:
        handle.remove()


@pytest.fixture
def crops(tmp_path):
    return make_crops(tmp_path, signal=1.0)


@pytest.fixture
def cache(tmp_path):
    return EncoderCache(tmp_path / "store")


def train(cache, crops, *, spec=SPEC, rows=ROWS, labels=LABELS, groups=GROUPS, seed=3):
    return cache.encoder(spec, crops, rows, labels, groups, seed)


def test_an_encoder_is_trained_once(cache, crops):
    with forward_passes() as first:
        trained = train(cache, crops)
    with forward_passes() as second:
        again = train(EncoderCache(cache.root), crops)
    assert len(first) > 0
    assert len(second) == 0
    assert again.key == trained.key
    assert again.card == trained.card


def test_the_card_says_what_it_was_trained_on(cache, crops):
    trained = train(cache, crops)
    assert trained.training_ids == {f"s{row:02d}" for row in ROWS}
    assert trained.training_keys == {crops.keys[row] for row in ROWS}
    assert len(trained.card["training_pixels"]) == len(ROWS)
    assert trained.card["embedding_dim"] == 4
    real = [crops.images([row])[0][: crops.counts([row])[0]] for row in ROWS]
    mean, sd = trained.card["scaling"]
    assert mean == pytest.approx(np.concatenate(real).mean(), rel=1e-4)
    assert sd == pytest.approx(np.concatenate(real).std(), rel=1e-3)


def test_a_second_run_makes_no_forward_pass_and_gives_the_same_bytes(cache, crops):
    trained = train(cache, crops)
    with forward_passes() as first:
        before = cache.embeddings(trained, crops, range(24), device="cpu")
    with forward_passes() as second:
        after = EncoderCache(cache.root).embeddings(train(cache, crops), crops, range(24), device="cpu")
    assert len(first) > 0
    assert len(second) == 0
    assert before.tobytes() == after.tobytes()
    assert before.shape == (24, 5)
    assert before.dtype == np.float64


def test_only_missing_rows_are_run_and_no_row_depends_on_its_neighbors(cache, crops, tmp_path):
    trained = train(cache, crops)
    some = cache.embeddings(trained, crops, [20, 3, 9], device="cpu")
    with forward_passes() as count:
        every = cache.embeddings(trained, crops, range(24), device="cpu")
    with forward_passes() as count_of_all:
        elsewhere = EncoderCache(tmp_path / "other").embeddings(trained, crops, range(24), device="cpu")
    assert every[[20, 3, 9]].tobytes() == some.tobytes()
    assert elsewhere.tobytes() == every.tobytes()
    assert 0 < len(count) < len(count_of_all)  # batches of the 21 others, of all 24


def test_a_rows_bits_do_not_depend_on_the_rows_beside_it(tmp_path):
    """With layers wide enough that the order of sums follows the shape of a batch."""
    crops = make_crops(tmp_path, n=40, size=72)
    spec = replace(SPEC, encoder="san10_small", training=Training.from_options({**TRAINING, "epochs": 1}))
    trained = EncoderCache(tmp_path).encoder(spec, crops, [0, 1, 2, 3], [0, 1, 0, 1], list("abcd"), 0)
    every = EncoderCache(tmp_path / "all").embeddings(trained, crops, range(40), device="cpu")
    for number, some in enumerate(([39], [5, 4], list(range(7, 30)))):
        alone = EncoderCache(tmp_path / f"some_{number}").embeddings(trained, crops, some, device="cpu")
        assert alone.tobytes() == every[some].tobytes()


def test_the_logit_stands_last_and_follows_from_the_module(cache, crops):
    trained = train(cache, crops)
    answers = cache.embeddings(trained, crops, [5], device="cpu")
    n, (mean, sd) = crops.counts([5])[0], trained.card["scaling"]
    x = torch.from_numpy((crops.images([5])[0, :n, None] - np.float32(mean)) / np.float32(sd))
    module = trained.module()
    with torch.no_grad():
        z, e = module(x), module.embed(x)
    assert np.allclose(answers[0, :-1], e.mean(dim=0).numpy(), atol=1e-5)
    assert answers[0, -1] == pytest.approx(float((z[:, 1] - z[:, 0]).mean()), abs=1e-5)


def test_no_row_is_asked_of_nothing(cache, crops):
    assert cache.embeddings(train(cache, crops), crops, []).shape == (0, 5)


def test_embeddings_are_a_block_of_the_store(cache, crops):
    trained = train(cache, crops)
    answers = cache.embeddings(trained, crops, range(24), device="cpu")
    store = FeatureStore(cache.root)
    (block,) = store.blocks()
    assert block.name.startswith("tiny-")
    assert list(block.feature_names) == [*feature_names(TINY, 4), "logit"]
    table = store.read(block)
    assert np.array_equal(table.loc[[f"s{row:02d}" for row in range(24)]].to_numpy(), answers)


def test_embeddings_by_another_version_are_computed_again(cache, crops, monkeypatch):
    trained = train(cache, crops)
    cache.embeddings(trained, crops, [3], device="cpu")
    monkeypatch.setattr("radiofuse.deep.stored_embeddings.TRAINING_VERSION", 99)
    with forward_passes() as count:
        cache.embeddings(trained, crops, [3], device="cpu")
    assert count


def test_the_order_of_the_rows_is_no_input(cache, crops):
    order = np.random.default_rng(0).permutation(16)
    mixed = {name: np.array(values)[order] for name, values in (("labels", LABELS), ("groups", GROUPS))}
    assert train(cache, crops, rows=np.array(ROWS)[order], **mixed).key == train(cache, crops).key


CHANGES = {
    "training set": {"rows": ROWS[:14], "labels": LABELS[:14], "groups": GROUPS[:14]},
    "labels": {"labels": [1, 0] * 8},
    "patients": {"groups": ROWS},
    "seed": {"seed": 4},
    "options": {"spec": replace(SPEC, training=Training.from_options({**TRAINING, "epochs": 1}))},
    "encoder": {"spec": replace(SPEC, encoder="other_encoder:Tiny")},
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_key_changes_with(change, cache, crops, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    copy_encoder(tmp_path / "other_encoder.py")
    assert train(cache, crops, **CHANGES[change]).key != train(cache, crops).key


def copy_encoder(path, *, find="", replace_by=""):
    path.write_text(Path(tiny_encoder.__file__).read_text().replace(find, replace_by))


def test_the_key_changes_with_the_crops_and_with_how_they_were_cut(cache, crops, tmp_path):
    wider = {**IDENTITY, "versions": {"crop": 2}}
    other_pixels = make_crops(tmp_path / "a", seed=1)
    other_names = make_crops(tmp_path / "b", signal=1.0, identity=wider)
    keys = {train(cache, one).key for one in (crops, other_pixels, other_names)}
    assert len(keys) == 3


def test_the_key_changes_with_the_source_code_of_the_encoder(crops, tmp_path, monkeypatch):
    """Asked of two processes' worth of modules: one path, two contents."""
    from radiofuse.deep.encoders.by_name import encoder_version

    monkeypatch.syspath_prepend(tmp_path)
    copy_encoder(tmp_path / "first_net.py")
    copy_encoder(tmp_path / "second_net.py", find="torch.relu", replace_by="torch.tanh")
    assert encoder_version("first_net:Tiny") != encoder_version("second_net:Tiny")


def entry(cache, trained, suffix):
    return cache.folder / trained.key / f"{trained.key}.{suffix}"


def test_a_card_of_other_settings_is_not_used(cache, crops, caplog):
    trained, other = train(cache, crops), train(cache, crops, seed=4)
    before = entry(cache, trained, "safetensors").read_bytes()
    for suffix in ("json", "safetensors"):
        entry(cache, trained, suffix).write_bytes(entry(cache, other, suffix).read_bytes())
    again = train(cache, crops)
    assert again.card["inputs"]["seed"] == 3
    assert entry(cache, again, "safetensors").read_bytes() == before
    assert "trained again" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"seed": 3}'])
def test_a_damaged_card_is_set_aside_and_the_encoder_trained_again(cache, crops, content, caplog):
    trained = train(cache, crops)
    entry(cache, trained, "json").write_bytes(content)
    assert train(cache, crops).card == trained.card
    assert len(list((cache.root / "quarantine").glob("encoder-*"))) == 1
    assert "trained again" in caplog.text


def test_damaged_weights_give_no_number(cache, crops):
    trained = train(cache, crops)
    path = entry(cache, trained, "safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    try:
        answers = cache.embeddings(train(cache, crops), crops, [20], device="cpu")
    except BundleError as error:
        assert str(path.name) in str(error)
    else:
        assert np.array_equal(answers, EncoderCache(cache.root / "new").embeddings(trained, crops, [20], device="cpu"))


def test_a_half_written_entry_counts_as_absent(cache, crops):
    trained = train(cache, crops)
    entry(cache, trained, "json").unlink()
    assert train(cache, crops).card == trained.card
    assert json.loads(entry(cache, trained, "json").read_bytes())["inputs"] == trained.card["inputs"]


def test_one_class_is_a_sentence_and_leaves_nothing(cache, crops):
    with pytest.raises(CohortError, match="class"):
        train(cache, crops, labels=[1] * 16)
    assert list(cache.folder.glob("*")) == []


def test_nothing_is_left_beside_the_entry(cache, crops):
    trained = train(cache, crops)
    assert [path.name for path in cache.folder.iterdir()] == [trained.key]
    assert {path.suffix for path in (cache.folder / trained.key).iterdir()} == {".json", ".safetensors"}


def work(root, crops):
    torch.set_num_threads(1)
    cache = EncoderCache(root)
    trained = train(cache, crops)
    return trained.key, cache.embeddings(trained, crops, range(24), device="cpu").tobytes()


def test_two_processes_that_need_the_same_encoder_at_once_both_end_well(cache, crops):
    answers = Parallel(n_jobs=2, batch_size=1)(delayed(work)(cache.root, crops) for _ in range(4))
    assert len(set(answers)) == 1
    assert [path.name for path in cache.folder.iterdir()] == [answers[0][0]]


def test_the_loser_of_a_race_uses_the_winners_work(cache, crops, monkeypatch):
    """The winner's folder appears between the loser's training and its rename."""
    winner = train(EncoderCache(cache.root / "elsewhere"), crops)
    original = EncoderCache._put_in_place

    def late(self, trained):
        (self.folder / trained.key).symlink_to(winner.folder, target_is_directory=True)
        return original(self, trained)

    monkeypatch.setattr(EncoderCache, "_put_in_place", late)
    trained = train(cache, crops)
    assert trained.card == winner.card
    assert trained.module() is not None


def test_a_folder_that_cannot_be_written_is_a_sentence(crops, tmp_path):
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "encoders").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="could not be kept"):
        train(EncoderCache(tmp_path / "blocked"), crops)


def test_names_of_features():
    assert short_name("san10_small") == "san10_small"
    assert feature_names(TINY, 12)[-1] == "tiny_0012"


def test_a_training_without_a_row_is_one_sentence(tmp_path):
    blocks = ArrayStore(tmp_path), ArrayBlock("stack", {})
    blocks[0].write(blocks[1], "k", {"image": np.ones((1, 1, SIZE, SIZE), np.float32)})
    stored = write_pictures(blocks[0], [PictureRow("s00", "t1", blocks[1], "k")], {})
    for pictures in (stored, make_crops(tmp_path)):
        with pytest.raises(CohortError, match="No row has a picture"):
            EncoderCache(tmp_path).encoder(EncoderSpec(TINY, Training(epochs=1)), pictures, [], [], [], 0)


def test_few_patients_of_many_large_slices_are_in_memory_together(tmp_path, monkeypatch):
    crops = make_crops(tmp_path)
    large = np.broadcast_to(np.float32(0), (55, 3, 224, 224))
    monkeypatch.setattr(crops, "pictures", lambda rows: large)
    monkeypatch.setattr(crops, "counts", lambda rows: np.full(len(rows), 55))
    at_once = stored_embeddings._rows_at_once(crops, ROWS)
    assert at_once * large.size * 4 <= 1 << 26 and at_once >= 1
