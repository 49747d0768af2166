"""A paper pack as a folder beside the run's page."""

from __future__ import annotations

from pathlib import Path

from radiofuse.bundle.verify import beside_bundle, find_bundle, verify_bundle
from radiofuse.report.own_folder import write_own
from radiofuse.report.paper.pack import pack_of_bundle
from radiofuse.report.paper.selection_pack import pack_of_selection
from radiofuse.report.selection.read import is_selection

RECORD = "paper.json"


def write_paper(run: str | Path, folder: str | Path | None = None, *, overwrite: bool = False) -> Path:
    """Write what a manuscript needs of a run: methods with references, tables, figures and a replay in R.

    Parameters
    ----------
    run : str or Path
        The output folder of a run, or its bundle, or that of a selection. Tables and descriptions are read; the model
        is never opened.
    folder : str or Path, optional
        Where to write; by default ``paper`` beside a run's bundle, ``NAME_paper`` beside another, or in the selection.
    overwrite : bool, default=False
        Whether files of these names that this function did not write may be replaced.

    Returns
    -------
    Path
        The folder, with ``methods.md``, ``references.bib``, ``table_*.csv`` and ``table_*.tex``, ``figure_*.svg``,
        ``figure_*.pdf`` and ``figure_*.csv``, ``replay.R``, ``methods.docx`` and ``tables.docx``
        where the extra ``paper`` is installed, and ``paper.json``, which lists them.
        Equal bundles give equal bytes.

    Raises
    ------
    BundleError
        If the folder is no bundle, is not as it was written, or lacks what is needed.
    RequestError
        If the folder cannot be written, or holds files of these names that are not ours.

    Examples
    --------
    >>> write_paper("no/such/run")
    Traceback (most recent call last):
    radiofuse.errors.BundleError: no/such/run is not a bundle: it has no manifest.json. ...
    """
    if is_selection(Path(run)):
        target = Path(folder) if folder is not None else Path(run) / "paper"
        write_own(target, pack_of_selection(Path(run)), RECORD, overwrite=overwrite)
        return target
    bundle = find_bundle(run)
    digests = verify_bundle(bundle)["files"]
    target = Path(folder) if folder is not None else beside_bundle(bundle, "paper")
    write_own(target, pack_of_bundle(bundle, digests), RECORD, overwrite=overwrite)
    return target
