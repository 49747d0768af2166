"""Who made a mask, as the column ``mask_source`` of a cohort table says it."""

from __future__ import annotations

from radiofuse.tables.roles import BY_COMMAND


def maker_of(source: str) -> str:
    """Return who made a mask, without what differs from patient to patient; "" where nobody is named.

    Examples
    --------
    >>> maker_of("U-Net 4f2a, fold 1 of 2, which never saw this patient"), maker_of("command: seg {images}, {out}")
    ('U-Net 4f2a', 'command: seg {images}, {out}')
    """
    return source if source.startswith(BY_COMMAND) else source.partition(",")[0]
