"""What ``radiofuse predict`` says, on screen, of how far patients lie from those of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radiofuse.wording import listed, some

FROM = {None: "to the nearest training patients", "mean and covariance": "from the mean of the training patients"}
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
    if told["distance"] is None:
        yield f"How far the numbers that the models read lie from those of training cannot be told. {told['note']}"
    else:
        whom = FROM.get(told.get("compared_by"), FROM[None])
        yield (
            f"Distance {whom}: {told['distance']:.3g}, {told['features_verdict']}. Of those "
            f"95 % have one of up to {told['limit_95']:.3g}, 99 % of up to {told['limit_99']:.3g}."
        )
    if told["features_verdict"] in BEYOND:
        yield f"Its largest parts lie in {listed([_of_feature(one) for one in told['features']])}."
    if told["spectra"]:
        each = listed([f"{modality} {one['verdict']}" for modality, one in told["spectra"].items()])
        yield f"Intensities, noise and voxels of the images, beside those of training: {each}."
    if told["verdict"] != told["features_verdict"]:
        yield f"Together {told['verdict']}: the worst of numbers and images counts."


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
                f"on ({some(found)}), in the numbers that it reads or in an image: further from the training patients "
                f"than {level} % of these from each other. The column applicability says so; distance is in the "
                "numbers, and note names an image that lies outside."
            )
