"""A figure as a page holds it, from which it can be had again, as for another kind of file."""

from __future__ import annotations

import base64
import io

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure


class Drawing(str):
    """A figure as a ``data:`` address, which also holds the figure."""

    figure: Figure


def drawing_of(figure: Figure) -> Drawing:
    """Return a figure as its address."""
    written, dpi = io.StringIO(), figure.dpi
    # What ``savefig`` does but for a drawing beforehand, of the layout alone: ``print_svg`` does that itself. With its
    # date, equal bundles would not give equal pages.
    FigureCanvasSVG(figure).print_svg(written, metadata={"Date": None, "Creator": None})
    figure.dpi = dpi
    # As an image: whatever a name holds, a browser runs nothing of it.
    address = Drawing("data:image/svg+xml;base64," + base64.b64encode(written.getvalue().encode()).decode("ascii"))
    address.figure = figure
    return address
