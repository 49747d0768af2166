"""Names of files, tokens and hosts: what a client says is never believed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.serve.names import LONGEST, OwnNames, own_part, shown_name
from radiofuse.serve.origins import Origins
from radiofuse.serve.tokens import Tokens

HOSTILE = [
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\Windows\\x.nii",
    "a/../../b.nii",
    "..\\..\\x",
    "\x00.nii.gz",
    "<script>alert(1)</script>.nii.gz",
    '"><img src=x onerror=alert(1)>.nii',
    "-rf",
    "." * 300,
    "x" * 300 + ".nii.gz",
    "/".join("d" * 60),
    "",
    "con\r\nSet-Cookie: a=b.nii",
]


@settings(max_examples=20)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40)), max_size=8))
def test_every_file_gets_a_path_of_its_own_that_stays_in_the_folder(given_names):
    names = OwnNames()
    paths = [names.add(one) for one in given_names]
    lower = [path.lower() for path in paths]
    assert len(set(lower)) == len(paths)
    for path in map(PurePosixPath, paths):
        assert not path.is_absolute()
        assert all(part.isascii() and part.isprintable() and not part.startswith(".") for part in path.parts)
        assert all(len(part) <= LONGEST + 4 for part in path.parts) and len(path.parts) <= 6
        assert not {parent.as_posix().lower() for parent in path.parents} & set(lower)  # no file where a folder is


def test_files_of_these_names_can_be_written_side_by_side(tmp_path):
    names = OwnNames()
    for one in [*HOSTILE, "a", "a/b", "A/b", "a/b/c"]:
        path = tmp_path / "files" / names.add(one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("xb").close()
    assert [path.name for path in tmp_path.iterdir()] == ["files"]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == len(HOSTILE) + 4


@pytest.mark.parametrize("name", HOSTILE)
def test_a_patient_is_one_part_of_a_path(name):
    assert Path(own_part(name)).name == own_part(name) and own_part(name) not in ("", ".", "..")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_shown_of_a_name_prints_and_ends(name):
    assert shown_name(name).isprintable() and len(shown_name(name)) <= 200


def test_no_cookie_or_token_serves_another_start_browser_or_purpose():
    here, other = Tokens(), Tokens()
    cookie, second = here.new_cookie(), here.new_cookie()
    assert cookie != second and here.link != other.link
    assert not other.is_cookie(cookie) and not other.is_form(cookie, here.form(cookie))
    assert not here.is_form(second, here.form(cookie)) and not here.is_form(cookie, cookie.partition(".")[2])
    for wrong in ("", ".", "ä", "\udc80", cookie[:-1], "." + cookie.partition(".")[2]):
        assert not here.is_cookie(wrong) and not here.is_link(wrong) and not here.is_form(cookie, wrong)


@pytest.mark.parametrize(
    ("host", "at_home", "beyond"),
    [
        ("127.0.0.1:8765", True, True),
        ("localhost", True, True),
        ("[::1]:8765", True, True),
        ("10.0.0.7:8765", False, True),
        ("ward.example", True, True),
        ("evil.example:8765", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("", False, False),
        ("[::1", False, False),
    ],
)
def test_hosts(host, at_home, beyond):
    assert Origins(names=("Ward.Example",)).is_host(host) == at_home
    assert Origins(is_open=True, names=("ward.example",)).is_host(host) == beyond


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "http://127.0.0.1", "ftp://127.0.0.1:8765", "http://[", "//x"],
)
def test_an_origin_is_the_page_itself_or_refused(origin):
    assert Origins().is_origin("http://127.0.0.1:8765", "127.0.0.1:8765")
    assert not Origins().is_origin(origin, "127.0.0.1:8765")
