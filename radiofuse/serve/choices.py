"""What a user chose on the contact sheet, held against what lies there and what the bundle reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radiofuse.serve.beside import beside_of
from radiofuse.serve.names import own_part
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.tasks import Chosen
from radiofuse.wording import listed

MASK = "mask"


@dataclass(frozen=True)
class Choice:
    """The bundle, the scan, and which file is which sequence.

    Attributes
    ----------
    bundle : int
    sample_id : str
    chosen : tuple of Chosen
    layout, root : str
        Of the look where nothing was changed: then the folder is read as it came; else "".
    beside : dict of str to str
        What the model reads beside images, by column; "" what is not known.
    """

    bundle: int
    sample_id: str
    chosen: tuple[Chosen, ...]
    layout: str
    root: str
    beside: dict[str, str]


def choice_of(look: Mapping[str, Any], bundles: Sequence[Mapping[str, Any]], form: Mapping[str, str]) -> Choice:
    """Return what the form of a contact sheet says.

    Parameters
    ----------
    look : mapping
        As ``look_through`` returns it.
    bundles : sequence of mapping
        As ``describe`` returns each.
    form : mapping of str to str
        ``bundle``, ``sample``, ``as0``, ``as1`` and so on, one per file: what it is, "" for none; and by column
        what the bundle reads beside images.

    Raises
    ------
    RefusedError
        If a bundle is not one of ours, two files are one sequence, one cannot be read, what the bundle reads is not
        there, or what stands beside it is no number.
    """
    number = _number(form.get("bundle", "0"), len(bundles))
    samples = list(dict.fromkeys(item["sample"] for item in look["items"]))
    sample = form.get("sample", samples[0])
    if sample not in samples:
        raise RefusedError(422, "Choose one of the scans that the files hold.")
    own = [(at, item) for at, item in enumerate(look["items"]) if item["sample"] == sample]
    known = {"", MASK, *(name for bundle in bundles for name in bundle["sequences"])}
    said = {at: form.get(f"as{at}", item["what"]) for at, item in own}
    if any(said[at] not in known | {item["what"]} for at, item in own):
        raise RefusedError(422, "Choose for every file one of the sequences that the page offers.")
    read = {*bundles[number]["sequences"], MASK}
    _refuse_unusable([item for at, item in own if said[at] in read])
    chosen = tuple(Chosen(item["path"], said[at]) for at, item in own if said[at] in read)
    _require(bundles[number], chosen)
    is_as_it_came = bool(look["layout"]) and len(samples) == 1 and all(said[at] == item["what"] for at, item in own)
    is_as_it_came = is_as_it_came and look["layout"] != "dicom"
    layout, root = (look["layout"], look["root"]) if is_as_it_came else ("", "")
    return Choice(number, own_part(sample), chosen, layout, root, beside_of(bundles[number], form))


def why_not(look: Mapping[str, Any], bundles: Sequence[Mapping[str, Any]], form: Mapping[str, str]) -> str:
    """Return why what a form says cannot be started, "" where it can; see ``choice_of``."""
    try:
        choice_of(look, bundles, form)
    except RefusedError as error:
        return error.sentence
    return ""


def _number(text: str, n_bundles: int) -> int:
    numbers = {str(number): number for number in range(n_bundles)}  # no digits are read: they may be thousands
    if text not in numbers:
        raise RefusedError(422, "Choose one of the models of this server.")
    return numbers[text]


def _refuse_unusable(items: Sequence[Mapping[str, Any]]) -> None:
    for item in items:
        if not item.get("is_usable", True):
            raise RefusedError(
                422,
                f"{item['shown']} cannot be read. Choose \u201cnot used\u201d for it, or send a file that is whole.",
            )


def _require(bundle: Mapping[str, Any], chosen: Sequence[Chosen]) -> None:
    names = [one.what for one in chosen]
    known = [*bundle["sequences"], MASK]
    for name in known:
        if names.count(name) > 1:
            raise RefusedError(422, f"Two files were chosen as {name}. Choose one of them, and the other as not used.")
    if not set(names) & set(bundle["sequences"]):
        raise RefusedError(
            422, f"The model reads {listed(bundle['sequences'])}. Say of at least one file which of these it is."
        )
    if bundle["needs_mask"] and MASK not in names:
        raise RefusedError(
            422,
            "The model reads the images inside an outline of the tumor, and none was chosen. Say which file is the "
            "segmentation, or send one with the images.",
        )
