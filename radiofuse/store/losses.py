"""Damage that a reading of the store met, and what the operating system refused, as one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from radiofuse.errors import StoreError
from radiofuse.files.objects import remedy
from radiofuse.files.places import Place
from radiofuse.store import held, shard


class Losses:
    """Whether a reading met damage; NaN in its place would pass for an absent modality."""

    def __init__(self, set_aside: shard.OnDamage):
        self._set_aside = set_aside
        self.any = False
        self.told: list[str] = []  # of damage that was met before

    def add(self, path: Place, damage: shard.DamagedShardError) -> None:
        self._set_aside(path, damage)
        self.any |= not isinstance(damage, shard.ForeignShardError)

    def refuse(self) -> None:
        again = "Run the extraction with this store again: it computes just what is missing."
        if self.told:
            more = f" {len(self.told) - 1} more shards are damaged." if len(self.told) > 1 else ""
            raise StoreError(
                f"{self.told[0]}{more} {again} Then, or to do without it, delete the damaged shards with gc "
                "--empty-quarantine of radiofuse.store."
            )
        if self.any:
            raise StoreError(
                "A part of the feature store was found damaged and was set aside; its vectors count as missing, the "
                f"others are safe. {again}"
            )


def describe_losses(quarantine: Place, folder: str, stored: Collection[str]) -> list[str]:
    """Return a sentence per damaged shard of a block whose records are not all stored again.

    Parameters
    ----------
    quarantine : Path or ObjectPath
    folder : str
        The block's name.
    stored : collection of str
        The content keys that the block holds.
    """
    sentences = []
    found: list[Place] = [*quarantine.glob("*.parquet")]
    for path in sorted(found, key=lambda path: path.name):
        name = path.name.removeprefix(f"{folder}.")
        if not shard.is_shard_name(name) or not path.is_file():
            continue
        try:
            content = shard.read_into_arrow(path)
        except FileNotFoundError:  # another process has just emptied the quarantine
            continue
        if shard.is_whole(content, name):  # undamaged: it was set aside as another block's
            continue
        keys = held.keys_of(content)
        if keys is None:
            sentences.append(f"What the damaged shard {name} of {folder} held cannot be told.")
        elif lost := keys - set(stored):
            count = f"{len(lost)} record" + ("s" if len(lost) > 1 else "")
            sentences.append(f"{count} of the damaged shard {name} of {folder} are not computed again yet.")
    return sentences


@contextmanager
def plainly(what: str, *, then: str = "") -> Iterator[None]:
    """Turn what the operating system refuses into one sentence.

    Parameters
    ----------
    what : str
        What could not be done.
    then : str
        What to do once that is mended, beginning with a comma.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{what} ({reason}). {remedy(error).capitalize()}{then}.") from error
