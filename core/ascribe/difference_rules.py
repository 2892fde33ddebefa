"""Rules for differences: what a multiplier of an operation's value is to its operands.

Each is complete: the differences of the operands, times what a multiplier becomes, sum to the
value's difference times the multiplier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.calls import Call, Pull
from ascribe.quadrature import quadrature

#: Takes an operation at the inputs and at the reference; returns its value at the inputs, and how
#: a multiplier of the value becomes one of each operand.
DifferenceRule = Callable[[Call, Call], tuple[Tensor, Pull]]


class NoRule(Exception):  # noqa: N818 - becomes an UnsupportedOperation, or a gradient
    """Raised by a rule for a call that it does not cover: says why."""


def rescale(call: Call, reference: Call, eps: float | None = None) -> tuple[Tensor, Pull]:
    """Rescale: the quotient of differences, for any function of one number.

    Shrikumar et al. 2017, section 3.5.1. Where the operand differs by at most ``eps`` its
    derivative stands in; by default the mean of the two derivatives does, where these differ by
    less than the rounding error of the quotient.
    """
    (x,), (x0,) = _alone(call), reference.operands
    value, before = call.run([x]), reference.run([x0])
    if value.shape != x.shape:
        x, x0 = x.expand_as(value), x0.expand_as(value)
    slope = _slope(call, x, x0, value, before, eps)
    shape = call.operand.shape
    return value, lambda multiplier: (multiplier * slope).sum_to_size(shape)


def _alone(call: Call) -> list[Tensor]:
    if len(call.places) != 1:
        raise NoRule("has several operands that depend on the inputs, and no rule for that")
    return call.operands


def _slope(
    call: Call, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor, within: float | None
) -> Tensor:
    step, change = x - x0, y - y0
    slope = change / step
    if within is not None:
        return torch.where(step.abs() <= within, _derivative(call, x), slope)
    if call.name == "relu":
        return torch.where(step == 0, (x > 0).to(slope), slope)
    eps = torch.finfo(x.dtype).eps
    small = step.abs() <= 32 * eps**0.5 * (x.abs() + 1)
    if not bool(small.any()):
        return slope
    alone = sum(isinstance(leaf, Tensor) for leaf in call.leaves) == 1
    chosen = small if alone else torch.ones_like(small)
    points = (x[chosen], x0[chosen]) if alone else (x, x0)
    at, at0 = (_derivative(call, point) for point in points)
    part = slope[chosen] if alone else slope
    noise = 4 * eps * torch.maximum(y.abs(), y0.abs()) / step.abs()
    noise = noise[chosen] if alone else noise
    # The true slope lies between the derivatives where these are monotone; at a kink they differ.
    smooth = (at - at0).abs() <= noise
    still = (step == 0)[chosen] if alone else step == 0
    better = torch.where(still, at, torch.where(smooth, (at + at0) / 2, part))
    return slope.masked_scatter(chosen, better) if alone else better


def _derivative(call: Call, point: Tensor) -> Tensor:
    value, pull = call.differentiate([point])
    return torch.as_tensor(pull(torch.ones_like(value))[0])


def polynomial(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Products: the mean derivative along the line between the two points.

    For two factors this gives each its difference times the other's mean, as the Shapley value of
    two players does. A polynomial of degree k is integrated exactly by k/2 nodes of Gauss and
    Legendre (Aumann and Shapley 1974; Sundararajan et al. 2017 for completeness).
    """
    ends, starts = call.operands, reference.operands
    if call.name == "mul" and len(ends) == 2:
        (a, b), (a0, b0) = ends, starts
        means, shapes = ((b + b0) / 2, (a + a0) / 2), (a.shape, b.shape)
        return call.run(), lambda m: [
            (m * mean).sum_to_size(shape) for mean, shape in zip(means, shapes, strict=True)
        ]
    degree = ends[0].shape.numel() if call.name == "prod" else len(ends)
    nodes, weights = _gauss(max(1, (degree + 1) // 2))
    pulls = [
        call.differentiate([a0 + node * (a - a0) for a, a0 in zip(ends, starts, strict=True)])[1]
        for node in nodes
    ]

    def pull(multiplier: Tensor) -> list[Tensor]:
        parts = [
            [weight * part for part in one(multiplier)]
            for weight, one in zip(weights, pulls, strict=True)
        ]
        return [torch.stack(part).sum(0) for part in zip(*parts, strict=True)]

    return call.run(), pull


def _gauss(nodes: int) -> tuple[list[float], list[float]]:
    places, weights = quadrature("gausslegendre", nodes)
    return places.tolist(), weights.tolist()


def softmax(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Softmax: by logarithmic means of the two sets of weights.

    With L the logarithmic mean of each weight (L ln(p/q) = p - q), the difference of weight i is
    L_i (dx_i - d ln Z), and d ln Z = sum L_j dx_j / sum L_j, for the weights' differences sum to
    zero. So weights are complete, and a shift of all logits changes nothing.
    """
    value, mean, dim = _weights(call, reference)
    share = _share(mean, dim)
    return value.exp().to(
        call.run().dtype
    ), lambda m: mean * (m - (m * share).sum(dim, keepdim=True))


def log_softmax(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Logarithm of softmax: dx_i - d ln Z; see `softmax`."""
    _, mean, dim = _weights(call, reference)
    share = _share(mean, dim)
    return call.run(), lambda m: m - share * m.sum(dim, keepdim=True)


def logsumexp(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Logarithm of a sum of exponentials: d ln Z; see `softmax`."""
    _, mean, dim = _weights(call, reference)
    share, keeps = _share(mean, dim), bool(call.argument("keepdim", 2, False))
    return call.run(), lambda m: share * _as_kept(m, share, dim, keeps)


def _weights(call: Call, reference: Call) -> tuple[Tensor, Tensor, Any]:
    """Return the logarithm of the weights, their logarithmic means, and along what they sum."""
    x, x0 = call.operand, reference.operand
    dim = call.argument("dim", 1)
    if dim is None:
        raise NoRule("has no dim")
    new, old = (t - torch.logsumexp(t, dim, keepdim=True) for t in (x, x0))
    apart = (new - old).abs()
    ratio = torch.where(apart == 0, 1.0, -torch.expm1(-apart) / apart)
    mean = torch.maximum(new, old).exp() * ratio
    return new, mean.masked_fill(new.isneginf() | old.isneginf(), 0), dim


def _share(mean: Tensor, dim: Any) -> Tensor:
    return mean / mean.sum(dim, keepdim=True)


def _as_kept(m: Tensor, like: Tensor, dim: Any, keeps: bool) -> Tensor:
    """Return what a reduction along ``dim`` gave with these dimensions kept."""
    if keeps:
        return m
    axes = range(like.dim()) if dim in (None, ()) else [dim] if isinstance(dim, int) else dim
    for axis in sorted(axis % like.dim() for axis in axes):
        m = m.unsqueeze(axis)
    return m


def largest(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Maximum along dimensions: as `max_pool`."""
    x, x0 = call.operand, reference.operand
    dim = call.argument("dim", 1, ())
    axes = list(range(x.dim())) if dim in (None, ()) else [dim] if isinstance(dim, int) else dim
    axes = sorted(axis % x.dim() for axis in axes)
    last = list(range(-len(axes), 0))
    flat, flat0 = (t.movedim(axes, last).flatten(-len(axes)) for t in (x, x0))
    moved = x.movedim(axes, last).shape
    (top, at), (top0, at0) = (t.max(-1, keepdim=True) for t in (flat, flat0))
    chosen, slope = _won(flat, flat0, at, at0, top, top0)
    keeps = bool(call.argument("keepdim", 2, False))

    def pull(m: Tensor) -> Tensor:
        m = _as_kept(m, x, axes, keeps).movedim(axes, last).flatten(-len(axes))
        spread = torch.zeros_like(flat).scatter(-1, chosen, m * slope)
        return spread.reshape(moved).movedim(last, axes)

    return call.run(), pull


def max_pool(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Max pooling: a rise is due to the place that wins at the inputs, a fall to the one that won
    at the reference (Lundberg and Lee's DeepExplainer), so each multiplier is from 0 to 1."""  # noqa: D209
    sides = int(call.name[-2])
    kernel = getattr(functional, call.name + "_with_indices")
    if call.argument("return_indices", 6 if "adaptive" not in call.name else 2, False):
        raise NoRule("returns places, which differ between inputs and baselines")
    results = []
    for one in (call, reference):
        args, kwargs = one.arguments()
        kwargs.pop("return_indices", None)
        results.append(kernel(*args[: 6 if "adaptive" not in call.name else 2], **kwargs))
    (value, at), (before, at0) = results
    flat, flat0 = (t.flatten(-sides) for t in (call.operand, reference.operand))
    places = [t.flatten(-sides) for t in (at, at0, value, before)]
    chosen, slope = _won(flat, flat0, *places)
    shape = call.operand.shape

    def pull(m: Tensor) -> Tensor:
        spread = m.new_zeros(flat.shape).scatter_add(-1, chosen, m.flatten(-sides) * slope)
        return spread.reshape(shape)

    return value, pull


def _won(
    x: Tensor, x0: Tensor, at: Tensor, at0: Tensor, top: Tensor, top0: Tensor
) -> tuple[Tensor, Tensor]:
    """Return to which place the difference of maxima is due, and its multiplier there."""
    chosen = torch.where(top >= top0, at, at0)
    step = x.gather(-1, chosen) - x0.gather(-1, chosen)
    slope = torch.where(step == 0, 1.0, (top - top0) / step)
    return chosen, slope.masked_fill(at == at0, 1).clamp(0, 1)
