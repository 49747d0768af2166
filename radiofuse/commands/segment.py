"""``radiofuse segment``: masks by a network or by another program, in place of an expert's, and how well they fit."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.cohort_make import write_rows
from radiofuse.commands.segment_words import (
    EMPTY,
    UNKNOWN_TRAINING,
    parse_channels,
    parse_numbers,
    refuse_unread,
    sentences_of,
)
from radiofuse.commands.terminal import say
from radiofuse.deep.requirement import HOW_TO_INSTALL
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_file, require_folder, starts_with
from radiofuse.wording import some

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.deep.segmentation.masks import NetworkMasks
    from radiofuse.deep.segmentation.options import SegmenterOptions
    from radiofuse.extract.predicted_masks import ImagedSample, MaskedCohort, MaskMaker
    from radiofuse.imaging.segment_command import CommandMasks

SCORES, SUMMARY, VOLUMES = "segmentation.csv", "segmentation_summary.csv", "volumes.csv"
TABLES = {
    VOLUMES: "sample_id,patient_id,mask_source,region,volume_ml",
    SCORES: "sample_id,patient_id,mask_source,region,",
    SUMMARY: "region,n_patients,dice,",
}

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    context: typer.Context,
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    out: Annotated[Path, typer.Option(help="The folder of the masks, their cohort.csv and their scores.")] = Path(
        "segmented"
    ),
    bundle: Annotated[Path | None, typer.Option(help="The folder that --train left.")] = None,
    train: Annotated[
        Path | None, typer.Option(help="Train a U-Net on the experts' masks first, and leave it in this folder.")
    ] = None,
    program: Annotated[
        str | None,
        typer.Option(
            "--command", help="A program in place of a network, run once for each sample, with {images} and {out}."
        ),
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="The sequences that are read, in order, as t1,t1ce,t2,flair; left out, all.")
    ] = None,
    naming: Annotated[str, typer.Option(help="Of --command: how it wants files named, nnunet or brats.")] = "nnunet",
    labels: Annotated[
        str, typer.Option(help="Of --command: which labels it writes for which parts; any is for one label.")
    ] = "NCR=1 ED=2 ET=4",
    time_limit_s: Annotated[float, typer.Option(min=1, help="Of --command: seconds for one sample.")] = 3600.0,
    folds: Annotated[int, typer.Option(min=2, help="Of --train: folds of the patients, a network for each.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Of --train.")] = 12,
    window: Annotated[str, typer.Option(help="Of --train: voxels of a window, as 32 or 128,128,96.")] = "32",
    widths: Annotated[str, typer.Option(help="Of --train: channels of each level.")] = "8,16,32",
    batch_size: Annotated[int, typer.Option(min=1, help="Of --train: windows in a step.")] = 4,
    learning_rate: Annotated[float, typer.Option(help="Of --train.")] = 1e-2,
    as_they_are: Annotated[
        bool, typer.Option("--intensities-as-they-are", help="Of --train: no z-scores, where images have them already.")
    ] = False,
    once: Annotated[
        bool,
        typer.Option("--no-flips", help="Of a network: answer once, not in eight flips, in an eighth of the time."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of --train: of the folds and the training.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    dask: terminal.DaskFolds = None,
) -> None:
    """Make masks of a cohort's tumors, by a U-Net or by another program."""
    with terminal.quick_imports():
        from radiofuse.extract.predicted_masks import make_masks
        from radiofuse.tables.images import imaged_modalities

    refuse_unread(_given(context), _require_one(bundle, train, program))
    _require_outputs(out, cohort, train)
    if program is not None:
        _check_program(program, naming, labels)
    numbers: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    numbers |= {"window": parse_numbers(window, "--window", 3), "widths": parse_numbers(widths, "--widths")}
    options = None if train is None else _options(numbers, as_they_are=as_they_are)
    maker: MaskMaker | None = None if bundle is None else _by_network(bundle, device, flips=not once)
    table, samples = _read(cohort)
    read = parse_channels(channels, imaged_modalities(table))
    if train is not None and options is not None:
        _train(samples, read, train, options, n_folds=folds, seed=seed, device=device, dask=dask)
        maker = _by_network(train, device, flips=not once)
    elif maker is None:
        maker = _by_command(program or "", read, naming, labels, time_limit_s)
    with terminal.progress("Segmenting", "samples") as on_done:
        made = make_masks(table, samples, maker, out, on_done=on_done)
    _write(made, maker, out, seed, by_program=program is not None)
    raise typer.Exit(terminal.INPUT if len(made.failures) else terminal.DONE)


def _read(cohort: Path) -> tuple[pd.DataFrame, list[ImagedSample]]:
    """Return a cohort table and those of its samples that have images; name the others."""
    from radiofuse.extract.mask_codings import expert_codings
    from radiofuse.extract.predicted_masks import imaged_samples
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.tables.roles import SAMPLE

    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    samples = imaged_samples(table, expert_codings(table))
    if without := sorted(set(table[SAMPLE]) - {sample.sample_id for sample in samples}):
        say(f"Without any image, so that no mask can be made: {some(without)}.")
    return table, samples


