"""How the U-Net is made and trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from radiofuse.deep.segmentation.unet import check_sizes
from radiofuse.deep.training.options import Training
from radiofuse.errors import RequestError


@dataclass(frozen=True)
class SegmenterOptions:
    """Sizes of the U-Net and of its training; the defaults train on a CPU in a few minutes.

    Parameters
    ----------
    window : tuple of three int, default=(32, 32, 32)
        Voxels of a training example and of the windows in which volumes are answered, along z, y and x.
    widths : tuple of int, default=(8, 16, 32)
        Channels of each level; nnU-Net begins with 32.
    blocks : int, default=1
    epochs : int, default=12
        In each, a window is drawn from every patient.
    batch_size : int, default=4
    learning_rate : float, default=1e-2
        Of AdamW; it falls to 0 as (1 - epoch / epochs) to the power of 0.9.
    weight_decay : float, default=1e-2
    modality_dropout : bool, default=True
        Whether sequences are hidden at random while it trains, so that it can do without them later.
    in_tumor : float, default=0.5
        The share of windows whose middle is a voxel of the tumor; the others lie anywhere.
    z_scores : bool, default=True
        Whether each sequence is brought to mean 0 and standard deviation 1 of its voxels that are not 0. False takes
        intensities as they are, which fits images that were scaled before they were cut out.
    overlap : float, default=0.5
        Of neighboring windows where volumes are answered.
    flips : bool, default=True
        Whether a volume is answered in all eight flips and the answers averaged. Training flips at random anyway.

    Raises
    ------
    RequestError
        If a value is none of its kind.
    """

    window: tuple[int, int, int] = (32, 32, 32)
    widths: tuple[int, ...] = (8, 16, 32)
    blocks: int = 1
    epochs: int = 12
    batch_size: int = 4
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    modality_dropout: bool = True
    in_tumor: float = 0.5
    z_scores: bool = True
    overlap: float = 0.5
    flips: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", tuple(self.window))  # lists, as JSON has them
        object.__setattr__(self, "widths", tuple(self.widths))
        check_sizes(self.window, self.widths)
        if self.blocks < 1 or not 0 <= self.in_tumor <= 1 or not 0 <= self.overlap < 1:
            raise RequestError(
                f"blocks is 1 or more, in_tumor a share of 0 to 1 and overlap one of 0 to less than 1; they are "
                f"{self.blocks}, {self.in_tumor} and {self.overlap}."
            )
        self.training()

    def training(self) -> Training:
        """Return the options of the optimizer and its schedule."""
        return Training(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            optimizer="adamw",
            schedule="poly",
            gradient_clip=GRADIENT_CLIP,
        )

    def network(self) -> dict[str, Any]:
        """Return the options of the network."""
        return {"widths": self.widths, "blocks": self.blocks, "modality_dropout": self.modality_dropout}

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmenterOptions:
        """Return the options that ``as_dict`` made."""
        return cls(**values)


GRADIENT_CLIP = 12.0  # as nnU-Net does: a batch without tumor may have a steep cross-entropy
