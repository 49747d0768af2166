"""Pictures in several files as one array, of which a file is opened when one of its pictures is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.errors import StoreError
from radiofuse.files.places import Place
from radiofuse.store.arrays import map_array

FILES_AT_ONCE = 16  # each is an open file, of which a process may have about a thousand, and its pages count as memory


class PictureReader:
    """Pictures in several files, one after the other; a file is mapped when one of its pictures is asked for.

    Few files are mapped at once, however many there are.

    Parameters
    ----------
    files : sequence of Path or ObjectPath
    shapes : sequence of tuple of int
        Of the array in each file, pictures first; a file may lack that axis where there is one picture.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> with TemporaryDirectory() as folder:
    ...     files = [Path(folder) / f"{n}.npy" for n in (2, 3)]
    ...     for n, file in zip((2, 3), files):
    ...         np.save(file, np.full((n, 1, 4, 4), n, np.float32))
    ...     reader = PictureReader(files, [(2, 1, 4, 4), (3, 1, 4, 4)])
    ...     reader.shape, reader[np.array([4, 0])][:, 0, 0, 0].tolist()
    ((5, 1, 4, 4), [3.0, 2.0])
    """

    def __init__(self, files: Sequence[Place], shapes: Sequence[tuple[int, ...]]) -> None:
        self._paths, self._shapes = list(files), list(shapes)
        self._starts = np.cumsum([0, *(shape[0] for shape in shapes)])
        self._mapped: dict[int, np.ndarray] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all pictures together."""
        return (int(self._starts[-1]), *self._shapes[0][1:])

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        numbers = np.arange(len(self))[places]
        owners = np.searchsorted(self._starts, numbers, side="right") - 1
        pictures = np.empty((len(numbers), *self.shape[1:]), self._array(0).dtype)
        for owner in np.unique(owners):
            here = owners == owner
            pictures[here] = self._array(int(owner))[numbers[here] - self._starts[owner]]
        return pictures

    def _array(self, number: int) -> np.ndarray:
        if number not in self._mapped:
            path, shape = self._paths[number], self._shapes[number]
            if len(self._mapped) >= FILES_AT_ONCE:
                self._mapped.pop(next(iter(self._mapped)))
            try:
                self._mapped[number] = map_array(path).reshape(shape)
            except (OSError, ValueError, EOFError) as error:
                raise StoreError(f"The array {path} cannot be read ({error}). Run again: it is made anew.") from None
        return self._mapped[number]
