"""The blocks of a feature store: a folder and a description each."""

from __future__ import annotations

from pathlib import Path

from radiofuse.errors import RequestError, StoreError
from radiofuse.files.aside import write_aside
from radiofuse.files.objects import ObjectPath
from radiofuse.files.places import Place, on_this_machine, place_of
from radiofuse.store import shard
from radiofuse.store.fingerprints import Fingerprints
from radiofuse.store.losses import plainly
from radiofuse.store.record import BLOCK, Block


class Blocks:
    """The part of `FeatureStore` that knows which blocks there are, and where they lie."""

    def __init__(self, root: str | Path | ObjectPath = "feature_store"):
        self.root: Place = place_of(root)
        if isinstance(self.root, Path) and self.root.exists() and not self.root.is_dir():
            raise StoreError(f"{self.root} is a file; a feature store is a folder. Name another one.")

    @property
    def fingerprints(self) -> Fingerprints:
        """What files' bytes hash to, remembered on this machine while the files are not touched."""
        here = on_this_machine(self.root)
        return Fingerprints(here / "fingerprints", here / "quarantine")

    def register(self, block: Block) -> None:
        """Put a block's description on disk, once.

        Raises
        ------
        StoreError
            If another one is there under that name, or the disk refuses.
        """
        path = self._folder(block) / BLOCK
        if path.exists():
            if self.block(block.name) != block:
                raise StoreError(f"{path} describes another block. Move that folder away and extract again.")
            return
        with plainly(f"The block {block.name} could not be registered in {self.root}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with write_aside(path) as file:
                file.write(block.to_json().encode())

    def blocks(self) -> list[Block]:
        """Return every registered block, sorted by name."""
        return [self.block(name) for name in self._block_names()]

    def block(self, name: str) -> Block:
        """Return a registered block.

        Raises
        ------
        RequestError
            If there is none of that name.
        StoreError
            If its description is damaged or was edited.
        """
        if name not in self._block_names():
            have = ", ".join(self._block_names()) or "none"
            raise RequestError(f"{self.root} has no block {name!r}; it has {have}.")
        path = self.root / "blocks" / name / BLOCK
        with plainly(f"{path} cannot be read"):
            text = path.read_bytes().decode(errors="replace")
        try:
            return Block.from_json(text)
        except StoreError as error:
            raise StoreError(
                f"{path} is damaged or was edited: {error} Restore it, or move the folder away."
            ) from error

    def _block_names(self) -> list[str]:
        return sorted(path.parent.name for path in self.root.glob(f"blocks/*/{BLOCK}") if path.is_file())

    def _folder(self, block: Block) -> Place:
        return self.root / "blocks" / block.name

    @property
    def _quarantine(self) -> Place:
        return self.root / "quarantine"

    def _set_aside(self, path: Place, damage: shard.DamagedShardError) -> None:
        shard.put_in_quarantine(path, damage, self._quarantine)
