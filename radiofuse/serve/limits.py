"""How much a server takes from its users before it says no."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one upload may hold, and how many may wait.

    Attributes
    ----------
    upload_mb : int
        Megabytes of all files of an upload.
    files : int
        Files of an upload; a study of DICOM has hundreds.
    uploads : int
        Uploads that lie on the disk at a time, waiting or under way.
    """

    upload_mb: int = 2000
    files: int = 5000
    uploads: int = 50

    @property
    def upload_bytes(self) -> int:
        """Bytes of all files of an upload."""
        return self.upload_mb * MEGABYTE
