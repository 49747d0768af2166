"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from radiofuse.files.aside import write_aside


def test_a_file_takes_its_name_at_the_end(tmp_path):
    with write_aside(tmp_path / "a.csv") as file:
        file.write(b"whole")
        assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.csv").read_bytes() == b"whole"


def test_bytes_are_on_the_disk_before_the_name_and_the_name_after(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((os.fstat(descriptor).st_ino, path.exists())))
    path = tmp_path / "a.csv"
    with write_aside(path) as file:
        file.write(b"whole")
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_fails_halfway_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "a.csv").write_bytes(b"old")
    with pytest.raises(error), write_aside(tmp_path / "a.csv") as file:
        file.write(b"half")
        raise error
    assert (tmp_path / "a.csv").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_that_is_replaced_stays_readable_to_the_same_people(tmp_path, mode):
    path = tmp_path / "patients.csv"
    path.write_bytes(b"old")
    path.chmod(mode)
    with write_aside(path) as file:
        file.write(b"new")
        assert {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {mode}
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


def test_the_folder_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError), write_aside(tmp_path / "none" / "a.csv") as file:
        file.write(b"x")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path, exists):
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "table.csv"
    if exists:
        target.write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("far/table.csv")
    with write_aside(tmp_path / "link.csv") as file:
        file.write(b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["far", "link.csv", "table.csv"]
