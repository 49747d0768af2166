"""What somebody's own files do: other words are the same code, and what they import belongs to them."""

from __future__ import annotations

import sys

import pytest

from radiofuse.work.kept import digest_of_code
from radiofuse.work.own_code import digest_of_own_code, modules_named_in

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


def test_a_module_without_a_file_is_refused():
    with pytest.raises(OSError, match="builtins has no file"):
        digest_of_own_code(["builtins"])
