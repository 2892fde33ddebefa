"""Noisy linear imputation: missing pixels become weighted means of their neighbours, and noise.

Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for
Attribution Methods", ICML 2022, https://arxiv.org/abs/2202.00449: each missing pixel is 1/6 of each
of its four direct neighbours and 1/12 of each of its four diagonal ones, missing or not, which is
one linear equation for each missing pixel. At a border the weights that are left are scaled to one.

Times the sum of its weights each equation is one of a symmetric positive definite system, which
conjugate gradients solve without ever holding the matrix. They start from a pyramid (means of what
is known, coarser and coarser, filled in from the coarsest on) and are preconditioned on grids of
all sizes, so that large gaps take few iterations too: Bramble, Pasciak and Xu, "Parallel Multilevel
Preconditioners", Mathematics of Computation 55, 1990, https://doi.org/10.2307/2008789
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.errors import InputError
from ascribe.evaluations import at_least_single

#: How far an equation may be off, as a share of the range of the picture's pixels.
TOLERANCE = 1e-5

#: How many units of rounding it may be off in any case, as in a picture of one colour.
ROUNDING = 32


def linear_imputation(
    pictures: Tensor, missing: Tensor, tolerance: float = TOLERANCE, most: int = 2000
) -> Tensor:
    """Return pictures whose missing pixels are weighted means of their neighbours.

    Parameters
    ----------
    pictures
        ``(batch, channels, height, width)``; what is missing is not looked at.
    missing
        Where pixels are missing: ``(batch, 1, height, width)``, boolean.
    tolerance
        By how much an equation may be off, as a share of the range of the known pixels.
    most
        After how many iterations to give up.

    Returns
    -------
    Tensor
        In the shape and dtype of ``pictures``.

    Raises
    ------
    InputError
        If a picture has no known pixel, or the iterations do not suffice.
    """
    if bool(missing.flatten(1).all(1).any()):
        raise InputError("imputation needs at least one known pixel in each picture")
    known = at_least_single(pictures).masked_fill(missing, 0)
    unknown = missing.to(known)
    degree = _neighbours(torch.ones_like(unknown[:1]))
    filled = _pyramid(known, 1 - unknown)
    x = filled * unknown
    low = torch.where(missing, torch.inf, known).amin((2, 3), keepdim=True)
    high = torch.where(missing, -torch.inf, known).amax((2, 3), keepdim=True)
    rounding = ROUNDING * torch.finfo(known.dtype).eps * torch.maximum(high.abs(), low.abs())
    limit = torch.maximum(tolerance * (high - low), rounding)
    residual = (_neighbours(known + x) - degree * x) * unknown
    grids = _grids(unknown)
    direction = scaled = _preconditioned(residual, grids)
    power = _dot(residual, scaled)
    for _ in range(most):
        if bool((residual.abs() <= limit).all()):
            break
        image = (degree * direction - _neighbours(direction)) * unknown
        step = _ratio(power, _dot(direction, image))
        x = x + step * direction
        residual = residual - step * image
        scaled = _preconditioned(residual, grids)
        before, power = power, _dot(residual, scaled)
        direction = scaled + _ratio(power, before) * direction
    else:
        raise InputError(f"imputation did not reach {tolerance} in {most} iterations")
    return torch.where(missing, x.to(pictures.dtype), pictures)


def _neighbours(x: Tensor) -> Tensor:
    """Return 1/6 of each direct neighbour and 1/12 of each diagonal one, added up."""
    # 1, 2, 1 along both sides is 1 for diagonal and 2 for direct neighbours, and 4 for the pixel.
    return _one_two_one(_one_two_one(x, -1), -2) / 12 - x / 3


def _one_two_one(x: Tensor, axis: int) -> Tensor:
    """Return each pixel twice and its two neighbours along an axis, added up."""
    total, rest = 2 * x, x.shape[axis] - 1
    total.narrow(axis, 1, rest).add_(x.narrow(axis, 0, rest))
    total.narrow(axis, 0, rest).add_(x.narrow(axis, 1, rest))
    return total


def _grids(unknown: Tensor) -> list[Tensor]:
    """Return which points of grids, coarser and coarser, have nothing but unknowns around them."""
    grids = [unknown]
    while min(grids[-1].shape[-2:]) > 2:
        finer = functional.pad(grids[-1], (1, 1, 1, 1), value=1.0)
        grids.append(-functional.max_pool2d(-finer, 3, stride=2))
    return grids


def _preconditioned(residual: Tensor, grids: list[Tensor]) -> Tensor:
    """Return the sum of corrections on all grids, which have the same scale in two dimensions."""
    if len(grids) == 1:
        return residual
    coarse = (_smooth(residual)[..., ::2, ::2] * grids[1]).contiguous()
    correction = torch.zeros_like(residual)
    correction[..., ::2, ::2] = _preconditioned(coarse, grids[1:])
    return residual + _smooth(correction)


def _smooth(x: Tensor) -> Tensor:
    """Return what linear interpolation from every second pixel does, where the others are zero."""
    return _one_two_one(_one_two_one(x, -1), -2) / 4


def _pyramid(values: Tensor, weights: Tensor) -> Tensor:
    """Return values, and where the weight is zero what coarser means of others say."""
    if bool((weights > 0).all()):
        return values
    share = functional.avg_pool2d(weights, 2, ceil_mode=True)
    mean = functional.avg_pool2d(values * weights, 2, ceil_mode=True)
    mean = torch.where(share > 0, mean / share, 0)
    coarse = _pyramid(mean, (share > 0).to(share))
    sides = (values.shape[-2], values.shape[-1])
    finer = functional.interpolate(coarse, sides, mode="bilinear", align_corners=False)
    return torch.where(weights > 0, values, finer)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((2, 3), keepdim=True)


def _ratio(one: Tensor, other: Tensor) -> Tensor:
    """Return a quotient, 0 where there is nothing left to divide: what is solved stays."""
    return torch.where(other > 0, one / other, 0)
