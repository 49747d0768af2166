from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest

from radiofuse.errors import StoreError
from radiofuse.store import Block, Record, content_key


def test_a_changed_setting_order_or_version_is_another_block(block):
    others = [
        Block.create("toy", block.feature_names, {**block.identity, "bin_width": 26}),
        Block.create("toy", block.feature_names[::-1], block.identity),
        Block.create("toy", block.feature_names, {**block.identity, "engine": "toy 1.1"}),
    ]
    assert len({block.name, *(other.name for other in others)}) == 4


def test_the_name_does_not_depend_on_the_order_of_settings(block):
    turned = dict(reversed(block.identity.items()))
    assert Block.create("toy", block.feature_names, turned) == block


def test_a_block_survives_json_and_pickle_and_can_be_a_dict_key(block):
    nested = Block.create("toy", ["a"], {"sigmas": (1, 2.5), "nested": {"b": None}})
    assert Block.from_json(nested.to_json()) == nested
    assert pickle.loads(pickle.dumps(nested)) == nested
    assert {block: 1, nested: 2}[nested] == 2


def test_a_name_that_does_not_follow_from_the_content_is_refused(block):
    with pytest.raises(StoreError, match=r"Make blocks with Block\.create"):
        Block(block.name, block.feature_names, {"bin_width": 26})


@pytest.mark.parametrize("features", [(), ("a", "b", "a")])
def test_absent_or_repeated_features_are_refused(features):
    with pytest.raises(StoreError, match="at least one feature and no name twice"):
        Block.create("toy", features, {})


@pytest.mark.parametrize("kind", ["../x", "a/b", "", ".hidden", "a b"])
def test_a_kind_that_is_no_safe_file_name_is_refused(kind):
    with pytest.raises(StoreError, match="letters, digits"):
        Block.create(kind, ["a"], {})


def test_settings_without_a_json_spelling_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        Block.create("toy", ["a"], {"bin_width": float("nan")})


def test_every_part_of_the_content_changes_the_key(block):
    other = Block.create("toy", block.feature_names, {})
    keys = {
        content_key(*parts)
        for parts in [
            (block, "i", "m", "any"),
            (other, "i", "m", "any"),
            (block, "j", "m", "any"),
            (block, "i", "n", "any"),
            (block, "i", "m", 1),
            (block, "i", "m", [1, 4]),
            (block, "i", None, None),
        ]
    }
    assert len(keys) == 7


@pytest.mark.parametrize(("label", "spelled"), [("any", '"any-2"'), (1, "1"), ([4, 1], "[1,4]"), (None, "null")])
def test_the_key_is_a_digest_of_the_contents_and_what_any_means_has_a_version(block, label, spelled):
    text = f'["{block.name}","i","m",{spelled}]'
    assert content_key(block, "i", "m", label) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(("one", "same"), [([4, 1], (1, 4, 4)), (4, [4]), (4, np.int64(4))])
def test_one_region_has_one_key_however_its_label_is_spelled(block, one, same):
    assert content_key(block, "i", "m", one) == content_key(block, "i", "m", same)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "done", "values": [1.0]}, "expected 'ok' or 'failed'"),
        ({"values": None}, "an ok record has values"),
        ({"status": "failed", "error_code": "empty_roi", "values": [1.0]}, "a failed one has none"),
        ({"status": "failed"}, "without an error code"),
        ({"modality": "T1", "values": [1.0]}, "a modality is a lower-case letter"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(StoreError, match=message):
        Record(**{"key": "k", "sample_id": "s", "modality": "t1"} | changes)
