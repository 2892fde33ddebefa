"""Gradients with another backward pass through rectifiers, however a model writes them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ascribe.calls import Call
from ascribe.forward import Forward
from ascribe.gradient import gradients
from ascribe.notes import note
from ascribe.rules import Rules, substitute

#: Takes what comes back to a rectifier, and where that is not active; returns what goes on.
Backward = Callable[[Tensor, Tensor], Tensor]


#: Operations that may be rectifiers; some, with other arguments, are not.
RECTIFIERS = ("relu", "relu6", "clamp", "clip", "clamp_min", "hardtanh", "threshold")


def rectified_gradients(forward: Forward, backward: Backward) -> tuple[Tensor, ...]:
    """Return gradients of each target's score, with rectifiers passed as an algorithm wants.

    Rectifiers are ReLU and ReLU6, also written as a clamp at zero or a threshold. All else has its
    own gradient.

    Parameters
    ----------
    forward
        The model.
    backward
        What goes through a rectifier.

    Returns
    -------
    tuple of Tensor
        For each input ``(targets, batch, *features)``.
    """
    passes: list[_Rectified] = []

    def under() -> Rules:
        passes.append(_Rectified(backward))
        return passes[-1]

    found = gradients(forward, under)
    if passes and not any(one.used for one in passes):
        note("the model runs no rectifier (ReLU): these are its plain gradients", stacklevel=3)
    return found


def silenced(cotangent: Tensor, inactive: Tensor) -> Tensor:
    """Return what comes back to a rectifier, and zero where that is not active.

    Parameters
    ----------
    cotangent
        What comes back.
    inactive
        Where the rectifier is not active: booleans of the same shape.
    """
    # What `masked_fill` returns, by the kernel of ReLU's own gradient: choosing by booleans
    # takes a CPU ten times as long.
    active = inactive.view(torch.uint8).to(cotangent.dtype).neg_()
    return torch.ops.aten.threshold_backward(cotangent, active, -0.5)


class _Rectified(Rules):
    def __init__(self, backward: Backward) -> None:
        super().__init__({})
        self._backward = backward
        self.used = False

    def concerns(self, name: str) -> bool:
        return name in RECTIFIERS

    def native(self, call: Call) -> bool:
        return not _is_rectifier(call)

    def treat(self, call: Call, rule: object) -> Tensor:
        with torch.no_grad():
            value = call.run()
            inactive = value <= 0
            if call.name in ("relu6", "hardtanh"):
                inactive |= value >= call.argument("max_val", 2, 6)
        self.used = True
        return substitute(call, value, lambda cotangent: self._backward(cotangent, inactive))

    def _ruled(self, call: Call, own: object) -> Tensor:
        return self.treat(call, own)


def _is_rectifier(call: Call) -> bool:
    if call.name in ("relu", "relu6"):
        return True
    least, most = call.argument("min", 1), call.argument("max", 2)
    if call.name in ("clamp", "clip", "clamp_min"):
        return isinstance(least, (int, float)) and least == 0 and most is None
    if call.name == "hardtanh":
        return bool(call.argument("min_val", 1, -1.0) == 0)
    if call.name == "threshold":
        return call.argument("threshold", 1) == 0 and call.argument("value", 2) == 0
    return False
