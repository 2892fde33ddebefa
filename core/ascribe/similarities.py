"""How much a changed input counts in a local model of a model: the nearer, the more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError


class ExponentialKernel:
    """``exp(-d ** 2 / (2 width ** 2))`` of a distance d between input and changed input.

    Ribeiro, Singh and Guestrin, "Why Should I Trust You?", KDD 2016,
    https://arxiv.org/abs/1602.04938 (there without the 2)

    Parameters
    ----------
    distance
        ``cosine``, 1 less the cosine of the angle between the two; or ``euclidean``.
    width
        In units of the distance, positive.
    """

    def __init__(self, distance: str = "cosine", width: float = 1.0) -> None:
        if distance not in _DISTANCES:
            known = ", ".join(_DISTANCES)
            raise InputError(f"distance_mode must be one of {known}, but is {distance!r}")
        if not width > 0:
            raise InputError(f"kernel_width must be a positive number, but is {width!r}")
        self._distance, self._width = _DISTANCES[distance], width

    def __call__(
        self, original_inp: Any, perturbed_inp: Any, interpretable_inp: Any = None, **kwargs: Any
    ) -> float:
        """Return how much one changed input counts: a number."""
        one, other = (
            [t.flatten()[None] for t in _tensors(x)] for x in (original_inp, perturbed_inp)
        )
        return float(self.of_rows(one, other)[0])

    def of_rows(self, original: Sequence[Tensor], changed: Sequence[Tensor]) -> Tensor:
        """Return how much each row counts: of tensors ``(..., elements)``, of shape ``(...)``."""
        one, other = (torch.cat([part.double() for part in x], dim=-1) for x in (original, changed))
        return (-self._distance(one, other).square() / (2 * self._width**2)).exp()


def get_exp_kernel_similarity_function(
    distance_mode: str = "cosine", kernel_width: float = 1.0
) -> ExponentialKernel:
    """Return an exponential kernel, by the name and parameters that users of Captum know."""
    return ExponentialKernel(distance_mode, kernel_width)


def _cosine(one: Tensor, other: Tensor) -> Tensor:
    return 1 - torch.nn.functional.cosine_similarity(one, other, dim=-1)


def _euclidean(one: Tensor, other: Tensor) -> Tensor:
    return torch.linalg.vector_norm(one - other, dim=-1)


_DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cosine": _cosine,
    "euclidean": _euclidean,
}


def _tensors(inputs: Any) -> Sequence[Tensor]:
    return [inputs] if isinstance(inputs, Tensor) else list(inputs)
