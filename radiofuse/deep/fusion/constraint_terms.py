"""The terms of the constraint fusion's loss: codes that are to be distributed alike, and codes that are to differ."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

MOMENTS = 5  # that the discrepancy compares
_TINY = 1e-6  # keeps the direction of a code of length 0 finite


def kl_similarity(a: Tensor, b: Tensor, both: Tensor) -> Tensor:
    """Return how far two invariant codes are from each other as distributions, averaged over the rows.

    p is the softmax of a code, the natural reading of "the probability distribution of h". The printed
    divergence treats the first branch otherwise than the second; here it is the mean of both directions, so
    that the order of the branches does not matter.

    Parameters
    ----------
    a, b : Tensor of shape (..., n, d)
        Codes; dimensions in front hold one pair each.
    both : Tensor of shape (..., n)
        1 where the row has both codes, else 0.

    Returns
    -------
    Tensor of shape (...)
        0 if no row has both.

    References
    ----------
    Shi et al. (2023), equation 3.

    Examples
    --------
    >>> code = torch.tensor([[1.0, 2.0]])
    >>> kl_similarity(code, code, torch.ones(1)).item()
    0.0
    """
    log_p, log_q = functional.log_softmax(a, dim=-1), functional.log_softmax(b, dim=-1)  # (..., n, d)
    both_ways = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=-1)  # KL(p, q) + KL(q, p), (..., n)
    return _mean(both_ways, both) / 2


def central_moments(a: Tensor, b: Tensor, both: Tensor) -> Tensor:
    """Return the central moment discrepancy of two invariant codes, of five moments, as in MISA.

    The logistic function brings codes between 0 and 1 first, as the layer that ends MISA's encoders does: the moments
    are compared on a bounded interval, here of length 1. Unlike the divergence, it compares the codes of all rows as
    two samples; which code belongs to which row does not matter.

    Parameters
    ----------
    a, b, both : Tensor
        As in ``kl_similarity``.

    References
    ----------
    Zellinger, Grubinger, Lughofer, Natschläger, Saminger-Platz (2017). Central moment discrepancy (CMD) for
    domain-invariant representation learning. ICLR, definition 2. Hazarika, Zimmermann, Poria (2020), MISA.

    Examples
    --------
    >>> a, b = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[3.0, 0.0], [1.0, 2.0]])
    >>> round(central_moments(a, b, torch.ones(2)).item(), 6), central_moments(a, 2 * b, torch.ones(2)).item() > 0.1
    (0.0, True)
    """
    (mean_a, *moments_a), (mean_b, *moments_b) = (_moments(torch.sigmoid(code), both) for code in (a, b))
    differences = [mean_a - mean_b, *(x - y for x, y in zip(moments_a, moments_b, strict=True))]
    return torch.stack([torch.linalg.vector_norm(one, dim=-1) for one in differences]).sum(dim=0)


def _moments(code: Tensor, both: Tensor) -> list[Tensor]:
    """Return the mean of the rows that count, shape (..., d), and their central moments of order 2 to 5."""
    shares = (both / both.sum(dim=-1, keepdim=True).clamp(min=1)).unsqueeze(-1)  # (..., n, 1)
    mean = (code * shares).sum(dim=-2)  # (..., d)
    centered = code - mean.unsqueeze(-2)
    return [mean, *((centered**order * shares).sum(dim=-2) for order in range(2, MOMENTS + 1))]


def orthogonality(a: Tensor, b: Tensor, both: Tensor) -> Tensor:
    """Return the mean square of the entries of A'B / n, rows centered and of length 1; 0 if nothing is shared.

    MISA does not divide by n; its loss then grows with the square of the batch. Here the batch is the whole
    training set, and the weight of the term must not depend on its size.

    Parameters
    ----------
    a, b, both : Tensor
        As in ``kl_similarity``.

    References
    ----------
    Hazarika, Zimmermann, Poria (2020), MISA's difference loss. Bousmalis et al. (2016). Domain separation
    networks. NeurIPS 29.

    Examples
    --------
    >>> a = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    >>> b = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    >>> round(orthogonality(a, b, torch.ones(4)).item(), 6), round(orthogonality(a, a, torch.ones(4)).item(), 2)
    (0.0, 0.25)
    """
    product = _directions(a, both).transpose(-2, -1) @ _directions(b, both)  # (..., d, d)
    n_rows = both.sum(dim=-1).clamp(min=1)
    return (product / n_rows[..., None, None]).square().mean(dim=(-2, -1))


def literal_norm(a: Tensor, b: Tensor, both: Tensor) -> Tensor:
    """Return the Euclidean distance of two codes, averaged over the rows: the difference loss as it is printed.

    Minimizing it pulls the specific code onto the invariant one, against what the text says that the loss is
    for. It is here to show what the printed equation does.

    Parameters
    ----------
    a, b, both : Tensor
        As in ``kl_similarity``.

    References
    ----------
    Shi et al. (2023), equation 4.

    Examples
    --------
    >>> literal_norm(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), torch.ones(1)).item()
    5.0
    """
    return _mean(torch.linalg.vector_norm(a - b, dim=-1), both)


def _mean(values: Tensor, both: Tensor) -> Tensor:
    return (values * both).sum(dim=-1) / both.sum(dim=-1).clamp(min=1)


def _directions(code: Tensor, both: Tensor) -> Tensor:
    """Return the code about its mean, each row of length 1, or 0 where it does not count."""
    has = both.unsqueeze(-1)  # (..., n, 1)
    n_rows = both.sum(dim=-1).clamp(min=1)[..., None, None]
    centered = (code - (code * has).sum(dim=-2, keepdim=True) / n_rows) * has  # (..., n, d)
    return centered / (torch.linalg.vector_norm(centered, dim=-1, keepdim=True) + _TINY)


SIMILARITIES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"kl": kl_similarity, "cmd": central_moments}
DIFFERENCES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "orthogonality": orthogonality,
    "literal_norm": literal_norm,
}
