"""How like two attributions are: rank correlation, structural similarity, cosine.

Each takes values ``(targets, batch, places)`` and the sides of the places, and returns ``(targets,
batch)``: 1 for equal attributions. A map without any variation is like none but its equal.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.errors import InputError

#: The window of the structural similarity: a Gaussian of this width, so many pixels across.
SSIM_SIGMA, SSIM_SIZE = 1.5, 11

#: What keeps its quotients from dividing nothing by nothing, for values from 0 to 1.
SSIM_FLOORS = (0.01**2, 0.03**2)


def spearman(one: Tensor, other: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return Spearman's rank correlation of magnitudes, with mean ranks for ties."""
    return _correlation(*(_mean_ranks(values.abs()) for values in (one, other)))


def cosine(one: Tensor, other: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return the cosine of the angle between signed values."""
    one, other = (_over_peak(values) for values in (one, other))
    product = (one * other).sum(-1)
    sizes = torch.linalg.vector_norm(one, dim=-1) * torch.linalg.vector_norm(other, dim=-1)
    return _where_defined(product, sizes, one, other)


def ssim(one: Tensor, other: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return the mean structural similarity of magnitudes, each map over its greatest.

    Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity", IEEE Transactions on Image Processing 13, 2004,
    https://doi.org/10.1109/TIP.2003.819861
    """
    if len(sides) != 2 or min(sides) < SSIM_SIZE:
        raise InputError(
            f"ssim needs maps (height, width) of at least {SSIM_SIZE} pixels each way, but has "
            f"{sides}; choose spearman or cosine"
        )
    x, y = (_over_peak(v.abs()).reshape(-1, 1, *sides) for v in (one, other))
    steps = torch.arange(SSIM_SIZE).to(x) - SSIM_SIZE // 2
    row = (-0.5 * (steps / SSIM_SIGMA).square()).exp()
    row = row / row.sum()

    def mean(values: Tensor) -> Tensor:
        along = functional.conv2d(values, row[None, None, None])
        return functional.conv2d(along, row[None, None, :, None])

    mean_x, mean_y = mean(x), mean(y)
    spread_x, spread_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    shared = mean(x * y) - mean_x * mean_y
    level, contrast = SSIM_FLOORS
    alike = (2 * mean_x * mean_y + level) * (2 * shared + contrast)
    most = (mean_x**2 + mean_y**2 + level) * (spread_x + spread_y + contrast)
    return (alike / most).flatten(1).mean(1).reshape(one.shape[:-1])


SIMILARITIES: dict[str, Callable[[Tensor, Tensor, tuple[int, ...]], Tensor]] = {
    "spearman": spearman,
    "ssim": ssim,
    "cosine": cosine,
}


def _mean_ranks(values: Tensor) -> Tensor:
    ranked = values.sort(-1).values
    below = torch.searchsorted(ranked, values.contiguous())
    up_to = torch.searchsorted(ranked, values.contiguous(), right=True)
    return (below + up_to - 1).to(values) / 2


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    one, other = (values - values.mean(-1, keepdim=True) for values in (one, other))
    sizes = torch.linalg.vector_norm(one, dim=-1) * torch.linalg.vector_norm(other, dim=-1)
    return _where_defined((one * other).sum(-1), sizes, one, other)


def _where_defined(product: Tensor, sizes: Tensor, one: Tensor, other: Tensor) -> Tensor:
    equal = (one == other).all(-1).to(product)
    defined = (product / sizes).clamp(-1, 1)
    return torch.where(equal > 0, 1, torch.where(sizes > 0, defined, 0))


def _over_peak(values: Tensor) -> Tensor:
    peak = values.abs().amax(-1, keepdim=True)
    return torch.where(peak > 0, values / peak, 0)
