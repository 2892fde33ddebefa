"""Rules for relevance: what that of an operation's value is to its operands.

These are for operations without weights; see `ascribe.lrp_rules` for the others. Those of
transformers are from Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation
for Transformers", ICML 2024, https://arxiv.org/abs/2402.05602
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ascribe import decompositions
from ascribe.calls import Call, Pull
from ascribe.lrp_rules import shared

#: Takes an operation; returns its value, and how its relevance becomes that of each operand.
RelevanceRule = Callable[[Call], tuple[Tensor, Pull]]

#: Added to the denominator of sums without weights.
EPSILON = 1e-9


def mixed(call: Call) -> tuple[Tensor, Pull]:
    """Sums: in proportion to what each element adds (LRP-ε with a tiny ε)."""
    if call.name in ("mul", "div", "neg", "negative"):
        return passed_on(call)
    return _shared_by(call, 1)


def uniform(call: Call) -> tuple[Tensor, Pull]:
    """Products: the same to each factor (Achtibat et al. 2024, proposition 3.3)."""
    return _shared_by(call, len(call.places))


def taylor(call: Call) -> tuple[Tensor, Pull]:
    """First-order Taylor shares; what they leave over is absorbed (Bach et al. 2015)."""
    return _shared_by(call, 1)


def _shared_by(call: Call, factors: int) -> tuple[Tensor, Pull]:
    operands = [operand.detach().clone() for operand in call.operands]
    value, back = call.differentiate(operands, private=True)
    kept = value.clone()

    def pull(relevance: Tensor) -> list[Tensor]:
        shares, _ = shared(relevance, kept, None, EPSILON)
        return [x * part / factors for x, part in zip(operands, back(shares), strict=True)]

    return value, pull


def passed_on(call: Call) -> tuple[Tensor, Pull]:
    """Functions of one number: relevance is handed on as it is (Bach et al. 2015)."""
    first, *others = [operand.shape for operand in call.operands]

    def pull(relevance: Tensor) -> list[Tensor]:
        whole = relevance if relevance.shape == first else relevance.sum_to_size(first)
        return [whole, *(relevance.new_zeros(shape) for shape in others)]

    return call.run(), pull


def won(call: Call) -> tuple[Tensor, Pull]:
    """Maxima: all to the winner."""
    return call.differentiate(call.operands)


def softmax(call: Call) -> tuple[Tensor, Pull]:
    """Softmax: x_i (R_i - p_i sum R), its Taylor shares at x (Achtibat et al. 2024, prop. 3.1)."""
    x, weights, dim = call.operand.clone(), call.run(), call.argument("dim", 1)
    x, kept = x.masked_fill(x.isneginf(), 0), weights.clone()
    return weights, lambda relevance: x * (relevance - kept * relevance.sum(dim, keepdim=True))


# Norms, with the deviation as a constant: then that hands relevance on as it is (Ali et al. 2022,
# https://arxiv.org/abs/2202.07304; Achtibat et al. 2024, proposition 3.4).


def _normalised(x: Tensor, axes: list[int], eps: float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    with torch.no_grad():
        scale = torch.rsqrt(torch.square(centred).mean(axes, keepdim=True) + eps)
    return centred * scale


def _rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    with torch.no_grad():
        scale = decompositions.rms_norm(torch.ones_like(input), normalized_shape, None, eps)
        norm = decompositions.rms_norm(input, normalized_shape, None, eps)
        scale = torch.where(input == 0, scale, norm / input)
    normed = input * scale
    return normed if weight is None else normed * weight


NORMS: dict[str, Callable[..., Any]] = {
    "layer_norm": partial(decompositions.layer_norm, normalise=_normalised),
    "group_norm": partial(decompositions.group_norm, normalise=_normalised),
    "rms_norm": _rms_norm,
}
