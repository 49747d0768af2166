"""The hashes of what a run read."""

from __future__ import annotations

import hashlib

from radiofuse.experiment.input_hashes import input_hashes


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_images_have_one_hash_whatever_they_are_called_and_in_which_order(tmp_path):
    table = tmp_path / "cohort.csv"
    table.write_bytes(b"sample_id,t1__image\n")
    files = [tmp_path / name for name in ("a.nii", "b.nii", "copy_of_a.nii")]
    for file, content in zip(files, (b"first", b"second", b"first"), strict=True):
        file.write_bytes(content)
    found = input_hashes(table, [*files, files[0], tmp_path / "absent.nii"], tmp_path / "store")
    both = sha256("\n".join(sorted([sha256(b"first"), sha256(b"second")])).encode())
    assert found == {"cohort_sha256": sha256(table.read_bytes()), "images_sha256": both, "n_images": 2}
    files[1].write_bytes(b"third")
    assert input_hashes(table, files[::-1], tmp_path / "store")["images_sha256"] not in (both, None)


def test_a_run_that_reads_no_image_has_none(tmp_path):
    table = tmp_path / "cohort.csv"
    table.write_bytes(b"sample_id,t1__mean\n")
    assert input_hashes(table, (), tmp_path / "store") == {
        "cohort_sha256": sha256(table.read_bytes()),
        "images_sha256": None,
        "n_images": 0,
    }
