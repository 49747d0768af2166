"""What a parameter file means, held against the reader that pyradiomics uses."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from radiofuse.errors import RequestError
from radiofuse.radiomics import read_settings
from radiofuse.radiomics.parameter_files import read_parameters

WORDS = """
0 -0 +7 025 -025 08 0o17 0O17 0b11 0b2 0x1F -0x1f 0X1F 1_000 1_000.5 1__0 _1
1. .5 -.5 +.5 1.5 1e3 1E3 1e+3 1e-3 .5e2 .5e+2 -.5e-2 1.e2 5e 1e 0x 1e400 190:20:30 1:30 1:30.5
.inf -.inf +.Inf .INF .nan .NaN inf nan -.nan Infinity
true True TRUE tRUE false False FALSE yes Yes no on off y n Y N ~ null Null NULL nULL none None
025.5 1,000 1.2.3 12abc + . ._ -_ 0b_
""".split()
LENIENT = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None, "database": None}


def by_pyradiomics(text: str) -> str:
    """What it reads, or that it reads nothing; a new reader each time, since one remembers the last text's version."""
    yaml = pytest.importorskip("ruamel.yaml")
    try:
        return repr(yaml.YAML(typ="safe", pure=True).load(text))
    except (yaml.YAMLError, ValueError, IndexError):
        return "refused"


def by_radiofuse(folder, text: str) -> str:
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    try:
        return repr(read_parameters(folder / "a.yaml"))
    except RequestError:
        return "refused"


def test_plain_words_mean_what_pyradiomics_takes_them_for(tmp_path):
    texts = [text for word in WORDS for text in (f"a: {word}", f"[{word}, '{word}']", f"{word}: 1")]
    ours = {text: by_radiofuse(tmp_path, text) for text in texts}
    assert ours == {text: by_pyradiomics(text) for text in texts}
    assert ours["a: 025"] == "{'a': 25}"
    assert ours["a: 1e3"] == "{'a': 1000.0}"
    assert ours["a: yes"] == "{'a': 'yes'}"


@seed(20261)
@settings(max_examples=120, **LENIENT)
@given(st.lists(st.text("0123456789+-._eExob:anif", min_size=1, max_size=7), min_size=1, max_size=8))
def test_words_like_numbers_mean_what_pyradiomics_takes_them_for(tmp_path, words):
    for word in words:
        if word.count("-") < 2:  # dates and the marks of documents are no numbers
            assert by_radiofuse(tmp_path, f"a: {word}") == by_pyradiomics(f"a: {word}"), word


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("setting: {binWidth: 5}\nsetting: {label: 2}\n", "'setting' is given twice, in lines 1 and 2"),
        ("setting:\n  binWidth: 5\n  label: 1\n  binWidth: 25\n", "'binWidth' is given twice, in lines 2 and 4"),
        ("imageType:\n  LoG: {sigma: [1], 'sigma': [2]}\n", "'sigma' is given twice, in lines 2 and 2"),
        ("base: &b {label: 1}\nsetting: {<<: *b, <<: *b}\n", "'<<' is given twice, in lines 2 and 2"),
        ("%YAML 1.1\n---\nsetting: {binWidth: 025}\n", "it declares YAML 1.1"),
    ],
)
def test_a_key_given_twice_is_refused_with_its_lines(tmp_path, text, said):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(RequestError) as caught:
        read_settings(tmp_path / "a.yaml")
    assert said in str(caught.value)
    assert by_pyradiomics(text) == "refused" or "YAML 1.1" in said


def test_a_key_given_twice_in_json_is_refused(tmp_path):
    for text in ('{"setting": {}, "setting": {}}', '{"setting": {"label": 1, "label": 2}}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(RequestError, match="is given twice in one object"):
            read_settings(tmp_path / "a.json")


def test_a_merge_key_may_be_overridden(tmp_path):
    text = "a: &a {x: 1, y: 2}\nb: {c: &c {<<: *a, x: 025}}\nd: {<<: *c, y: 1e1}\n"
    assert by_radiofuse(tmp_path, text) == by_pyradiomics(text)
    assert read_parameters(tmp_path / "a.yaml")["d"] == {"x": 25, "y": 10.0}


def test_a_bin_width_with_a_leading_zero_is_decimal(tmp_path):
    (tmp_path / "a.yaml").write_text("setting:\n  binWidth: 025\n  resampledPixelSpacing: [1, 1, 1e0]\n")
    read = read_settings(tmp_path / "a.yaml").parameters["setting"]
    assert read == {"binWidth": 25, "resampledPixelSpacing": [1, 1, 1.0]}


PIECES = (
    *(
        "\n",
        "\n  ",
        " ",
        ": ",
        ":",
        "- ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "'",
        '"',
        "&a ",
        "*a",
        "<<: ",
        "? ",
        "| ",
        "#",
        "\t",
    ),
    *(
        "!!int ",
        "!!float ",
        "!!bool ",
        "!!timestamp ",
        "!!set ",
        "!!binary ",
        "!!python/name:os ",
        "%YAML 1.1\n",
        "---\n",
    ),
    *("setting", "imageType", "featureClass", "binWidth", "LoG", "5", "025", "9" * 5000, "null", "yes", "=", "\ufeff"),
)


@seed(20262)
@settings(max_examples=400, **LENIENT)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.sampled_from(["a.yaml", "a.json"]))
def test_any_text_is_either_settings_or_refused(tmp_path, text, name):
    (tmp_path / name).write_text(text, encoding="utf-8")
    try:
        read_settings(tmp_path / name)
    except RequestError as error:
        assert len(str(error)) < 20_000


def test_references_that_multiply_or_turn_in_a_circle_are_refused(tmp_path):
    layers = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 12)]
    for text in ("\n".join(["l0: &l0 [1]", *layers, "setting: {binWidth: *l11}"]), "setting: &a {binWidth: *a}"):
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(RequestError, match="is not a readable YAML"):
            read_settings(tmp_path / "a.yaml")
