"""What --label and --regions of a command line mean."""

from __future__ import annotations

from radiofuse.errors import RequestError


def parse_regions(text: str | None) -> tuple[str, ...]:
    """Return the regions of an option.

    >>> parse_regions("WT, ET"), parse_regions(None)
    (('WT', 'ET'), ())
    """
    from radiofuse.imaging.regions import check_region

    return tuple(check_region(part.strip()) for part in text.split(",")) if text else ()


def parse_label(text: str | None) -> str | int | list[int] | None:
    """Return the mask label of an option: None, ``any``, one number or a list.

    >>> parse_label("1,4")
    [1, 4]
    """
    if text is None or text == "any":
        return text
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(f"--label takes any, a whole number, or several as 1,4; got {text!r}.") from None
    return values[0] if len(values) == 1 else values
