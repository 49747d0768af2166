"""Paths that lead nowhere: every door says where it looked, and what may be wrong."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from radiofuse.errors import RadiofuseError, RequestError
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.files.outputs import require_file, require_folder
from radiofuse.files.paths import with_home
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.cohort import read_cohort

DOORS = {"cohort": read_cohort, "recipe": read_recipe, "select": lambda path: read_raw(SelectionRequest("idh", path))}


def refused(door: str, path: Path) -> str:
    with pytest.raises(RadiofuseError) as caught:
        DOORS[door](path)
    return str(caught.value)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none.csv", ["{here}/none.csv", "none.csv was taken relative to the folder you are in"]),
        ("/none/none.csv", [" at /none/none.csv. Correct the path"]),
        ("~/none.csv", ["the shell left the ~ as it is. Write {home}/none.csv."]),
        (r"C:\x\y.csv", ["is a path of Windows, which this system does not know"]),
        (r"\\server\share\y.csv", ["is a path of Windows, which this system does not know"]),
        ("caf\udce9.csv", ["caf\udce9.csv"]),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_was_looked_for(tmp_path, monkeypatch, door, path, said):
    monkeypatch.chdir(tmp_path)
    for one in said:
        assert one.format(here=tmp_path, home=Path.home()) in refused(door, Path(path))


@pytest.mark.parametrize("door", ["cohort", "select"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n",
            "a pointer of Git LFS and not the table",
        ),
        ("/annex/objects/MD5E-s1--aa.csv\n", "Fetch it: git annex get t.csv."),
        ("<!DOCTYPE html>\n<html>\n", "is a web page, such as a login or an error, and not the table."),
    ],
)
def test_what_stands_in_for_a_table_is_named(tmp_path, door, content, said):
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert said in refused(door, path)
    assert "is a folder" in refused(door, tmp_path).lower()


@pytest.mark.parametrize("door", ["cohort", "select"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_of_140_kb_and_a_name_that_is_not_utf_8_are_read(tmp_path, door, quote):
    path = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.csv"))
    names = [f"t1__{'x' * 70_000}{number}" for number in range(2)] if not quote else [f"t1__{'x' * 140_000}"]
    path.write_text(f"sample_id,idh,{','.join(quote + name + quote for name in names)}\na,1{',1' * len(names)}\n")
    found = DOORS[door](path)
    assert set(names) <= set(found if door == "cohort" else found.rows)


def test_a_home_folder_is_found_in_cells_and_recipes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.nii").touch()
    (tmp_path / "cohort.csv").write_text("sample_id,t1__image,mask\na,~/a.nii,~/b.nii\n")
    assert read_cohort(tmp_path / "cohort.csv", missing_files="keep").loc[0, "t1__image"] == str(tmp_path / "a.nii")
    with pytest.raises(RadiofuseError, match="t1 mask of a: .*/b.nii. Paths are relative to the folder of the table"):
        read_cohort(tmp_path / "cohort.csv")
    (tmp_path / "r.toml").write_text('[cohort]\ntable = "~/cohort.csv"\nlabel = "idh"\n')
    recipe = read_recipe(tmp_path / "r.toml")
    assert recipe.path("~/cohort.csv") == tmp_path / "cohort.csv"
    with pytest.raises(RadiofuseError, match="The recipe names C:.* is a path of Windows"):
        recipe.path("C:\\x.csv")
    assert with_home("~nobody-of-this-name/x") == "~nobody-of-this-name/x"


def test_image_paths_of_windows_are_told_as_such(tmp_path, caplog):
    path = tmp_path / "cohort.csv"
    path.write_text("sample_id,t1__image,mask\na,C:\\x\\y.nii.gz,\\\\server\\m.nii.gz\n")
    cohort = read_cohort(path, missing_files="tell")
    assert cohort.loc[0, "t1__image"] == r"C:\x\y.nii.gz"
    assert "Missing files: t1 image of a: C:\\x\\y.nii.gz, t1 mask of a" in caplog.messages[0]
    assert "Paths of Windows are not known to this system" in caplog.messages[0]


def test_a_batch_table_of_windows_has_names_of_files_as_ids_and_is_told_of_its_paths(tmp_path, caplog):
    path = tmp_path / "cohort.csv"
    path.write_text("Image,Mask\nsub\\i.nii.gz,m.nii.gz\n")
    assert read_cohort(path, missing_files="tell")["sample_id"].to_list() == ["i"]
    assert "Paths of Windows are not known to this system" in caplog.messages[0]


@pytest.mark.parametrize(("written", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_file_is_found_whatever_unicode_form_its_name_has(tmp_path, written, stored):
    cell, name = (unicodedata.normalize(form, "Jérôme.nii.gz") for form in (written, stored))
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "cohort.csv").write_text(f"sample_id,t1__image,mask\na,{cell},{cell[:-1]}\n")
    cohort = read_cohort(tmp_path / "cohort.csv", missing_files="keep")
    assert cohort.loc[0, "t1__image"] == str(tmp_path / name)
    assert cohort.loc[0, "t1__mask"] == str(tmp_path / cell[:-1])


@pytest.mark.parametrize("require", [require_file, require_folder])
def test_outputs_make_no_folder_called_tilde_and_none_of_windows(tmp_path, monkeypatch, require):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=f"--out is ~/x: the shell left the ~ as it is. Write {Path.home()}/x."):
        require(Path("~/x"), "--out")
    with pytest.raises(RequestError, match="a path of Windows. Write where it is mounted here"):
        require(Path(r"D:\x"), "--out")
    require(Path("a/~x"), "--out")
    require(Path("~nobody-of-this-name"), "--out")
