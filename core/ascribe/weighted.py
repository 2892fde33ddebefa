"""Operations with weights: what they weigh, by what, and what they add.

A batch norm with fixed statistics right after such an operation is part of it: its scale multiplies
the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.calls import Call


@dataclass(frozen=True)
class Weighted:
    """A linear operation with weights, and a bias perhaps: ``apply(x, weight) + bias``.

    Attributes
    ----------
    call
        The operation; of one merged with a batch norm, that before the batch norm.
    weights
        Its weights, before a batch norm.
    bias
        What it adds, in a form that broadcasts to the output; None for nothing.
    apply
        The operation without its bias, of any operand and any weights.
    out_axis
        Which axis of the weights is that of the output's channels, None where that is not plain.
    scale
        What a batch norm after it multiplies the weights by.
    """

    call: Call
    weights: Tensor
    bias: Tensor | None
    apply: Callable[[Tensor, Tensor], Tensor]
    out_axis: int | None = None
    scale: Tensor | None = None

    @property
    def weight(self) -> Tensor:
        """Its weights."""
        return self.weights if self.scale is None else self.weights * self.scale

    @property
    def x(self) -> Tensor:
        """What is weighed."""
        return self.call.operand

    @property
    def spatial(self) -> bool:
        """Whether it is a convolution."""
        return self.call.name.startswith("conv")


def weighted(call: Call) -> Weighted | None:
    """Return an operation as one with weights, None if it is not of that kind."""
    if len(call.places) != 1:
        return None
    if call.name == "linear" or call.name.startswith("conv"):
        return _layer(call) if call.places == [0] else None
    if call.name in ("matmul", "mm", "bmm", "mv") and len(call.leaves) == 2:
        first = call.places == [0]
        func = call.func
        apply = func if first else (lambda x, weight: func(weight, x))
        return Weighted(call, call.leaves[1 if first else 0], None, apply)
    if call.name in ("addmm", "addbmm", "baddbmm") and call.places in ([1], [2]):
        if len(call.leaves) != 3:
            return None
        bias, _, _ = call.leaves
        multiply = torch.mm if call.name == "addmm" else torch.bmm
        if call.name == "addbmm":
            return None
        if call.places == [1]:
            return Weighted(call, call.leaves[2], bias, multiply)
        return Weighted(call, call.leaves[1], bias, lambda x, weight: multiply(weight, x))
    if call.name == "batch_norm":
        scale, shift = _scale_and_shift(call)
        return Weighted(call, scale, shift, torch.mul)
    return None


def _layer(call: Call) -> Weighted:
    args, kwargs = call.arguments()
    weight, bias = call.argument("weight", 1), call.argument("bias", 2)
    rest = args[3:]
    named = {k: v for k, v in kwargs.items() if k not in ("input", "weight", "bias")}
    func = call.func

    def apply(x: Tensor, weight: Tensor) -> Tensor:
        return torch.as_tensor(func(x, weight, None, *rest, **named))

    sides = 0 if call.name == "linear" else int(call.name[-2])
    transposed = call.name.startswith("conv_transpose")
    groups = call.argument("groups", 6)
    plain = not transposed or groups in (None, 1)
    if bias is not None:
        bias = bias.reshape(-1, *[1] * sides)
    return Weighted(call, weight, bias, apply, (1 if transposed else 0) if plain else None)


def merged(before: Weighted, norm: Call) -> Weighted | None:
    """Return an operation and the batch norm right after it as one, None where that is not plain.

    Parameters
    ----------
    before
        The operation.
    norm
        The batch norm.
    """
    if before.out_axis is None or (before.call.name == "linear" and norm.operand.dim() != 2):
        return None
    scale, shift = _scale_and_shift(norm)
    shape = [1] * before.weights.dim()
    shape[before.out_axis] = -1
    bias = shift if before.bias is None else before.bias * scale[0] + shift[0]
    return replace(before, scale=scale.reshape(shape), bias=bias)


def _scale_and_shift(norm: Call) -> tuple[Tensor, Tensor]:
    """Return what a batch norm with fixed statistics multiplies by, and what it adds."""
    ours = norm.func is functional.batch_norm
    order = ("running_mean", "running_var", "weight", "bias")
    places = (1, 2, 3, 4) if ours else (3, 4, 1, 2)
    mean, variance, weight, bias = (
        norm.argument(name, place) for name, place in zip(order, places, strict=True)
    )
    scale = (variance + norm.argument("eps", 7, 1e-5)).rsqrt()
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    shape = (1, -1, *[1] * (norm.operand.dim() - 2))
    return scale.reshape(shape).to(norm.operand), shift.reshape(shape).to(norm.operand)


def remember(value: Tensor, source: Any) -> None:
    """Note what a tensor came of; see `source_of`."""
    value._ascribe_source = (source, value._version)  # type: ignore[attr-defined]


def source_of(value: Tensor) -> Any:
    """Return what a tensor came of, unless something wrote to it since."""
    source, version = getattr(value, "_ascribe_source", (None, None))
    return source if version == value._version else None
