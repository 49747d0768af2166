"""The reporting forms of a run as a folder beside its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radiofuse.bundle.verify import beside_bundle, find_bundle, verify_bundle
from radiofuse.errors import RequestError
from radiofuse.report.experiment.contents import Contents, read_contents
from radiofuse.report.forms.fact import checked
from radiofuse.report.forms.filled import FORMS, Form, facts_of, fill
from radiofuse.report.forms.page import OWN_WORDS, as_page, as_table, score_words
from radiofuse.report.own_folder import write_own
from radiofuse.report.paper.pack import as_csv
from radiofuse.report.selection.read import is_selection
from radiofuse.report.word import as_word, has_word
from radiofuse.wording import listed

RECORD = "forms.json"


def write_forms(
    run: str | Path, folder: str | Path | None = None, *, forms: Sequence[str] = tuple(FORMS), overwrite: bool = False
) -> Path:
    """Write reporting forms filled from a run: yes, no, not applicable or needs a human, and where it stands.

    Parameters
    ----------
    run : str or Path
        The output folder of a run, or its bundle. Tables and descriptions are read; the model is never opened.
    folder : str or Path, optional
        Where to write; by default ``forms``, or ``NAME_forms`` of a bundle NAME, beside it.
    forms : sequence of {"clear", "metrics", "tripod_ai", "claim_2024"}
        Which ones; left out, all.
    overwrite : bool, default=False
        Whether files of these names that this function did not write may be replaced.

    Returns
    -------
    Path
        The folder, with a page and a table of each form, a Word file where the extra ``paper`` is installed, and
        ``forms.json``, which lists them.

    Raises
    ------
    BundleError
        If the folder is no bundle, is not as it was written, or lacks what is needed.
    RequestError
        If there is no form of a name, the run is a selection, or the folder cannot be written or holds files of these
        names that are not ours.

    Examples
    --------
    >>> write_forms("no/such/run", forms=["stard"])
    Traceback (most recent call last):
    radiofuse.errors.RequestError: There is no form 'stard'. There are clear, metrics, tripod_ai and claim_2024.
    """
    unknown = [name for name in forms if name not in FORMS]
    if unknown:
        raise RequestError(f"There is no form {unknown[0]!r}. There are {listed(list(FORMS))}.")
    if is_selection(Path(run)):
        raise RequestError(
            f"{run} is a selection. The forms ask about the study of a prediction model, and a selection makes none: "
            "`radiofuse run` makes one that selects so. `radiofuse paper` writes the methods of the selection itself."
        )
    bundle = find_bundle(run)
    verify_bundle(bundle)
    target = Path(folder) if folder is not None else beside_bundle(bundle, "forms")
    contents = read_contents(bundle)
    facts = {name: checked(fact, bundle) for name, fact in facts_of(contents).items()}
    files: dict[str, bytes] = {}
    for name in forms:
        files |= _files(fill(name, facts), contents)
    write_own(target, files, RECORD, overwrite=overwrite)
    return target


def _files(form: Form, contents: Contents) -> dict[str, bytes]:
    page = as_page(form, contents).encode("utf-8", errors="replace")
    files = {f"{form.name}.html": page, f"{form.name}.csv": as_csv(as_table(form))}
    if has_word():
        parts = [(f"{len(form.entries)} items", [OWN_WORDS, score_words(form), as_table(form)])]
        files[f"{form.name}.docx"] = as_word(f"{form.title}: {contents.about['title']}", parts)
    return files
