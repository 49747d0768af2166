"""Tables and sentences on narrow screens: nothing too long, nothing lost, no number broken."""

from __future__ import annotations

import io
import logging
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.format import TABLES
from radiofuse.commands import store as store_command
from radiofuse.commands import terminal
from radiofuse.commands.published_words import describe_published
from radiofuse.commands.run_words import SHOWN, describe_best, describe_comparisons, scoreboard
from radiofuse.commands.screen import sentence_lines, table_lines, wrapped
from radiofuse.commands.selection_words import describe
from radiofuse.commands.selftest import KINDS, READING, _sentences
from radiofuse.selection_run.tables import SelectionTables
from radiofuse.tables.outcomes import Outcome


def test_words_for_a_person_are_wrapped_between_words_and_items_stay_items(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = "Error: t.csv has 2 problems:\n  - Cells that are not finite numbers: t1__f0 of s03.\n  - " + 50 * "x"
    lines = wrapped(text).split("\n")
    assert lines[1:3] == ["  - Cells that are not finite numbers:", "    t1__f0 of s03."]
    assert " ".join(line.strip() for line in lines) == text.replace("\n  ", " ")
    assert all(len(line) <= 40 or "xxx" in line for line in lines)


@pytest.mark.parametrize("is_a_terminal", [True, False])
def test_a_sentence_is_wrapped_for_a_terminal_and_stays_a_line_in_a_file(is_a_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    screen = io.StringIO()
    screen.isatty = lambda: is_a_terminal
    monkeypatch.setattr(sys, "stderr", screen)
    terminal.say("The probabilities of 3 samples look better than those of new patients.")
    record = logging.LogRecord(
        "radiofuse", logging.WARNING, "", 0, "A warning that is longer than the screen is wide.", (), None
    )
    told = terminal._Sentences("%(message)s").format(record)
    assert (max(map(len, screen.getvalue().split("\n"))) <= 40) is is_a_terminal
    assert ("\n" in told) is is_a_terminal


IDH = Outcome("idh", ("0", "1"))
METRICS = (*SHOWN[IDH.kind], "f1")
MODELS = ("t1", "t1ce", "constrained_method2", "radiomics_linear_regression", "mycomb:LogitMeanOfAllTheMembers")
FEATURES = ("original_gldm_LargeDependenceLowGrayLevelEmphasis", "wavelet-HHL_glcm_Imc1", "age")


def scores() -> pd.DataFrame:
    rows = [
        (model, "1", metric, 0.512, 0.4, 0.6, 30 + place) for place, model in enumerate(MODELS) for metric in METRICS
    ]
    return pd.DataFrame(rows, columns=["model", "class", "metric", "value", "low", "high", "n_patients"])


def learning() -> pd.DataFrame:
    rows = [("idh", model, "1", "auc", 0.512, 0.3, 0.7, 25) for model in MODELS]
    return pd.DataFrame(rows, columns=list(TABLES["learning_intervals"].columns))


def best() -> pd.DataFrame:
    rows = [(outcome, MODELS[-1], "1", 5, 0.812, low) for outcome, low in (("idh", 0.704), ("mgmt", float("nan")))]
    return pd.DataFrame(rows, columns=list(TABLES["best_of_models"].columns))


def comparisons() -> pd.DataFrame:
    rows = [("idh", MODELS[-1], b, "auc", 0.0213, -0.036, 0.0826, 0.0312, "bootstrap", 98) for b in MODELS]
    return pd.DataFrame(rows, columns="outcome a b metric difference low high p_value test n_patients".split())


def published() -> pd.DataFrame:
    source = "Shi et al. 2023, Table III, of another cohort from the same archive, fused as the members were"
    table = ("What each part brings, alone and fused", source)
    rows = [(*table, "idh", f"Row {m}", m, metric, 0.7, 0.6, 0.8, 0.75) for m in MODELS for metric in METRICS]
    return pd.DataFrame(rows, columns=list(TABLES["published"].columns))


def selection_tables() -> SelectionTables:
    n = len(FEATURES)
    selection = pd.DataFrame({"modality": "t1ce_late", "feature": FEATURES, "family": "firstorder", "selected": True})
    numbers = dict.fromkeys("times_selected mean_rank auc auc_low auc_high p q_bh median_coef sign_consistency".split())
    selection = selection.assign(**dict.fromkeys(numbers, 0.1234)).assign(rank=np.arange(n), times_selected=100)
    stability = pd.DataFrame([("t1ce_late", 4.04, 100, 29, 0.48, 0.36)])
    stability.columns = "modality mean_selected n_selections n_empty nogueira mean_jaccard".split()
    auc = {name: {"value": 0.8, "low": 0.7, "high": 0.9} for name in MODELS}
    steps = {"mann_whitney": 33, "correlation": 21, "stability": 9, "lasso": 3}
    record = {
        "flow": {"t1ce_late": {"features": 1300, "steps": steps, "selected": 3}},
        "words": {step: {"kept": f"after {step}"} for step in steps},
        "settings": {"adjust": "bh", "alpha": 0.05, "r": 0.9, "rule": "min"},
        "label": "idh_of_the_second_biopsy",
        "positive": "mutant",
        "classes": ["wildtype", "mutant"],
        "auc_nested": auc,
        "auc_optimistic": auc,
    }
    others = dict.fromkeys(("cv_curve", "path", "predictions", "performance", "correlation", "trace", "folds"))
    return SelectionTables(**{**others, "selection": selection, "stability": stability, "record": record})


class Store:
    """Two blocks, one of a long name."""

    def blocks(self) -> list[str]:
        return ["default-c2", "settings-of-the-second-reader-with-wavelets-and-laplacians-of-gaussians-71c0ffee"]


def store_blocks(monkeypatch, capsys) -> str:
    line = {"features": 1300, "ok": 123456, "failed": 12}
    monkeypatch.setattr(store_command, "_open", lambda root: Store())
    monkeypatch.setattr(store_command, "_summarize", lambda store, block: {"block": block, **line})
    store_command.list_blocks.__wrapped__()
    return capsys.readouterr().out.rstrip("\n")


PRINTED = {
    "scoreboard": lambda *_: scoreboard(scores(), IDH),
    "scoreboard with both intervals": lambda *_: scoreboard(scores(), IDH, learning()),
    "best": lambda *_: describe_best(best()),
    "comparisons": lambda *_: describe_comparisons(comparisons()),
    "published": lambda *_: describe_published(published()),
    "select": lambda *_: describe(selection_tables(), "table"),
    "selftest": lambda *_: "\n".join(
        line
        for sentence in [*_sentences({kind: dict.fromkeys(MODELS, [0.512] * 3) for kind in KINDS.values()}), READING]
        for line in sentence_lines(sentence)
    ),
    "store ls": store_blocks,
}


def printed(name: str, width: int, monkeypatch, capsys) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    return PRINTED[name](monkeypatch, capsys).splitlines()


@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed_fits_the_screen_and_is_all_there(name, monkeypatch, capsys):
    wide = " ".join(printed(name, 1000, monkeypatch, capsys)).split()
    for width in (120, 80, 60):
        lines = printed(name, width, monkeypatch, capsys)
        assert max(map(len, lines), default=0) <= width, max(lines, key=len)
        unbroken = "".join(lines).replace(" ", "")  # a name longer than the screen goes on in the next line
        assert [word for word in set(wide) if word not in " ".join(lines).split() and word not in unbroken] == []


def test_without_a_terminal_a_screen_has_80_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: (_ for _ in ()).throw(OSError()))
    assert max(map(len, scoreboard(scores(), IDH).splitlines())) <= 80


def test_columns_without_room_follow_with_the_names_once_more(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    lines = table_lines(("", "auc", "brier"), [("mean", "0.84 of 1", "0.18"), ("t1", "0.4 of 1", "0.3")])
    assert lines == [
        "            auc",
        "mean  0.84 of 1",
        "t1     0.4 of 1",
        "",
        "      brier",
        "mean   0.18",
        "t1      0.3",
    ]


def test_rows_without_room_continue_below_their_names(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    lines = table_lines(("feature", "p", "coef"), [("original_glcm_Imc1", "0.04", "-0.0101")])
    assert lines == ["feature", "       p     coef", "original_glcm_Imc1", "    0.04  -0.0101"]


def test_intervals_are_not_broken(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = sentence_lines("AUC of mean minus nonnegative: +0.02 (-0.03 to +0.08), p = 0.44 (bootstrap)")
    assert lines == ["AUC of mean minus nonnegative: +0.02", "  (-0.03 to +0.08), p = 0.44 (bootstrap)"]


def test_the_interval_for_other_patients_to_learn_from_stands_first(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    header, first, *others = scoreboard(scores(), IDH, learning()).splitlines()
    assert re.split(r"  +", header.strip())[:3] == ["auc", "auc, same models", "balanced_accuracy"]
    assert re.findall(r"\([^)]+\)", first)[:2] == ["(0.30 to 0.70)", "(0.40 to 0.60)"]
    assert [line.partition(":")[0] for line in others[-2:]] == ["auc", "auc, same models"]
    alone = scoreboard(scores(), IDH, learning().assign(low=float("nan"), high=float("nan"))).splitlines()[1]
    assert re.split(r"  +", alone)[1:3] == ["0.51", "0.51 (0.40 to 0.60)"]
    assert scoreboard(scores(), IDH, learning().head(0)) == scoreboard(scores(), IDH)


def test_the_best_model_is_told_where_it_has_a_bound(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert describe_best(best()) == (
        f"idh: AUC of {MODELS[-1]}, the highest of 5 models: 0.81, with all of them tried at least 0.70 (95 % bound, "
        "same models)"
    )
