"""What ``radiofuse predict`` says of a table of probabilities, on screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from radiofuse.commands import applicability_words
from radiofuse.wording import some

if TYPE_CHECKING:
    from radiofuse.bundle.load import Bundle


def sentences_of(bundle: Bundle, predictions: Any) -> Iterator[str]:
    """Yield what a reader of a table of probabilities must know.

    Parameters
    ----------
    bundle : Bundle
    predictions : DataFrame
        As ``predictions_of`` returns it.
    """
    from radiofuse.bundle.training_ranges import CLINICAL_OUTSIDE, OUTSIDE
    from radiofuse.bundle.updates import update_sentences
    from radiofuse.commands.run_words import AS_PUBLISHED

    unusable = predictions.loc[predictions["probability"].isna(), "sample_id"].unique()
    if len(unusable):
        yield f"Without a probability, for the reason in the column note: {some(unusable)}."
    yield from update_sentences(bundle.description)
    yield from _describe_calls(predictions, bundle)
    for sentence in bundle.description["as_published"]:
        yield f"{AS_PUBLISHED}: {sentence}"
    clinical = _describe_clinical(predictions, CLINICAL_OUTSIDE)
    yield from filter(None, (_describe_trained(predictions, bundle), clinical, _describe_far(predictions, OUTSIDE)))
    yield from applicability_words.of_table(predictions)


def _describe_trained(predictions: Any, bundle: Bundle) -> str:
    """Return a sentence about the rows that the model was fitted on, or nothing."""
    trained = predictions.loc[predictions["note"].str.startswith("trained on"), "sample_id"].unique()
    if not len(trained):
        return ""
    n_samples = predictions["sample_id"].nunique()
    updated = bundle.description.get("updates")
    fitted = "fitted or updated" if updated else "fitted"
    theirs = "the out-of-fold probabilities of those of training" if updated else "their out-of-fold probabilities"
    return (
        f"Warning: the model was {fitted} on {len(trained)} of these {n_samples} samples ({some(trained)}): their "
        "probabilities look better than those of new patients and say nothing of how good the model is. The column "
        f"note says why; predictions.csv in the bundle has {theirs}."
    )


def _with_note(predictions: Any, words: str) -> Any:
    """Return the samples whose note says so."""
    return predictions.loc[predictions["note"].str.contains(words, regex=False), "sample_id"].unique()


def _describe_clinical(predictions: Any, outside: str) -> str:
    """Return a sentence about the samples with an age or another clinical number that training had not, or nothing."""
    found = _with_note(predictions, outside)
    if not len(found):
        return ""
    return (
        f"Warning: {len(found)} of these {predictions['sample_id'].nunique()} samples have an age or another clinical "
        f"number outside those of training ({some(found)}): the model has seen no such patient. The column note says "
        "which number and the range."
    )


def _describe_far(predictions: Any, outside: str) -> str:
    """Return a sentence about the samples with numbers far outside those of training, or nothing."""
    far = _with_note(predictions, outside)
    if not len(far):
        return ""
    return (
        f"Warning: {len(far)} of these {predictions['sample_id'].nunique()} samples have columns {outside} "
        f"({some(far)}): what the model says there rests on nothing that it has seen. The column note counts them and "
        "names the furthest; look for another unit, sequence or scale of intensities."
    )


def _describe_calls(predictions: Any, bundle: Bundle) -> Iterator[str]:
    """Yield by what the column call says which class, for each outcome."""
    from radiofuse.bundle.calls import rule_of

    for outcome in bundle.outcomes:
        if outcome.is_binary:
            threshold = predictions.loc[predictions["outcome"] == outcome.name, "threshold"].iloc[0]
            yield (
                f"Called {outcome.phrase} from a probability of {threshold:.3g} on, else {outcome.classes[0]}: "
                f"{rule_of(bundle, outcome)}."
            )
        else:
            yield f"{outcome.name}: the most probable class is called."
