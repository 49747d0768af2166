"""All files of a paper pack, as bytes by name."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.paper.figures import figure_files
from radiofuse.report.paper.latex import as_latex
from radiofuse.report.paper.methods import methods_of
from radiofuse.report.paper.prose import Section, as_markdown, as_paragraphs, cited
from radiofuse.report.paper.references import as_bibtex
from radiofuse.report.paper.tables import has_headings, paper_tables, rows_of
from radiofuse.report.tables import Table
from radiofuse.report.word import as_word, has_word
from radiofuse.tables.spreadsheet import write_csv


def pack_of_bundle(bundle: Path, digests: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of a bundle's paper pack; ``digests`` are the SHA-256 of the bundle's files.

    Raises
    ------
    BundleError
        If the folder lacks a file, a column or an entry that is needed.
    """
    contents = read_contents(bundle)
    title, sections = contents.about["title"], methods_of(contents, digests)
    replay = (Path(__file__).parent / "replay.R").read_bytes()
    return {
        **files_of_texts(title, sections),
        **files_of_tables(title, paper_tables(contents)),
        **figure_files(contents),
        "replay.R": replay,
    }


def files_of_texts(title: str, sections: Sequence[Section]) -> dict[str, bytes]:
    """Return methods and references."""
    texts = {"methods.md": as_markdown(title, sections), "references.bib": as_bibtex(cited(sections))}
    files = {name: text.encode("utf-8", errors="replace") for name, text in texts.items()}
    if has_word():
        files["methods.docx"] = as_word(f"Methods: {title}", as_paragraphs(sections))
    return files


def files_of_tables(title: str, found: Mapping[str, Table]) -> dict[str, bytes]:
    """Return tables as CSV and LaTeX, and all of them in one Word file."""
    files = {}
    for name, table in found.items():
        files[f"table_{name}.csv"] = as_csv(table)
        files[f"table_{name}.tex"] = as_latex(table, name).encode("utf-8", errors="replace")
    if has_word():
        files["tables.docx"] = as_word(f"Tables: {title}", [("", list(found.values()))])
    return files


def as_csv(table: Table) -> bytes:
    """Return the cells of a table as CSV, which a spreadsheet shows and never runs."""
    header = [*(["Group"] if has_headings(table) else []), *table.header]
    buffer = io.BytesIO()
    write_csv(pd.DataFrame(rows_of(table), columns=header), buffer)
    return buffer.getvalue()
