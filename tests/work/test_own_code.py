"""What somebody's own files do: other words are the same code, and what they import belongs to them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from radiofuse.work import own_code
from radiofuse.work.kept import digest_of_code
from radiofuse.work.own_code import digest_of_own_code, digest_with_libraries, modules_named_in

MODULE = "own_ward.classifier"
FILES = {
    "own_ward/__init__.py": "",
    "own_ward/classifier.py": "from . import scale\nfrom own_words import NAME\nMINE = scale.FACTOR\n",
    "own_ward/scale.py": "FACTOR = 2  # of the published table\n",
    "own_words.py": "def NAME():\n    '''A name.'''\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the path with a package and a module beside it."""
    (tmp_path / "own_ward").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("own_ward", "own_words"))]:
        del sys.modules[name]


@pytest.mark.parametrize("digest", [digest_of_code, lambda name: digest_of_own_code([name])])
@pytest.mark.parametrize(
    ("file", "change", "is_other"),
    [
        ("own_ward/scale.py", ("= 2", "= 3"), True),
        ("own_ward/__init__.py", ("", "import os\n"), True),
        ("own_words.py", ("'''A name.'''", "return 1"), True),
        ("own_words.py", ("A name.", "The name of the ward."), False),
        ("own_ward/scale.py", ("of the published table", "as in Table 2"), False),
    ],
)
def test_code_counts_wherever_it_stands_and_words_do_not(folder, digest, file, change, is_other):
    before = digest(MODULE)
    (folder / file).write_text(FILES[file].replace(*change))
    assert (digest(MODULE) != before) == is_other


def test_modules_are_found_in_options_of_options_and_texts_are_not_taken_for_them(folder):
    recipe = {
        "select": {"method": "stability", "options": {"inner": {"selector": "own_ward.classifier:MINE"}}},
        "combine": ("mean", "own_words:NAME"),
        "text": "combine = 'own_words:NAME'",
        "title": "no_such_module:Class",
        "path": "C:folder",
        "seed": 3,
    }
    assert modules_named_in(recipe) == {"own_ward.classifier", "own_words"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that puts the package of `FILES` where installers put theirs, with notes as they leave them."""
    site = tmp_path / "site-packages"

    def install(*notes: str) -> Path:
        note = site / "own_ward-1.0.dist-info"
        for folder in (site / "own_ward", note):
            folder.mkdir(parents=True, exist_ok=True)
        (note / "METADATA").write_text("Metadata-Version: 2.1\nName: own-ward\nVersion: 1.0\n")
        for name in ("top_level.txt", *notes):
            (note / name).write_text("own_ward\n")
        for name, text in FILES.items():
            (site / name).write_text(text)
        forget()
        return site

    monkeypatch.syspath_prepend(site)
    yield install
    forget()


def forget() -> None:
    """Forget what is installed, and what was imported from there."""
    own_code._libraries.cache_clear()
    own_code._is_from_an_index.cache_clear()
    for name in [name for name in sys.modules if name.startswith(("own_ward", "own_words"))]:
        del sys.modules[name]


@pytest.mark.parametrize(("notes", "is_other"), [(["direct_url.json"], True), ([], False)])
def test_what_was_installed_from_a_folder_is_known_by_its_files(installed, notes, is_other):
    site = installed(*notes)
    before = digest_of_own_code([MODULE])
    (site / "own_ward" / "scale.py").write_text("FACTOR = 3\n")
    assert (digest_of_own_code([MODULE]) != before) == is_other


@pytest.mark.parametrize("digest", [digest_of_code, lambda name: digest_with_libraries([name])])
def test_what_came_from_an_index_is_known_by_its_version(installed, digest):
    site = installed()
    before, of_code = digest(MODULE), digest_of_own_code([MODULE])
    (site / "own_ward-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: own-ward\nVersion: 1.1\n")
    forget()
    assert digest(MODULE) != before
    assert digest_of_own_code([MODULE]) == of_code  # trained encoders outlive a new version of a library


def test_a_module_without_a_file_is_refused():
    with pytest.raises(OSError, match="builtins has no file"):
        digest_of_own_code(["builtins"])
