"""Presets, parameter files, and what is refused."""

from __future__ import annotations

import pytest

from radiofuse.errors import RequestError
from radiofuse.radiomics import PRESETS, read_settings

EXAMPLE = """
imageType:
  Original: {}
  LoG: {sigma: [2.0, 4.0]}
featureClass:
  firstorder: [Mean, Energy]
setting:
  binWidth: 10
  label: 3
"""


def test_a_parameter_file_is_taken_as_it_is(tmp_path):
    file = tmp_path / "Params.yaml"
    file.write_text(EXAMPLE)
    settings = read_settings(file)
    assert settings.name == "params"
    assert settings.parameters["imageType"]["LoG"] == {"sigma": [2.0, 4.0]}
    assert settings.label == 3
    assert settings.wavelet_subbands is None


def test_the_name_is_no_part_of_the_identity(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(EXAMPLE)
    first, second = (read_settings(tmp_path / name) for name in ("a.yaml", "b.yaml"))
    assert first.identity() == second.identity()


def test_reading_a_preset_leaves_the_table_alone():
    settings = read_settings("default")
    settings.parameters["setting"]["binWidth"] = 99
    assert PRESETS["default"]["setting"]["binWidth"] == 5


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("setting: {binWidth: 5, binCount: 32}", "both binWidth and binCount"),
        ("settings: {binWidth: 5}", "unknown parts ['settings']"),
        ("a: [1", "not a readable YAML"),
        ("!!python/object/apply:os.system ['true']", "not a readable YAML"),
        ("just text", "must be a mapping"),
        ("", "must be a mapping"),
        ("radiofuse: {bands: [LLL]}", "only ['wavelet_subbands']"),
    ],
)
def test_contradictions_and_strange_files_are_refused(tmp_path, content, expected):
    file = tmp_path / "params.yaml"
    file.write_text(content)
    with pytest.raises(RequestError) as caught:
        read_settings(file)
    assert expected in str(caught.value)


def test_an_unknown_name_lists_the_presets():
    with pytest.raises(RequestError, match="Choose from default, shi2023"):
        read_settings("shi2032")
