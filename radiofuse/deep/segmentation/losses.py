"""Soft Dice and cross-entropy of a segmentation, of the voxels whose class is known."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

UNKNOWN = -1
SMOOTHING = 1e-5  # of both sides of the ratio, as in MONAI and nnU-Net: a class that is nowhere gives 1, not 0 / 0


def segmentation_loss(logits: Tensor, classes: Tensor, *, over_batch: bool = False) -> Tensor:
    """Return soft Dice loss plus cross-entropy of a batch, each with weight 1.

    Parameters
    ----------
    logits : Tensor, shape (b, n_classes, d, h, w)
        Before the softmax; class 0 is the background, which counts in the cross-entropy alone.
    classes : Tensor of int64, shape (b, d, h, w)
        0 to n_classes - 1, or -1 where it is unknown, as in all of a patient without a mask.
    over_batch : bool, default=False
        Whether a class's Dice is of the voxels of the whole batch together, so that a patient without that class
        does not punish every single voxel of it, and not of each patient.

    Returns
    -------
    Tensor, shape ()
        0, and no gradient, where nothing is known.

    References
    ----------
    Milletari et al. (2016). V-Net. 3DV, section 3, with sums in place of squares.
    Isensee et al. (2021). nnU-Net. Nature Methods 18:203, online methods (Dice plus cross-entropy, Dice of the batch).

    Examples
    --------
    >>> import torch
    >>> classes = torch.tensor([0, 1, 1, 0]).view(1, 1, 2, 2)
    >>> logits = 20.0 * functional.one_hot(classes, 2).movedim(-1, 1)
    >>> f"{segmentation_loss(logits, classes):.4f} {segmentation_loss(-logits, classes):.1f}"
    '0.0000 21.0'
    >>> segmentation_loss(logits, torch.full_like(classes, -1))
    tensor(0.)
    """
    known = classes != UNKNOWN  # (b, d, h, w)
    with_mask = known.flatten(1).any(1)  # (b,)
    if not with_mask.any():
        return logits[:0].sum()  # not logits * 0, which is NaN where a logit is infinite
    logits, classes, known = logits[with_mask], classes[with_mask], known[with_mask]
    cross_entropy = functional.cross_entropy(logits, classes, ignore_index=UNKNOWN)
    return cross_entropy + _dice_loss(logits, classes, known, over_batch)


def _dice_loss(logits: Tensor, classes: Tensor, known: Tensor, over_batch: bool) -> Tensor:
    """Return 1 - mean soft Dice over the classes of the tumor."""
    truth = functional.one_hot(classes.clamp_min(0), logits.shape[1]).movedim(-1, 1)  # (b, n_classes, d, h, w)
    truth, share = (each[:, 1:] * known[:, None] for each in (truth, logits.softmax(1)))
    summed = [0, *range(2, logits.ndim)] if over_batch else list(range(2, logits.ndim))
    both, either = (truth * share).sum(summed), (truth + share).sum(summed)  # (n_classes - 1,) or (b, n_classes - 1)
    return 1 - ((2 * both + SMOOTHING) / (either + SMOOTHING)).mean()
