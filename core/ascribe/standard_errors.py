"""Standard errors of what is summed over random draws.

They are as wide as Student's distribution makes them for so few draws ("The Probable Error of a
Mean", Biometrika 6, 1908, https://doi.org/10.2307/2331554): its variance is ``(n - 1) / (n - 3)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: How many draws do not tell how far they are off: Student's distribution has no variance then.
TOO_FEW = 3


def error_of_sum(squares: Tensor, count: int) -> Tensor:
    """Return the standard error of a sum of independent parts; infinite where these are too few.

    Parameters
    ----------
    squares
        The sum of the squared deviations of the parts from their mean.
    count
        How many parts.
    """
    if count <= TOO_FEW:
        return torch.full_like(squares, float("inf"))
    return squares.clamp(min=0).mul(count / (count - 3)).sqrt()


def error_of_mean(squares: Tensor, count: int) -> Tensor:
    """Return the standard error of a mean over independent parts: as `error_of_sum`."""
    return error_of_sum(squares, count) / count


def jackknife(left_out: Tensor) -> Tensor:
    """Return the standard error of an estimate, from estimates that leave out a group in turn.

    Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM, 1982,
    https://doi.org/10.1137/1.9781611970319

    Parameters
    ----------
    left_out
        Estimates without each of the groups: ``(groups, ...)``.
    """
    groups = len(left_out)
    squares = (left_out - left_out.mean(0)).square().sum(0)
    return error_of_mean((groups - 1) ** 2 * squares, groups)
