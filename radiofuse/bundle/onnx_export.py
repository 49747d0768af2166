"""The late fusion of a bundle as one graph of ONNX, for programs in which Python is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.calls import threshold_of
from radiofuse.bundle.load import Bundle
from radiofuse.bundle.onnx_graph import INPUT, Graph
from radiofuse.bundle.onnx_parts import member_probability
from radiofuse.bundle.onnx_rules import fused_probability, updated_probability
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import answering, update_of, with_updated
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.fuse import LateFusion
from radiofuse.names import did_you_mean
from radiofuse.tables.outcomes import Outcome

ANSWER, MEMBER = "probability", "member "  # names of outputs; further rules go by their own
TOLERANCE = 1e-5
N_ROWS, SEED = 20, 0


def export_onnx(bundle: Bundle, path: str | Path, *, outcome: str | None = None) -> tuple[float, list[str]]:
    """Write the late fusion that gives a bundle's main answer as one graph of ONNX.

    Its input ``features`` is a table of double precision, shape (n_samples, n_columns), columns as the metadata
    ``columns`` lists them; where a modality is absent all its columns are NaN. Outputs, one number per row, of more
    than two classes one per row and class: ``probability`` (of the positive class), those of each member, NaN where it
    is absent, and of each further rule that ONNX can hold. Of a bundle that was updated on other patients
    ``probability`` is the updated one, and the answer before goes by its own name.

    Parameters
    ----------
    bundle : Bundle
        As ``load_bundle`` returns it.
    path : path
        Replaced where it is there.
    outcome : str, optional
        Default: the first.

    Returns
    -------
    difference : float
        The largest from the bundle's own probabilities, on made-up rows within the training ranges, with each
        modality absent in turn.
    left_out : list of str
        Rules that ONNX cannot hold and that are not the main answer, in sentences.

    Raises
    ------
    RequestError
        If onnx or skl2onnx is not installed, or the model is none that can be exported, or the graph answers
        otherwise than the bundle by more than 1e-5: then nothing is written.
    """
    _require_onnx()
    chosen = _chosen(bundle, outcome)
    fusion = next(iter(bundle.models[chosen.name].values()))
    columns = [column for block in _blocks(fusion, chosen).values() for column in block]
    update = update_of(bundle.description, chosen.name)
    graph, left_out = _graph_of(fusion, columns, update)
    model = graph.model(_metadata(bundle, chosen, columns), len(chosen.classes))
    rows = _made_up(bundle, columns, fusion)
    each = with_updated(fusion.predict_proba_each(rows), bundle.description, chosen.name)
    difference = _difference(model, each, answering(bundle.description, chosen.name), rows)
    if not difference <= TOLERANCE:
        raise RequestError(
            f"The exported graph answers otherwise than the bundle, by up to {difference:.2g}: nothing is written. "
            "Predict with the bundle."
        )
    write_file(Path(path), lambda file: file.write(model.SerializeToString()))
    return difference, left_out


def _require_onnx() -> None:
    try:
        for package in ("onnx", "skl2onnx"):
            import_module(package)
    except ImportError as error:
        raise RequestError(
            f"An export needs the package {error.name}, which is not installed. Install it with: "
            "pip install 'radiofuse[onnx]'"
        ) from None


def _chosen(bundle: Bundle, name: str | None) -> Outcome:
    known = {outcome.name: outcome for outcome in bundle.outcomes}
    if name is not None and name not in known:
        raise RequestError(f"The bundle predicts {', '.join(known)}, not {name!r}.{did_you_mean(name, list(known))}")
    return known[name] if name is not None else bundle.outcomes[0]


def _blocks(fusion: Any, outcome: Outcome) -> dict[str, list[str]]:
    """Return the columns of each member of a late fusion; refuse other models."""
    if type(fusion) is not LateFusion:
        raise RequestError(
            f"The answer of {outcome.name} is of a {type(fusion).__name__}: late fusions can be exported."
        )
    return {name: list(map(str, block)) for name, block in fusion.columns_.items()}


def _graph_of(fusion: Any, columns: list[str], update: Mapping[str, Any] | None) -> tuple[Graph, list[str]]:
    """Return the graph, and sentences on rules that it lacks."""
    graph, place = Graph(len(columns)), {name: number for number, name in enumerate(columns)}
    answer, left_out, n_classes = next(iter(fusion.combiners_)), [], len(fusion.classes_)
    try:
        for name, member in fusion.members_.items():
            block = [place[str(column)] for column in fusion.columns_[name]]
            graph.outputs[f"{MEMBER}{name}"] = member_probability(graph, name, member, block)
        axis = graph.number([1], np.int64)
        P = graph.add("Concat", *(graph.add("Unsqueeze", one, axis) for one in graph.outputs.values()), axis=1)
        told = fused_probability(graph, answer, fusion.combiners_[answer], P, n_classes)
        if update is not None:
            graph.outputs[answer] = told
            told = updated_probability(graph, update, told, n_classes)
        graph.outputs[ANSWER] = told
    except RequestError as error:
        raise RequestError(f"This model cannot be exported to ONNX: {error}. Predict with the bundle.") from None
    for name in list(fusion.combiners_)[1:]:
        try:
            graph.outputs[name] = fused_probability(graph, name, fusion.combiners_[name], P, n_classes)
        except RequestError as error:
            left_out.append(f"Left out: {error}.")
    return graph, left_out


def _metadata(bundle: Bundle, outcome: Outcome, columns: list[str]) -> dict[str, str]:
    about = bundle.description
    said: Mapping[str, Any] = {
        "columns": columns,
        "outcome": outcome.name,
        "classes": list(outcome.classes),
        "positive": outcome.positive if outcome.is_binary else None,
        "threshold": threshold_of(bundle, outcome) if outcome.is_binary else None,
        "answer": answering(about, outcome.name),
        "title": about["title"],
        "synthetic": about["synthetic"],
        "as_published": about["as_published"],
        "radiofuse": about["radiofuse_version"],
    }
    return {name: json.dumps(value) for name, value in said.items()}


# ---------------------------------------------------------------- held against the bundle


def _made_up(bundle: Bundle, columns: list[str], fusion: Any) -> pd.DataFrame:
    """Return rows within the training ranges, with all modalities, and with each one absent in turn."""
    ranges = read_table(bundle.folder, "training_ranges").set_index("column").reindex(columns)
    low, high = (np.nan_to_num(ranges[end].to_numpy(float)) for end in ("low", "high"))
    draws = np.random.default_rng(SEED).random((N_ROWS, len(columns)))
    table = pd.DataFrame(low + draws * (high - low), columns=columns)
    for row, block in enumerate(list(fusion.columns_.values()) if len(fusion.columns_) > 1 else []):
        table.loc[row, block] = np.nan
    return table


def _difference(model: Any, each: pd.DataFrame, answer: str, table: pd.DataFrame) -> float:
    """Return the largest difference of any output; infinite where one says that a member is absent and one not."""
    from onnx.reference import ReferenceEvaluator

    with np.errstate(all="ignore"):
        found = ReferenceEvaluator(model).run(None, {INPUT: table.to_numpy(float)})
    worst = 0.0
    for output, values in zip(model.graph.output, found, strict=True):
        own = each[answer if output.name == ANSWER else output.name.removeprefix(MEMBER)].to_numpy(float)
        if not np.array_equal(np.isnan(own), np.isnan(values)):
            return float("inf")
        worst = max(worst, float(np.nanmax(np.abs(own - values), initial=0.0)))
    return worst
