"""Weights and cards on disk: what comes back is what was saved, and what is damaged or foreign is refused."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from hashlib import sha256

import pytest

torch = pytest.importorskip("torch")

from small_nets import small_net  # noqa: E402

from radiofuse.deep.scaling import Linear  # noqa: E402
from radiofuse.deep.training.loop import History  # noqa: E402
from radiofuse.deep.weights import load_encoder, save_encoder  # noqa: E402
from radiofuse.errors import BundleError, RequestError  # noqa: E402

KEY = "0123abcd"
CARD = {
    "encoder": "small_nets:Small",
    "scaling": [101.5, 7.25],
    "training_ids": ["s01", "s02"],
    "training_keys": ["k1", "k2"],
    "history": History([0.7, 0.6], [], 2, 16, "cpu"),
}


@pytest.fixture
def saved(tmp_path):
    return save_encoder(tmp_path / "encoders", KEY, small_net(3), CARD)


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def edit_card(saved, **changes):
    path = saved.folder / f"{saved.key}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_comes_back_is_what_was_saved(saved):
    loaded = load_encoder(saved.folder, KEY)
    assert loaded == saved
    assert loaded.card == saved.card
    module = loaded.module()
    assert not module.training
    for name, tensor in small_net(3).state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor), name


def test_the_card_says_what_it_vouches_for(saved):
    assert saved.scaling == Linear((101.5,), (7.25,))
    assert saved.training_ids == {"s01", "s02"}
    assert saved.training_keys == {"k1", "k2"}
    assert saved.card["history"]["losses"] == [0.7, 0.6]
    assert (saved.card["key"], saved.card["torch"]) == (KEY, torch.__version__)
    assert sorted(path.name for path in saved.folder.iterdir()) == [f"{KEY}.json", f"{KEY}.safetensors"]


def test_a_trained_encoder_is_cheap_to_send(saved):
    sent = pickle.dumps(saved)
    assert len(sent) < 2000
    assert pickle.loads(sent).training_ids == saved.training_ids


def test_the_same_weights_give_the_same_file(saved, tmp_path):
    again = save_encoder(tmp_path / "again", KEY, small_net(3), CARD)
    assert again.weights.read_bytes() == saved.weights.read_bytes()


def test_weights_that_two_layers_share_are_kept(tmp_path):
    module = small_net()
    module.conv.bias = module.norm.bias
    saved = save_encoder(tmp_path, KEY, module, CARD)
    assert torch.equal(saved.module().conv.bias, module.norm.bias)


def test_a_copy_stands_on_its_own(saved, tmp_path):
    copy = saved.copied_to(tmp_path / "bundle")
    saved.weights.unlink()
    assert load_encoder(tmp_path / "bundle", KEY) == copy
    assert copy.module().embedding_dim == 4


def test_no_card_is_no_encoder(saved):
    assert load_encoder(saved.folder, "ffff") is None
    (saved.folder / f"{KEY}.json").unlink()
    assert load_encoder(saved.folder, KEY) is None


# ---------------------------------------------------------------- refusals


def test_one_flipped_byte_is_found(saved, tmp_path):
    flip_a_byte(saved.weights)
    for act in (saved.module, lambda: load_encoder(saved.folder, KEY), lambda: saved.copied_to(tmp_path / "copy")):
        with pytest.raises(BundleError, match="are corrupted: their SHA-256 is not that of the card. Copy both files"):
            act()


def test_a_file_that_is_cut_short_is_found(saved):
    saved.weights.write_bytes(saved.weights.read_bytes()[:-1])
    with pytest.raises(BundleError, match="corrupted"):
        saved.module()


def test_weights_that_are_no_weights_are_refused_even_with_a_matching_checksum(saved):
    saved.weights.write_bytes(b"something else")
    edit_card(saved, sha256=sha256(b"something else").hexdigest())
    with pytest.raises(BundleError, match="are corrupted: .*header"):
        load_encoder(saved.folder, KEY).module()


def test_absent_weights_are_missed(saved):
    saved.weights.unlink()
    with pytest.raises(BundleError, match="are not there, and their card is"):
        load_encoder(saved.folder, KEY)


def test_weights_of_another_architecture_are_foreign(saved):
    edit_card(saved, encoder="small_nets:Wider")
    sentence = r"are foreign: 3 tensors do not fit small_nets:Wider, first axes.bias \(expected \(5,\), got \(4,\)\)"
    with pytest.raises(BundleError, match=sentence):
        load_encoder(saved.folder, KEY).module()


def test_a_tensor_that_is_missing_is_named(saved):
    module = small_net()
    del module.drop, module.norm
    foreign = save_encoder(saved.folder, "other", module, CARD)
    with pytest.raises(BundleError, match=r"first norm.bias \(expected \(8,\), got nothing\)"):
        foreign.module()


def test_a_card_under_another_key_is_foreign(saved):
    for suffix in ("json", "safetensors"):
        (saved.folder / f"{KEY}.{suffix}").rename(saved.folder / f"ffff.{suffix}")
    with pytest.raises(BundleError, match=f"ffff.json is foreign: it belongs to the encoder '{KEY}'"):
        load_encoder(saved.folder, "ffff")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is corrupted"),
        ("[]", "is no card of an encoder"),
        ('"encoder"', "is no card of an encoder"),
        ('{"encoder": "x"}', "it lacks scaling, training_ids, training_keys, key, sha256, schema"),
    ],
)
def test_a_card_that_is_none_is_refused(saved, text, sentence):
    (saved.folder / f"{KEY}.json").write_text(text)
    with pytest.raises(BundleError, match=sentence):
        load_encoder(saved.folder, KEY)


def test_a_card_of_a_later_version_is_refused(saved):
    edit_card(saved, schema=2)
    with pytest.raises(BundleError, match="follows schema 2, and this version reads 1"):
        load_encoder(saved.folder, KEY)


def test_a_card_that_does_not_say_enough_is_not_written(tmp_path):
    with pytest.raises(RequestError, match="it lacks scaling, training_keys"):
        save_encoder(tmp_path, KEY, small_net(), {"encoder": "x", "training_ids": []})
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_whose_weights_were_replaced_since_is_refused(saved):
    stale = replace(saved, card={**saved.card, "sha256": "0" * 64})
    with pytest.raises(BundleError, match="corrupted"):
        stale.module()
