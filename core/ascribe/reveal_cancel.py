"""DeepLIFT's reveal-cancel rule: positive and negative contributions apart.

Shrikumar, Greenside and Kundaje, ICML 2017, https://arxiv.org/abs/1704.02685, sections 3.4 and
3.5.2. Contributions to a function of one number are those to the linear layer or convolution right
before it (with its batch norm); what goes from there to the layer's operands follows the paper's
linear rule.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ascribe.calls import Call, Pull
from ascribe.difference_rules import rescale
from ascribe.weighted import Weighted


def reveal_cancel(call: Call, reference: Call) -> tuple[Tensor, Pull]:
    """Rescale, where no operation with weights comes right before; else see `through`."""
    return rescale(call, reference)


def through(call: Call, reference: Call, layer: Weighted, layer0: Weighted) -> tuple[Tensor, Pull]:
    """Return a function's value, and how its multiplier becomes one of what the layer weighs.

    Parameters
    ----------
    call, reference
        The function of one number, at the inputs and at the reference.
    layer, layer0
        The operation with weights before it, at both.
    """
    step = layer.x - layer0.x
    rises, falls = step.clamp(min=0), step.clamp(max=0)
    parts = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
    positive = layer.apply(rises, parts[0]) + layer.apply(falls, parts[1])
    negative = layer.apply(rises, parts[1]) + layer.apply(falls, parts[0])
    start, value = reference.operand, call.run()

    def at(point: Tensor) -> Tensor:
        return torch.as_tensor(call.run([point]))

    before, up, down = at(start), at(start + positive), at(start + negative)
    both = at(start + positive + negative)
    gained = ((up - before) + (both - down)) / 2
    lost = ((down - before) + (both - up)) / 2
    middle = rescale(call, reference)[1](torch.ones_like(value))
    slopes = [
        torch.where(part == 0, middle, change / part)
        for part, change in ((positive, gained), (negative, lost))
    ]

    def pull(multiplier: Tensor) -> Tensor:
        up, down = (multiplier * slope for slope in slopes)
        (w_up, w_down) = (_back(layer, parts[0], m) for m in (up, down))
        (v_up, v_down) = (_back(layer, parts[1], m) for m in (up, down))
        rising, falling = w_up + v_down, w_down + v_up
        mean = (rising + falling) / 2
        return torch.where(step > 0, rising, torch.where(step < 0, falling, mean))

    return value, pull


def _back(layer: Weighted, weight: Tensor, cotangent: Tensor) -> Tensor:
    """Return the transpose of a linear operation, with other weights, of a cotangent."""
    with torch.enable_grad():
        point = layer.x.detach().clone().requires_grad_()
        value = layer.apply(point, weight)
    return torch.autograd.grad(value, point, cotangent)[0]
