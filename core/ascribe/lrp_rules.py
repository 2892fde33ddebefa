"""Rules of layer-wise relevance propagation for operations with weights.

Each says in which parts an operation's relevance is distributed, and in proportion to what.
Montavon, Binder, Lapuschkin, Samek and Müller, "Layer-Wise Relevance Propagation: An Overview",
2019, https://doi.org/10.1007/978-3-030-28954-6_10, gathers them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.weighted import Weighted


@dataclass(frozen=True)
class Part:
    """A share of an operation's relevance, and in proportion to what it is distributed.

    Attributes
    ----------
    share
        Of the relevance; those of all parts sum to one.
    pairs
        Operands and weights: the relevance of an operand's element is in proportion to what it adds
        to the sum of all pairs and the bias.
    bias
        What takes relevance and hands none on; None for nothing.
    """

    share: float
    pairs: list[tuple[Tensor, Tensor]]
    bias: Tensor | None = None


class PropagationRule(ABC):
    """How relevance goes through an operation with weights.

    Attributes
    ----------
    epsilon
        What is added to denominators, away from zero.
    """

    epsilon: float = 1e-9

    @abstractmethod
    def parts(self, layer: Weighted) -> list[Part] | None:
        """Return the parts of an operation's relevance, None to hand it on as it is."""

    def __repr__(self) -> str:
        given = ", ".join(f"{k.lstrip('_')}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({given})"


class EpsilonRule(PropagationRule):
    """LRP-ε: in proportion to each product of operand and weight (Bach et al. 2015).

    Parameters
    ----------
    epsilon
        What is added to denominators, away from zero; it absorbs relevance.
    """

    def __init__(self, epsilon: float = 1e-9) -> None:
        self.epsilon = _at_least_zero(epsilon, "epsilon")

    def parts(self, layer: Weighted) -> list[Part]:
        return [Part(1.0, [(layer.x, layer.weight)], layer.bias)]


class GammaRule(PropagationRule):
    """LRP-γ: positive weights count 1 + γ times (Montavon et al. 2019).

    Parameters
    ----------
    gamma
        By how much positive weights are favoured.
    set_bias_to_zero
        Leave the bias out of the denominator, so that it absorbs no relevance.
    """

    def __init__(self, gamma: float = 0.25, set_bias_to_zero: bool = False) -> None:
        self.gamma = _at_least_zero(gamma, "gamma")
        self.set_bias_to_zero = set_bias_to_zero

    def parts(self, layer: Weighted) -> list[Part]:
        def favoured(tensor: Tensor) -> Tensor:
            return tensor + self.gamma * tensor.clamp(min=0)

        bias = None if self.set_bias_to_zero or layer.bias is None else favoured(layer.bias)
        return [Part(1.0, [(layer.x, favoured(layer.weight))], bias)]


class AlphaBetaRule(PropagationRule):
    """LRP-αβ: α times what adds to a unit, less β times what takes from it (Bach et al. 2015).

    Parameters
    ----------
    alpha, beta
        ``alpha - beta`` must be 1. A unit to which nothing is negative loses its share of β.
    set_bias_to_zero
        Leave the bias out of the denominators, so that it absorbs no relevance.
    """

    def __init__(
        self, alpha: float = 2.0, beta: float = 1.0, set_bias_to_zero: bool = False
    ) -> None:
        self.alpha, self.beta = alpha, _at_least_zero(beta, "beta")
        if abs(alpha - beta - 1) > 1e-9:
            raise InputError(f"alpha - beta must be 1, but is {alpha} - {beta}")
        self.set_bias_to_zero = set_bias_to_zero

    def parts(self, layer: Weighted) -> list[Part]:
        (up, down), (more, less) = _signs(layer.x), _signs(layer.weight)
        bias = None if self.set_bias_to_zero else layer.bias
        gains, losses = (None, None) if bias is None else _signs(bias)
        negative = bool((down < 0).any())
        parts = [Part(self.alpha, [(up, more), (down, less)][: 1 + negative], gains)]
        if self.beta:
            parts.append(Part(-self.beta, [(up, less), (down, more)][: 1 + negative], losses))
        return parts


class Alpha1_Beta0_Rule(AlphaBetaRule):  # noqa: N801 - the name that users know
    """LRP-α1β0, also called z⁺: in proportion to what adds to a unit.

    Parameters
    ----------
    set_bias_to_zero
        Leave the bias out of the denominator, so that it absorbs no relevance.
    """

    def __init__(self, set_bias_to_zero: bool = False) -> None:
        super().__init__(1.0, 0.0, set_bias_to_zero)


class WSquareRule(PropagationRule):
    """LRP-w²: in proportion to squared weights, for inputs of any range (Montavon et al. 2017)."""

    def parts(self, layer: Weighted) -> list[Part]:
        return [Part(1.0, [(torch.ones_like(layer.x), layer.weight**2)])]


class FlatRule(PropagationRule):
    """LRP-flat: the same to each element that a unit sees (Lapuschkin et al. 2019)."""

    def parts(self, layer: Weighted) -> list[Part]:
        return [Part(1.0, [(torch.ones_like(layer.x), torch.ones_like(layer.weight))])]


class ZBoxRule(PropagationRule):
    """LRP-z^B: for inputs from a box, such as scaled pixels (Montavon et al. 2017).

    Parameters
    ----------
    low, high
        The box: numbers, or tensors that broadcast to the input.
    """

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = low, high

    def parts(self, layer: Weighted) -> list[Part]:
        low, high = (
            torch.as_tensor(bound, dtype=layer.x.dtype, device=layer.x.device).expand_as(layer.x)
            for bound in (self.low, self.high)
        )
        if bool(((layer.x < low) | (layer.x > high)).any()):
            raise InputError(
                "the box of ZBoxRule must hold all inputs; give their least and largest possible "
                "values as low and high, after any scaling"
            )
        more, less = _signs(layer.weight)
        return [Part(1.0, [(layer.x, layer.weight), (low, -more), (high, -less)])]


class IdentityRule(PropagationRule):
    """Relevance is handed on as it is, where operands and outputs have one shape.

    Parameters
    ----------
    epsilon
        Taken as Captum takes it, and not needed.
    """

    def __init__(self, epsilon: float = 1e-9) -> None:
        self.epsilon = epsilon

    def parts(self, layer: Weighted) -> None:
        return None


def distribute(
    rule: PropagationRule, parts: Iterable[Part], layer: Weighted, relevance: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the relevance of what a layer weighs, and how much biases and stabilisers absorb.

    Parameters
    ----------
    rule, parts
        What to do, and what its `PropagationRule.parts` returned.
    layer
        The operation.
    relevance
        Of its output.
    """
    total = torch.zeros_like(layer.x)
    absorbed = relevance.new_zeros((), dtype=torch.float64)
    for part in parts:
        with torch.enable_grad():
            points = [x.detach().clone().requires_grad_() for x, _ in part.pairs]
            sums = [layer.apply(x, w) for x, (_, w) in zip(points, part.pairs, strict=True)]
            z = torch.stack(sums).sum(0) if len(sums) > 1 else sums[0]
        value = z.detach() if part.bias is None else z.detach() + part.bias
        shares, lost = shared(part.share * relevance, value, part.bias, rule.epsilon)
        for point, found in zip(points, torch.autograd.grad(z, points, shares), strict=True):
            total += point.detach() * found
        absorbed += lost
    return total, absorbed


def shared(
    relevance: Tensor, value: Tensor, constant: Tensor | float | None, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Return relevance per unit of a value, and how much of it a constant and ε absorb.

    Parameters
    ----------
    relevance, value
        Of each output.
    constant
        The part of the value that depends on no operand.
    epsilon
        What is added to the value, away from zero.
    """
    # The sign of 0 is that of +0. (`torch.where` takes a CPU several times as long.)
    stabiliser = torch.copysign(value.new_tensor(epsilon), value + 0.0)
    denominator = value + stabiliser
    shares = relevance / denominator
    if not epsilon:  # nothing of nothing is nothing
        shares = shares.masked_fill((denominator == 0) & (relevance == 0), 0)
    absorbed = (shares * stabiliser).sum(dtype=torch.float64)
    return shares, absorbed if constant is None else absorbed + _weighed(shares, constant)


def _weighed(shares: Tensor, constant: Tensor | float) -> Tensor:
    """Return the sum of shares times a constant that broadcasts to them, in double precision."""
    if not isinstance(constant, Tensor):
        return shares.sum(dtype=torch.float64) * constant
    sizes = [1] * (shares.dim() - constant.dim()) + list(constant.shape)
    alike = [axis for axis, size in enumerate(sizes) if size == 1]
    sums = shares.sum(alike, keepdim=True, dtype=torch.float64) if alike else shares.double()
    return (sums * constant.double()).sum()


def _signs(tensor: Tensor) -> tuple[Tensor, Tensor]:
    return tensor.clamp(min=0), tensor.clamp(max=0)


def _at_least_zero(number: Any, what: str) -> float:
    if not isinstance(number, (int, float)) or number < 0:
        raise InputError(f"{what} must be a number of at least 0, but is {number!r}")
    return float(number)
