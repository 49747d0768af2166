"""What a notebook shows of a result: tables with a caption, every text escaped, no script."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from radiofuse.wording import MISSING, interval, number, p_value

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 12  # of a table that may have thousands
# Colors are those of the notebook, dark or light; lines are a gray that shows on both, and on paper.
STYLE = (
    "<style>.radiofuse{overflow-x:auto;max-width:100%}.radiofuse table{border-collapse:collapse;margin:.4em 0 1em;"
    "font-variant-numeric:tabular-nums;color:inherit;background:transparent}.radiofuse caption{caption-side:top;"
    "text-align:left;font-weight:600;padding:.2em 0;color:inherit}.radiofuse th,.radiofuse td{padding:.25em .7em "
    ".25em 0;text-align:left;vertical-align:top;font-weight:400;border-bottom:1px solid rgba(127,127,127,.45);"
    "max-width:32em;overflow-wrap:break-word}.radiofuse thead th{font-weight:600;border-bottom:2px solid currentColor;"
    "vertical-align:bottom}.radiofuse td.n,.radiofuse th.n{text-align:right;white-space:nowrap}</style>"
)


def page(*parts: str) -> str:
    """Return tables in one block with their style.

    Examples
    --------
    >>> page("<p>a</p>").endswith('<div class="radiofuse"><p>a</p></div>')
    True
    """
    return f'{STYLE}<div class="radiofuse">{"".join(parts)}</div>'


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; the first cell of each row is its heading, numbers stand to the right.

    Examples
    --------
    >>> html = table("Scores", ["model", "auc"], [["<b>t1</b>", 0.8349]])
    >>> "<b>" in html, "0.835" in html
    (False, True)
    """
    rows = [list(row) for row in rows]
    numeric = [any(_is_number(row[place]) for row in rows) for place in range(len(header))]
    marks = [' class="n"' if right else "" for right in numeric]
    heads = "".join(f'<th scope="col"{mark}>{escape(str(name))}</th>' for name, mark in zip(header, marks, strict=True))
    body = "".join(_row(row, header, marks) for row in rows)
    head = f"<thead><tr>{heads}</tr></thead>" if any(header) else ""
    return f"<table><caption>{escape(caption)}</caption>{head}<tbody>{body}</tbody></table>"


def _row(row: Sequence[Any], header: Sequence[str], marks: Sequence[str]) -> str:
    first, *cells = (escape(written(cell, name)) for cell, name in zip(row, header, strict=True))
    others = "".join(f"<td{mark}>{cell}</td>" for cell, mark in zip(cells, marks[1:], strict=True))
    return f'<tr><th scope="row">{first}</th>{others}</tr>'


def frame(caption: str, rows: pd.DataFrame, columns: Sequence[str] | None = None) -> str:
    """Return the first rows of a table of pandas, and how many more there are."""
    names = list(rows.columns if columns is None else columns)
    shown = table(caption, [str(name) for name in names], rows[names].head(SHOWN_ROWS).itertuples(index=False))
    more = len(rows) - SHOWN_ROWS
    return shown + (f"<p>… and {more:,} more rows</p>" if more > 0 else "")


def scores(caption: str, rows: pd.DataFrame) -> str:
    """Return scores, as ``score_predictions`` gives them: a line per outcome, model and class.

    Of several classes what all have in common stands in one table, and each class against the rest in another.
    """
    if "class" not in rows or not (rows["class"] == "").any():
        return _scores(caption, rows)
    whole = rows["class"] == ""
    several = rows["outcome"].isin(rows.loc[whole, "outcome"]) if "outcome" in rows else whole | True
    parts = {
        caption: rows[~several],
        f"{caption}: all classes": rows[whole].drop(columns="class"),
        f"{caption}: each class against the rest": rows[several & ~whole],
    }
    return "".join(_scores(title, part) for title, part in parts.items() if len(part))


def _scores(caption: str, rows: pd.DataFrame) -> str:
    metrics = list(dict.fromkeys(rows["metric"]))
    lead = [column for column in ("outcome", "model", "class") if column in rows]
    lines: dict[tuple[Any, ...], dict[str, Written]] = {}
    for row in rows.to_dict("records"):
        named = tuple(row[column] for column in lead)
        lines.setdefault(named, {})[row["metric"]] = _estimate(row["value"], row["low"], row["high"])
    cells = [(*named, *(found.get(metric, MISSING) for metric in metrics)) for named, found in lines.items()]
    return table(caption, (*lead, *metrics), cells)


def _estimate(value: float, low: float, high: float) -> Written:
    return Written(f"{number(value)} {interval(low, high)}".strip())


def pairs(caption: str, values: Mapping[str, Any]) -> str:
    """Return a table of names and values."""
    rows = [(name.replace("_", " "), written(value, name)) for name, value in values.items()]
    return table(caption, ("", ""), rows)


class Written(str):
    """A cell that is written out and stands to the right, as numbers do."""


def result(of: Any) -> str:
    """Return a named tuple or a dataclass as a table, which is what results of a few numbers show in a notebook.

    An interval, in the fields ``low`` and ``high``, stands behind the first number, whose it is.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Interval(NamedTuple):
    ...     auc: float
    ...     low: float
    ...     high: float
    ...     def _repr_html_(self) -> str:
    ...         return result(self)
    >>> "0.840 (0.760 to 0.910)" in Interval(0.84, 0.76, 0.91)._repr_html_()
    True
    """
    names = [one.name for one in fields(of)] if is_dataclass(of) else of._fields
    values = {name: getattr(of, name) for name in names}
    if _is_number(values.get("low")) and _is_number(values.get("high")):
        whose = next(name for name, value in values.items() if _is_number(value))
        low, high = values.pop("low"), values.pop("high")
        values[whose] = Written(f"{written(values[whose], whose)} {interval(low, high, 3)}".strip())
    summary = (inspect.getdoc(type(of)) or "").partition("\n")[0].rstrip(".")
    return page(pairs(f"{type(of).__name__}: {summary}" if summary else type(of).__name__, values))


def written(value: Any, name: str = "") -> str:
    """Return a value as a cell shows it; ``name`` tells p-values from other numbers.

    Examples
    --------
    >>> written(0.83491), written(0.00002, "p_value"), written(12345), written(float("nan")), written(["a", "b"])
    ('0.835', '< 0.001', '12,345', '—', 'a, b')
    """
    if isinstance(value, Written):
        return value
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if shape := getattr(value, "shape", None):
        return f"array of {' x '.join(map(str, shape))}"
    if _is_number(value):
        return _number_written(value, name)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number_written(value: Any, name: str) -> str:
    if name in ("p", "p_value", "adjusted_p_value") or name.endswith("_p"):
        return p_value(value)
    if math.isfinite(value) and value == int(value) and not isinstance(value, float):
        return f"{int(value):,}"
    small = math.isfinite(value) and 0 < abs(value) < 0.001
    return f"{value:.2g}" if small else number(value, 3)


def _is_number(value: Any) -> bool:
    """Say whether a cell holds a number, of Python or of NumPy, or one that is written out."""
    if isinstance(value, Written):
        return True
    return hasattr(value, "__float__") and not isinstance(value, bool) and not getattr(value, "shape", ())
