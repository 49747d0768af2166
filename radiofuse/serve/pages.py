"""The pages of the server, in the look of all pages of the package; every text of a client is escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from radiofuse.report.page import Banner, render
from radiofuse.report.patient.surroundings import banners
from radiofuse.serve.beside import fields_of
from radiofuse.serve.choices import MASK, why_not
from radiofuse.serve.jobs import WAITING
from radiofuse.serve.limits import Limits
from radiofuse.serve.result_words import call_of, name_of, notes_of, rows_of, when_of
from radiofuse.wording import counted, listed

HERE = Path(__file__).parent
SCRIPTS = ("drop.js", "sheet.js", "follow.js")
NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:; "
LATEST = 8  # results on the page of the start
STEPS = {"Fingerprinting": "Reading the files", "Extracting": "Measuring the tumor"}  # for who knows no programs


@cache
def own_policy() -> str:
    """Return the policy of our own pages: our scripts and styles, by their digests, and no other."""
    scripts = " ".join(f"'{_hash(name)}'" for name in SCRIPTS)
    written = re.findall(r"<style>(.*?)</style>", refusal_page(""), re.DOTALL)  # of a page without anybody's text
    styles = " ".join(f"'{_digest(text)}'" for text in written)
    return f"{NOTHING}script-src {scripts}; style-src {styles}; connect-src 'self'; form-action 'self'"


def shown_policy() -> str:
    """Return the policy of finished pages: they run in an origin of their own, which has no cookie of ours."""
    return f"sandbox allow-scripts allow-downloads; {NOTHING}script-src 'unsafe-inline'; style-src 'unsafe-inline'"


def refusal_page(sentence: str) -> str:
    """Return the page of a request that is refused."""
    return _page("message.html", "This did not work", sentence, goes_on=False, rooms=False)


def welcome_page() -> str:
    """Return the page of a browser that came by the link."""
    return _page("message.html", "Welcome", "This browser may use the server now.", goes_on=True, rooms=False)


def start_page(
    token: str, limits: Limits, bundles: Sequence[Mapping[str, Any]], queued: Sequence[tuple[str, str]], results: Any
) -> str:
    """Return the page on which an upload begins."""
    sequences = sorted({name for bundle in bundles for name in bundle["sequences"]})
    masked = ", with an outline of the tumor" if any(bundle["needs_mask"] for bundle in bundles) else ""
    return _page(
        "start.html",
        "A new patient",
        "Send the images, look whether each is what it should be, start.",
        script="drop.js",
        banners=_banners(bundles),
        here="/",
        token=token,
        limits=limits,
        sequences=f"{listed(sequences)}{masked}",
        queued=queued,
        results=rows_of(results[:LATEST]),
    )


def sheet_page(
    name: str,
    token: str,
    look: Mapping[str, Any],
    bundles: Sequence[Mapping[str, Any]],
    said: Mapping[str, str],
    trouble: str = "",
) -> str:
    """Return the contact sheet of an upload, on which the user says what nobody else can tell, and starts.

    Parameters
    ----------
    name, token : str
        Of the upload, and of the forms of the browser.
    look : mapping
        As ``look_through`` returns it.
    bundles : sequence of mapping
        As ``describe`` returns each.
    said : mapping of str to str
        What was chosen before, by field of the form.
    trouble : str
        Why that was refused.
    """
    samples = list(dict.fromkeys(item["sample"] for item in look["items"]))
    known = [*sorted({one for bundle in bundles for one in bundle["sequences"]}), MASK]
    items = [
        {**item, "number": at, "options": _options(item["what"], known), "said": said.get(f"as{at}", item["what"])}
        for at, item in enumerate(look["items"])
    ]
    items.sort(key=lambda item: (bool(item["what"]), item["what"] == MASK))  # what is asked for comes first
    asked = sum(not item["what"] for item in items)
    lead = f"{counted(len(items), 'file')} of {listed(samples)}. Is each of them what it should be?"
    hint = "Every file has a name that says what it is."
    if asked:
        hint = f"Before: the name of {counted(asked, 'file')} does not say what it is. Choose, or leave it unused."
    return _page(
        "sheet.html",
        "Are these the right images?",
        lead,
        script="sheet.js",
        said=said,
        fields=fields_of(bundles),
        why_not=why_not(look, bundles, said),
        id=name,
        token=token,
        items=items,
        samples=samples,
        models=[_model(bundle) for bundle in bundles],
        notes=look["notes"],
        trouble=trouble,
        hint=hint,
    )


def job_page(name: str, token: str, told: Mapping[str, Any], *, has_ended: bool) -> str:
    """Return the page of a job in the queue."""
    title = "This did not work" if has_ended else "In work"
    return _page(
        "job.html",
        title,
        "" if has_ended else "You may close this page and come back: the work goes on.",
        script="" if has_ended else "follow.js",
        id=name,
        token=token,
        ended=has_ended,
        sentence=told["sentence"],
        said=said_of(told),
    )


def results_page(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the list of results."""
    return _page(
        "results.html", "Results", f"{counted(len(results), 'result')}.", here="/results", results=rows_of(results)
    )


