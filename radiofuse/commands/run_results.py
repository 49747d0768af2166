"""What a run prints of its bundle when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiofuse.bundle.pictures import reads_pictures
from radiofuse.bundle.read import outcomes_in, read_description, read_table
from radiofuse.commands import terminal
from radiofuse.commands.ledger_words import describe_ledger
from radiofuse.commands.published_words import describe_published
from radiofuse.commands.run_words import (
    AS_PUBLISHED,
    describe_absences,
    describe_best,
    describe_collinear,
    describe_comparisons,
    describe_models,
    of_main_models,
    scoreboard,
)
from radiofuse.evaluate.findings import list_failures
from radiofuse.tables.outcomes import outcome_words


def print_results(bundle: Path) -> bool:
    """Print what a run found, as its bundle's tables have it, and say whether every image could be used."""
    about = read_description(bundle)
    _print_scores(bundle, about)
    _print_comparisons(bundle, about)
    for sentence in about["as_published"]:
        print(f"{AS_PUBLISHED}: {sentence}")
    ledger, published = (read_table(bundle, name) for name in ("ledger", "published"))
    if len(ledger):
        print(describe_ledger(ledger))
    if len(published):
        print(describe_published(published, of_several=len(outcomes_in(about)) > 1))
    failures = read_table(bundle, "failures")
    with_images = about["settings"]["radiomics"] is not None or reads_pictures(about)
    terminal.say(list_failures(failures, with_images=with_images))
    return not len(failures)


def _print_scores(bundle: Path, about: Mapping[str, Any]) -> None:
    """Print the scores of every outcome, and what the models are."""
    scores, learning = (read_table(bundle, name) for name in ("scores", "learning_intervals"))
    for outcome in outcomes_in(about):
        print("\n".join(outcome_words([outcome])))
        scored, learned = (table[table["outcome"] == outcome.name] for table in (scores, learning))
        print(scoreboard(scored, outcome, learned))
    print(describe_models(about, scores["model"].unique()))


def _print_comparisons(bundle: Path, about: Mapping[str, Any]) -> None:
    """Print how the answer compares with other models, and what must be known of that."""
    comparisons, best = (read_table(bundle, name) for name in ("comparisons", "best_of_models"))
    print(describe_comparisons(of_main_models(comparisons, about)))
    if lost := describe_absences(comparisons, about):
        print(lost)
    for warning in describe_collinear(read_table(bundle, "predictions"), about):
        terminal.say(warning)
    if len(best):
        print(describe_best(best))
