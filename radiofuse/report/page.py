"""A page from its template: the head that all pages share, and escaped values."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pandas.api.types import is_float_dtype

from radiofuse.tables.spreadsheet import write_csv
from radiofuse.wording import MISSING

DIGITS = 9  # significant ones, of numbers behind a figure


@dataclass(frozen=True)
class Banner:
    """Something a reader must know before any number."""

    title: str
    items: tuple[str, ...]


def render(
    template: str,
    *,
    title: str,
    lead: str,
    banners: Sequence[Banner] = (),
    templates: Path | None = None,
    **values: Any,
) -> str:
    """Return a page as HTML; what is put into the template is escaped.

    Parameters
    ----------
    template : str
        A file in this folder, which begins with ``head.html``.
    title, lead : str
        The heading, and the paragraph that a hurried reader reads.
    banners : sequence of Banner
        Those without items are left out.
    templates : Path, optional
        The folder of the template, where it is another room's.
    **values
        What the template names besides.
    """
    shown = [banner for banner in banners if banner.items]
    page = _environment(templates).get_template(template)
    return page.render(title=title, lead=lead, banners=shown, missing=MISSING, **values)


def csv_uri(table: pd.DataFrame) -> str:
    """Return a table as a ``data:`` address, to be saved from the page."""
    buffer = BytesIO()
    write_csv(table.apply(_rounded), buffer)
    return f"data:text/csv;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _rounded(column: pd.Series) -> pd.Series:
    """Return a column of numbers with few digits; p-values and penalties keep theirs, however small they are."""
    return column.map(lambda value: float(f"{value:.{DIGITS}g}")) if is_float_dtype(column) else column


@cache
def _environment(templates: Path | None) -> Environment:
    # autoescape=True, not select_autoescape(): choosing by file name leaves some templates raw
    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, *([] if templates is None else [templates])]),
        autoescape=True,
        # A name that a template misspells is an error and no empty place.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["csv_uri"] = csv_uri
    return environment
