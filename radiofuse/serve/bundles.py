"""The bundles of a process that computes: each is loaded when first asked for, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiofuse.serve.tasks import Models

if TYPE_CHECKING:
    from radiofuse.bundle.load import Bundle


class Bundles:
    """Bundles by number.

    Parameters
    ----------
    models : Models
    """

    def __init__(self, models: Models) -> None:
        self.names, self.given = models.names, models.bundles
        self._models = models
        self._loaded: dict[int, Bundle] = {}

    def load(self, number: int) -> Bundle:
        """Return a loaded bundle.

        Raises
        ------
        BundleError
            As for ``load_bundle``.
        """
        if number not in self._loaded:
            models = self._models
            self._loaded[number] = models.names.load(models.bundles[number], models.signers, models.trust)
        return self._loaded[number]