def _write(made: MaskedCohort, maker: MaskMaker, out: Path, seed: int, *, by_program: bool) -> None:
    """Write the tables beside the masks, and say what came of the samples and how well masks fit."""
    from radiofuse.evaluate.findings import list_failures
    from radiofuse.statistics.segmentation import summarize_regions
    from radiofuse.tables.spreadsheet import write_csv

    say(list_failures(made.failures))
    for sentence in maker.warnings():
        say(sentence)
    write_rows(made.rows, out / "cohort.csv")
    write_file(out / VOLUMES, partial(write_csv, made.volumes))
    if len(made.scores):
        summary = summarize_regions(made.scores, random_state=seed)
        write_file(out / SCORES, partial(write_csv, made.scores))
        write_file(out / SUMMARY, partial(write_csv, summary))
        for sentence in (*sentences_of(summary), EMPTY, *([UNKNOWN_TRAINING] if by_program else [])):
            say(sentence)
    n = made.n_done + made.n_there
    print(f"{out / 'cohort.csv'}: {n} samples with a mask ({made.n_there} were there), {len(made.failures)} failed")


def _given(context: typer.Context) -> dict[str, str]:
    """Return the options that stand in the command line, as they are written, by parameter."""
    named = {one.name: one.opts[0] for one in context.command.params if one.name}
    sources = {name: context.get_parameter_source(name) for name in named}
    return {name: named[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def _require_one(bundle: Path | None, train: Path | None, program: str | None) -> str:
    """Return which of three ways makes the masks."""
    options = {"--bundle": bundle, "--train": train, "--command": program}
    given = [name for name, one in options.items() if one is not None]
    lacking = [name for name in ("torch", "safetensors") if find_spec(name) is None]
    if lacking and program is None:
        raise RequestError(f"A network needs {' and '.join(lacking)}; {HOW_TO_INSTALL}.")
    if len(given) != 1:
        told = " and ".join(given) or "none of them"
        raise RequestError(f"One of --bundle, --train and --command says who makes the masks; {told} was given.")
    return given[0]


def _require_outputs(out: Path, cohort: Path, train: Path | None) -> None:
    """Refuse what may not be written, before anything is read."""
    require_folder(out, "--out")
    require_file(out / "cohort.csv", "--out", [cohort], ours=lambda path: any(path.parent.glob("*/record.json")))
    for name, start in TABLES.items():
        require_file(out / name, "--out", [cohort], ours=starts_with(start))
    if train is not None:
        require_folder(train, "--train")
        if train.is_dir() and any(train.iterdir()):
            raise RequestError(
                f"--train {train} is not empty. Name a new folder, or use the segmenter in it with --bundle {train}."
            )


def _train(
    samples: list[ImagedSample],
    channels: tuple[str, ...],
    folder: Path,
    options: SegmenterOptions,
    *,
    n_folds: int,
    seed: int,
    device: str,
    dask: str | None,
) -> None:
    """Train a network for each fold of the patients whose masks an expert drew."""
    from radiofuse.deep.segmentation.cross_fitting import train_segmenter
    from radiofuse.evaluate.findings import list_failures
    from radiofuse.extract.segmenter_examples import common_coding, training_examples
    from radiofuse.work.cluster import on_cluster

    with TemporaryDirectory() as kept:
        with terminal.progress("Reading", "samples") as on_done:
            examples, failures = training_examples(samples, channels, kept, scaled=options.z_scores, on_done=on_done)
        if len(failures):
            say(list_failures(failures))
        with on_cluster(dask, 1) as n_jobs, terminal.progress("Training", "epochs") as on_epoch:
            train_segmenter(
                examples,
                folder,
                channels,
                common_coding(samples),
                options,
                n_folds=n_folds,
                seed=seed,
                device=device,
                n_jobs=n_jobs,
                on_epoch=on_epoch,
            )
    say(f"The segmenter lies in {folder}: its card holds ids of patients, and digests of their images.")


def _options(numbers: dict[str, Any], *, as_they_are: bool) -> SegmenterOptions:
    from radiofuse.deep.segmentation.options import SegmenterOptions

    return SegmenterOptions(**numbers, z_scores=not as_they_are)


def _by_network(folder: Path, device: str, *, flips: bool) -> NetworkMasks:
    from radiofuse.deep.segmentation.masks import NetworkMasks
    from radiofuse.deep.segmentation.segmenter import load_segmenter

    return NetworkMasks(load_segmenter(folder), device, flips=flips)


def _check_program(command: str, naming: str, labels: str) -> None:
    """Refuse what no program can be run by, before anything is read."""
    from radiofuse.deep.segmentation.classes import PARTS
    from radiofuse.imaging.segment_command import NAMINGS, check_segmenter

    check_segmenter(command)
    if naming not in NAMINGS:
        raise RequestError(f"--naming is {naming!r}; choose from {', '.join(NAMINGS)}.")
    if not set(PARTS) <= set(_coding(labels) or PARTS):
        raise RequestError(f"--labels is {labels!r}; a label for each of {', '.join(PARTS)} was expected, or any.")


def _coding(labels: str) -> dict[str, int] | None:
    from radiofuse.imaging.regions import coding_in

    return None if labels == "any" else coding_in(labels)


def _by_command(command: str, channels: tuple[str, ...], naming: str, labels: str, time_limit_s: float) -> CommandMasks:
    from radiofuse.imaging.segment_command import CommandMasks

    return CommandMasks(command, channels, _coding(labels), naming, time_limit_s)
