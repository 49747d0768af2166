"""A figure as a page holds it, from which it can be had again: as another file, or as numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure


class Drawing(str):
    """A figure as a ``data:`` address, which also holds the figure and what it was drawn from."""

    figure: Figure
    tables: dict[str, pd.DataFrame]  # by the name of a curve; "" where there is one table


def _tables_in(values: Iterable[Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    for value in values:
        named = value.items() if isinstance(value, Mapping) else [("", value)]
        yield from ((str(name), one) for name, one in named if isinstance(one, pd.DataFrame))


def drawing_of(figure: Figure, drawn_from: Iterable[Any]) -> Drawing:
    """Return a figure as its address; of what it was drawn from the tables are kept."""
    address = Drawing(_address(figure))
    address.figure, address.tables = figure, dict(_tables_in(drawn_from))
    return address


def _address(figure: Figure) -> str:
    buffer = io.BytesIO()
    # With its date, equal bundles would not give equal pages.
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    # As an image: whatever a name holds, a browser runs nothing of it.
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
