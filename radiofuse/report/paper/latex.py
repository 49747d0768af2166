"""A table of the report in LaTeX (booktabs): whatever a name holds is printed and never run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from radiofuse.report.tables import Table

_JOINED = re.compile("(?<=-)(?=-)")
_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "\0": "{}",
    "—": "---",
    "–": "--",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\dots{}",
    "∞": r"$\infty$",
    "²": r"\textsuperscript{2}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": r"$-$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
}


def escaped(text: str) -> str:
    r"""Return text as LaTeX prints it: on one line, without a sign that LaTeX or its fonts read as something else.

    >>> print(escaped(r"\input{x} 5% of t1__a_b"))
    \textbackslash{}input\{x\} 5\% of t1\_\_a\_b
    """
    line = "".join(sign for sign in " ".join(text.split()) if sign.isprintable())
    apart = _JOINED.sub("\0", line)  # of two hyphens LaTeX makes a dash
    return "".join(_SIGNS.get(sign, sign) for sign in apart)


def as_latex(table: Table, label: str) -> str:
    """Return a table as a float that needs the packages booktabs, textcomp and T1 fonts.

    Parameters
    ----------
    table : Table
    label : str
        Behind ``tab:``; letters, digits and underscores.
    """
    numbers = table.n_numbers
    columns = "l" + "r" * numbers + "l" * (len(table.header) - 1 - numbers)
    body = "\n".join(_body(table))
    return (
        "% needs \\usepackage{booktabs}, \\usepackage[T1]{fontenc} and \\usepackage{textcomp}\n"
        "\\begin{table}\n\\centering\\small\n"
        f"\\caption{{{escaped(table.caption)}}}\n\\label{{tab:{label}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{_row(table.header)}\n\\midrule\n{body}\n\\bottomrule\n"
        "\\end{tabular}\n\\end{table}\n"
    )


def _body(table: Table) -> Iterator[str]:
    for place, (heading, rows) in enumerate(table.groups):
        if heading:
            yield from ["\\addlinespace"] * bool(place)
            yield f"\\multicolumn{{{len(table.header)}}}{{l}}{{\\textit{{{escaped(heading)}}}}} \\\\"
        for row in rows:
            yield _row(map(str, row))


def _row(cells: Iterable[str]) -> str:
    # A row that begins with [ would be read as an option of the line break before it.
    return " & ".join(f"{{{text}}}" if text.startswith(("[", "*")) else text for text in map(escaped, cells)) + " \\\\"
