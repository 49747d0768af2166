"""Pictures of maps: readable in gray, as wide as a phone shows, the same bytes for the same numbers."""

from __future__ import annotations

import io
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from radiofuse.report.map_pictures import MAP_COLORS, MapSlice, _figure, draw_map


def shown(*, signed: bool, channels: tuple[str, ...] = ("flair", "t1ce", "t2"), outline: bool = True) -> MapSlice:
    rng, ramp = np.random.default_rng(0), np.linspace(-1, 1, 24 * 20).reshape(24, 20)
    images = {name: rng.random(ramp.shape) for name in channels}
    maps = dict.fromkeys(channels, ramp) if signed else {"": np.abs(ramp)}
    looked_at = np.ones(ramp.shape, bool)
    looked_at[:3] = False
    return MapSlice(images, maps, looked_at, ramp > 0.6 if outline else None, signed)


@pytest.mark.parametrize("signed", [True, False])
def test_the_same_numbers_are_the_same_picture(signed: bool) -> None:
    first = draw_map(shown(signed=signed), "P1: a map", "Above 0 it speaks for idh = mutant")
    assert first == draw_map(shown(signed=signed), "P1: a map", "Above 0 it speaks for idh = mutant")
    picture = imread(io.BytesIO(first))
    assert picture.shape[1] == 1000  # 5 in, whose 11 pt are 11 px on a phone
    assert first != draw_map(shown(signed=signed, outline=False), "P1: a map", "Above 0 it speaks for idh = mutant")


def test_an_empty_map_of_one_channel_is_drawn() -> None:
    blank = np.zeros((8, 8))
    nothing = MapSlice({"t1": blank}, {"": blank}, blank == 0, blank > 0, is_signed=False)
    assert draw_map(nothing, "P1", "More is higher").startswith(b"\x89PNG")


def test_sides_of_the_patient_stand_beside_every_picture_and_colors_are_of_this_map_alone() -> None:
    figure = _figure(replace(shown(signed=True, channels=("t1",)), sides=("A", "P")), "P1", "More is higher")
    image, of_map, bar = figure.axes
    assert all([text.get_text() for text in axes.texts] == ["A", "P"] for axes in (image, of_map))
    left, right = image.texts
    assert left.get_position()[0] < 0 < 1 < right.get_position()[0]
    assert "never compare them across patients" in bar.get_xlabel().replace("\n", " ")


def test_the_colors_rise_in_gray_print() -> None:
    colors = mpl.colormaps[MAP_COLORS](np.linspace(0, 1, 50))[:, :3]
    gray = colors @ [0.299, 0.587, 0.114]
    assert (np.diff(gray) > 0).all() and gray[-1] - gray[0] > 0.5
