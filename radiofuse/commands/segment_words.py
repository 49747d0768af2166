"""What ``radiofuse segment`` reads from its options, and what it says of scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from radiofuse.errors import RequestError
from radiofuse.wording import counted, number, some

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN_TRAINING = (
    "Whom that program was trained on is not known here: of patients among them its masks repeat the expert's, and "
    "these scores are too good."
)
EMPTY = "Where both masks are empty Dice is 1 and the distance 0; where one is, Dice is 0 and the distance infinite."
_NETWORK = ("--bundle", "--train")
READ_BY = {
    "dask": ("--train",),
    **dict.fromkeys(("naming", "labels", "time_limit_s"), ("--command",)),
    **dict.fromkeys(
        ("folds", "epochs", "window", "widths", "batch_size", "learning_rate", "as_they_are", "dask"), ("--train",)
    ),
    "channels": ("--train", "--command"),
    **dict.fromkeys(("once", "device"), _NETWORK),
}  # options by who reads them; the seed is also of the intervals


def refuse_unread(given: Mapping[str, str], way: str) -> None:
    """Refuse options that the way of making masks does not read.

    Parameters
    ----------
    given : mapping of str to str
        The options that were given, as they are written, by parameter.
    way : {"--bundle", "--train", "--command"}

    Raises
    ------
    RequestError

    Examples
    --------
    >>> refuse_unread({"epochs": "--epochs", "labels": "--labels"}, "--command")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: --epochs says nothing to --command; it goes with --train. Leave it out.
    """
    for name, option in given.items():
        readers = READ_BY.get(name, (way,))
        if way not in readers:
            raise RequestError(f"{option} says nothing to {way}; it goes with {' and '.join(readers)}. Leave it out.")


def parse_numbers(text: str, option: str, times: int = 1) -> tuple[int, ...]:
    """Return whole numbers with commas between them; one alone so many times.

    Examples
    --------
    >>> parse_numbers("32", "--window", 3), parse_numbers("8,16,32", "--widths")
    ((32, 32, 32), (8, 16, 32))
    """
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise RequestError(f"{option} takes whole numbers with commas, as 8,16,32; it is {text!r}.") from None
    return numbers * times if len(numbers) == 1 else numbers


def parse_channels(text: str | None, modalities: list[str]) -> tuple[str, ...]:
    """Return the modalities to read, in order; all of the cohort where none is named.

    Examples
    --------
    >>> parse_channels("t2,t1", ["t1", "t2"]), parse_channels(None, ["t1", "t2"])
    (('t2', 't1'), ('t1', 't2'))
    """
    names = modalities if text is None else [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in modalities]
    if unknown or not names:
        raise RequestError(
            f"--channels names {some(unknown) or 'nothing'}; the cohort has images of {', '.join(modalities)}."
        )
    return tuple(names)


def sentences_of(summary: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each region.

    Examples
    --------
    >>> import pandas as pd
    >>> columns = ["region", "n_patients", "dice", "low", "high", "hausdorff_95_mm", "n_infinite", "volume_error_ml",
    ...            "absolute_volume_error_ml", "n_empty"]
    >>> summary = pd.DataFrame([("ET", 9, 0.7, 0.6, 0.8, 4.2, 1, -0.3, 1.5, 2)], columns=columns)
    >>> print(*sentences_of(summary))
    ET: Dice 0.70 (0.60 to 0.80) in 9 patients, median HD95 4.20 mm (infinite in 1), volume -0.30 ml off on average
    and 1.50 ml either way; both masks empty in 2.
    """
    for row in summary.itertuples():
        span = f" ({number(row.low)} to {number(row.high)})" if row.low == row.low else ""
        infinite = f" (infinite in {row.n_infinite})" if row.n_infinite else ""
        distance = "infinite" if row.hausdorff_95_mm == float("inf") else f"{number(row.hausdorff_95_mm)} mm"
        empty = f"; both masks empty in {row.n_empty}" if row.n_empty else ""
        yield (
            f"{row.region}: Dice {number(row.dice)}{span} in {counted(row.n_patients, 'patient')}, median HD95 "
            f"{distance}{infinite}, volume {number(row.volume_error_ml)} ml off on average and "
            f"{number(row.absolute_volume_error_ml)} ml either way{empty}."
        )
