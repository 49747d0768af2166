"""Who made the masks that features were computed in, where no expert did: a reader of the scores must know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from radiofuse.tables.mask_makers import maker_of
from radiofuse.tables.roles import BY_COMMAND
from radiofuse.wording import counted


def mask_source_warnings(sources: Sequence[str]) -> list[str]:
    """Return a sentence for each maker of masks that was no expert.

    Parameters
    ----------
    sources : sequence of str
        The column ``mask_source`` of the samples; "" where an expert drew the mask.

    Examples
    --------
    >>> told = ["U-Net 4f2a, fold 1 of 2, which never saw this patient", "U-Net 4f2a, mean of 2 folds", ""]
    >>> print(*mask_source_warnings(told))
    The masks of 2 samples of 3 were made by U-Net 4f2a, and not by an expert: features are of the regions that it
    found.
    """
    makers = Counter(maker_of(source) for source in sources if source)
    return [
        f"The masks of {counted(n, 'sample')} of {len(sources)} were made by {maker}, and not by an expert: features "
        f"are of the regions that it found.{_doubt(maker)}"
        for maker, n in sorted(makers.items())
    ]


def _doubt(maker: str) -> str:
    if not maker.startswith(BY_COMMAND):
        return ""
    return (
        " Whom that program was trained on is not known: of patients among them its masks are better than they will be "
        "of new ones."
    )
