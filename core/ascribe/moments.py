"""Mean and squared deviations of a stream of tensors, element by element.

By the update of Welford, "Note on a method for calculating corrected sums of squares and products",
Technometrics 4, 1962, https://doi.org/10.1080/00401706.1962.10490022, of differences from the first
tensor and in double precision, so that a large offset costs no digits.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Moments:
    """The mean and the sum of squared deviations from it, in double precision.

    Both are taken of differences from the first tensor, which lie close to zero where values lie
    close together: there are the digits.
    """

    def __init__(self) -> None:
        self.count = 0
        self._first = self._shift = self._squares = torch.zeros(())

    def update(self, x: Tensor) -> None:
        """Take in one more tensor."""
        x = x.detach()
        if not self.count:
            self._first = wide(x).clone()
            self._shift = torch.zeros_like(self._first)
            self._squares = torch.zeros_like(self._first)
        self.count += 1
        difference = x - self._first  # in double precision, as the first is
        deviation = difference - self._shift
        self._shift.add_(deviation, alpha=1 / self.count)
        self._squares.addcmul_(deviation, difference.sub_(self._shift))

    def mean(self) -> Tensor:
        """Return the mean."""
        return self._first + self._shift

    def squares(self) -> Tensor:
        """Return the sum of squared deviations."""
        return self._squares.clone()


def wide(x: Tensor) -> Tensor:
    """Return a tensor in double precision, or what comes closest on its device."""
    # Apple's GPUs have no double precision.
    return x.to(torch.float32 if x.device.type == "mps" else torch.float64)
