"""What ``radiofuse predict`` says, on screen, of how far patients lie from those of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radiofuse.wording import listed, some

BEYOND = ("at the edge", "outside")


def of_patient(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield how far a patient lies from those of training, and where a verdict rests on what.

    Parameters
    ----------
    told : mapping
        The entry ``applicability`` of an answer.
    """
    if told["verdict"] is None:
        yield f"How far the patient lies from those of training cannot be told. {told['note']}"
        return
    yield (
        f"Distance to the nearest training patients: {told['distance']:.3g}, {told['verdict']}. Of those 95 % have one "
        f"of up to {told['limit_95']:.3g}, 99 % of up to {told['limit_99']:.3g}."
    )
    if told["verdict"] in BEYOND:
        yield f"Its largest parts lie in {listed([_of_feature(one) for one in told['features']])}."
    if told["spectra"]:
        each = listed([f"{modality} {one['verdict']}" for modality, one in told["spectra"].items()])
        yield f"Intensities, noise and voxels of the images, beside those of training: {each}."


def _of_feature(told: Mapping[str, Any]) -> str:
    return f"{told['feature']} ({told['value']:.3g}; in training {told['low']:.3g} to {told['high']:.3g})"


def of_table(predictions: Any) -> Iterator[str]:
    """Yield a sentence on the samples of a table that lie at the edge or outside of training, if there are any."""
    samples = predictions.drop_duplicates("sample_id")
    for verdict in BEYOND:
        found = samples.loc[samples["applicability"] == verdict, "sample_id"]
        if len(found):
            level, lie = 99 if verdict == "outside" else 95, "lies" if len(found) == 1 else "lie"
            yield (
                f"Warning: {len(found)} of these {len(samples)} samples {lie} {verdict} of what the model was trained "
                f"on ({some(found)}), further from the training patients than {level} % of these from each other. The "
                "columns applicability and distance say so."
            )