def models_page(bundles: Sequence[Mapping[str, Any]]) -> str:
    """Return what the server's models answer, and how they were tested."""
    models = [
        _model(one) | {"report": f"/reports/{number}" if one["report"] else ""} for number, one in enumerate(bundles)
    ]
    return _page(
        "models.html", "Models", f"{counted(len(models), 'model')} of this server.", here="/models", models=models
    )


def result_page(
    about: Mapping[str, Any], token: str, told: Mapping[str, Any] | None, pages: Sequence[tuple[str, str]]
) -> str:
    """Return the page of a result."""
    seconds = f", computed in {about['seconds']:.0f} s" if about.get("seconds") else ""
    return _page(
        "result.html",
        name_of(about),
        f"{about.get('bundle', 'A model')}; asked {when_of(about)}{seconds}.",
        banners=[] if told is None else banners(told, "doctor"),
        id=about["id"],
        token=token,
        sentence=about.get("sentence", ""),
        calls=[] if told is None else [call_of(name, one) for name, one in told["outcomes"].items()],
        notes=[] if told is None else notes_of(told),
        pages=pages,
        has_answer=told is not None,
    )


def said_of(told: Mapping[str, Any]) -> str:
    """Say in a sentence how far a job is."""
    if told["state"] == WAITING:
        ahead = told["ahead"]
        return "It is next." if not ahead else f"Waiting: {counted(ahead, 'other')} before this one."
    share = f", {told['done']} of {told['total']}" if told["total"] else ""
    return f"{STEPS.get(told['step'], told['step']) or 'Beginning'}{share} …"


# ---------------------------------------------------------------- parts


def _page(template: str, title: str, lead: str, *, script: str = "", here: str = "", **values: Any) -> str:
    text = _script(script) if script else ""
    shown: dict[str, Any] = {
        "script": text,
        "script_hash": _hash(script) if script else "",
        "here": here,
        "rooms": True,
    }
    return render(template, title=title, lead=lead, templates=HERE, **(shown | values))


@cache
def _script(name: str) -> str:
    return (HERE / name).read_text()


@cache
def _hash(name: str) -> str:
    return _digest(_script(name))


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _banners(bundles: Sequence[Mapping[str, Any]]) -> list[Banner]:
    synthetic = [bundle["title"] for bundle in bundles if bundle["is_synthetic"]]
    published = [f"{one['title']}: {said}" for one in bundles for said in one["as_published"]]
    return [
        Banner("Trained on synthetic data: not for any patient", tuple(synthetic)),
        Banner("As published, against our own rules", tuple(published)),
    ]


def _model(bundle: Mapping[str, Any]) -> dict[str, Any]:
    outline = ", and an outline of the tumor" if bundle["needs_mask"] else ""
    synthetic = ["Trained on synthetic data: not for any patient."] if bundle["is_synthetic"] else []
    return {
        "title": bundle["title"],
        "answers": listed([one["phrase"] for one in bundle["outcomes"]]),
        "reads": f"{listed(bundle['sequences'])}{outline}",
        "notes": " ".join([*synthetic, *bundle["as_published"], *bundle["version_warnings"]]),
    }


def _options(what: str, known: Sequence[str]) -> list[tuple[str, str]]:
    others = [what] if what and what not in known else []
    words = {MASK: "outline of the tumor"}
    return [
        ("", "not used"),
        *((one, words.get(one, one)) for one in known),
        *((one, f"{one} (not read)") for one in others),
    ]
