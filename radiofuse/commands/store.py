"""``python -m radiofuse.store``: list, verify, clean or export a feature store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.screen import table_lines
from radiofuse.errors import RequestError
from radiofuse.files.objects import ObjectPath
from radiofuse.files.outputs import is_stream, require_file
from radiofuse.files.places import on_this_machine, place_of

if TYPE_CHECKING:
    from radiofuse.store.feature_store import FeatureStore

app = terminal.command_app("List, verify, clean or export a feature store.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command("ls")
@terminal.answers
def list_blocks(store: terminal.Store = terminal.STORE, as_json: AsJson = False) -> None:
    """List the blocks: how many features, vectors and failures each holds."""
    opened = _open(store)
    lines = [_summarize(opened, block) for block in opened.blocks()]
    if as_json:
        print(json.dumps(lines, indent=1))
        return
    header = ("block", "features", "ok", "failed")
    rows = [tuple(str(line[name]) for name in header) for line in lines]
    print("\n".join(table_lines(header, rows)))


def _summarize(store: FeatureStore, block: Any) -> dict[str, Any]:
    status = list(store.status_of(block).values())
    return {
        "block": block.name,
        "features": len(block.feature_names),
        "ok": status.count("ok"),
        "failed": status.count("failed"),
        "identity": block.identity,
    }


@app.command()
@terminal.answers
def verify(store: terminal.Store = terminal.STORE, as_json: AsJson = False) -> None:
    """Read every byte and compare all checksums; exit with 3 if anything is bad."""
    from dataclasses import asdict, replace

    from radiofuse.store.arrays import ArrayStore

    with terminal.progress("Verifying", "shards") as on_done:
        report = _open(store).verify(on_done)
    report = replace(report, problems=[*report.problems, *ArrayStore(store).verify()])
    if as_json:
        print(json.dumps(asdict(report), indent=1))
    else:
        print(f"{report.shards} shards of {report.blocks} blocks: {report.ok} vectors, {report.failed} failures good")
        for problem in report.problems:
            terminal.say(problem)
    raise typer.Exit(terminal.INPUT if report.problems else terminal.DONE)


@app.command()
@terminal.answers
def gc(
    store: terminal.Store = terminal.STORE,
    empty_quarantine: Annotated[bool, typer.Option("--empty-quarantine", help="Delete damaged shards too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what crashes left, and merge small files."""
    done = _open(store).gc(empty_quarantine=empty_quarantine)
    print(json.dumps(done) if as_json else ", ".join(f"{what.replace('_', ' ')}: {n}" for what, n in done.items()))


@app.command()
@terminal.answers
def export(
    out: Annotated[Path, typer.Argument(help="A .csv or .parquet file; - is the screen.")],
    store: terminal.Store = terminal.STORE,
    block: Annotated[list[str] | None, typer.Option(help="Which block; repeat for several side by side.")] = None,
    cohort: Annotated[
        Path | None, typer.Option(help="Rows and ids of this cohort table, its vectors found by what its files hold.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="With --cohort: which region, where several were extracted.")
    ] = None,
    as_json: AsJson = False,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write one wide table: a row per sample, columns <modality>__<feature>."""
    if region and cohort is None:
        raise RequestError("--region is of the masks of a cohort table. Name it with --cohort.")
    opened = _open(store)
    names = block or [one.name for one in opened.blocks()]
    if not block and len(names) != 1:
        raise RequestError(f"{store} has {len(names)} blocks; choose with --block: {', '.join(names) or 'none'}.")
    _require_output(out, opened, names, cohort, overwrite=overwrite)
    path = opened.export(out, names, **(_rows_of(cohort, opened, names, region) if cohort else {}))
    if not is_stream(out):
        print(json.dumps({"path": str(path), "blocks": names}) if as_json else path)


def _rows_of(path: Path, store: FeatureStore, names: list[str], region: str | None) -> dict[str, Any]:
    """Return which rows and contents a cohort table names."""
    from radiofuse.extract.stored import find_stored
    from radiofuse.tables.cohort import read_cohort

    cohort = read_cohort(path, missing_files="keep")
    found = {name: find_stored(cohort, store, store.block(name), region=region) for name in names}
    for name, contents in found.items():
        for note in contents.notes(name):
            terminal.say(note)
    return {"sample_ids": list(cohort["sample_id"]), "keys": {name: one.keys for name, one in found.items()}}


def _require_output(out: Path, store: FeatureStore, blocks: list[str], cohort: Path | None, *, overwrite: bool) -> None:
    """Refuse to replace a file that no export of these blocks wrote, or to put one among the store's own."""
    from radiofuse.store.export import is_export

    root = on_this_machine(store.root)
    if {root.resolve() / name for name in ("blocks", "quarantine")} & {*out.resolve().parents}:
        raise RequestError(f"{out} lies among the files of the feature store {store.root}. Choose another place.")
    features = [name for block in blocks for name in store.block(block).feature_names]
    require_file(out, "OUT", [cohort], ours=lambda path: is_export(path, features), overwrite=overwrite)


def _open(named: str) -> FeatureStore:
    from radiofuse.store.feature_store import FeatureStore
    from radiofuse.store.losses import plainly

    root = place_of(named)
    with plainly(f"The feature store {root} cannot be read"):
        there = root.exists()
    if not there:
        lacking = "There is no such bucket, or nothing in that folder" if isinstance(root, ObjectPath) else ""
        raise RequestError(f"There is no feature store at {root}. {lacking and f'{lacking}. '}Name one with --store.")
    store = FeatureStore(root)
    if not (root / "blocks").is_dir() and any(root.iterdir()):  # gc must not clean somebody's folder
        raise RequestError(f"{root} is a folder, but no feature store. Name one with --store.")
    return store
