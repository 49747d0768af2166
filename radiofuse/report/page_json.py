"""A page's tables, figures and sentences as JSON: every number of the page, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.pictures import Picture
from radiofuse.report.tables import Table

GENERATOR = {"generator": "radiofuse"}


def page_json(values: Mapping[str, Any]) -> str:
    """Return what a page shows as JSON, under the names that its template has.

    Tables have a caption, columns and rows with their cells as the page writes them; figures their caption, the text
    that replaces them and the numbers that they draw.

    Examples
    --------
    >>> page_json({"title": "IDH", "scores": Table("Scores", ("Model", "AUC"), (("", (("t1", "0.84"),)),))})
    '{"generator": "radiofuse", "title": "IDH", "scores": {"caption": "Scores", "columns": ["Model", "AUC"], \
"rows": [{"group": "", "cells": ["t1", "0.84"]}]}}'
    """
    return json.dumps({**GENERATOR, **_told(values)}, ensure_ascii=False, allow_nan=False)


def _told(value: Any) -> Any:
    """Return a value as JSON can hold it; what is not there is null."""
    if isinstance(value, Table):
        rows = [{"group": group, "cells": _told(list(row))} for group, own in value.groups for row in own]
        return {"caption": value.caption, "columns": list(value.header), "rows": rows}
    if isinstance(value, Picture):
        return {"caption": value.caption, "alt": value.alt, "data": _told(value.data)}
    if isinstance(value, pd.DataFrame):
        return {str(name): _told(value[name].tolist()) for name in value}
    if isinstance(value, Mapping):
        return {str(name): _told(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    if is_dataclass(value):
        return {field.name: _told(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.generic):
        return _told(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
