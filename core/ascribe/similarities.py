"""How much a changed input counts in a local model of a model: the nearer, the more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.notes import note

#: By what share of their own spread samples that count differ at least.
ALIKE = 1e-9


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


def checked_weights(weights: Tensor, features: Tensor) -> Tensor:
    """Return how much samples count, ``(examples, samples)``; warn where they are all alike.

    Parameters
    ----------
    weights
        That.
    features
        What the samples have: ``(samples, features)``.

    Raises
    ------
    InputError
        If a number is negative.
    """
    if bool((weights < 0).any()):
        raise InputError("similarity_func must return numbers of at least 0")
    x = features.to(weights)
    shares = weights / weights.sum(1, keepdim=True).clamp(min=1e-300)
    spread = shares @ x.square() - (shares @ x).square()
    alike = spread.amax(1) <= ALIKE * (x - x.mean(0)).square().amax()
    if bool(alike.any()):
        note(
            f"the samples of example {int(alike.nonzero()[0])} that count are all alike, so its "
            f"coefficients tell nothing: others are too far away for similarity_func (take a "
            f"larger kernel_width), or n_samples is too small"
        )
    return weights


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
