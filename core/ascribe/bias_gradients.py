"""Gradients of scores with respect to the inputs and to every bias, place by place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ascribe import operations
from ascribe.batching import Chunk
from ascribe.calls import Call
from ascribe.evaluations import at_least_single
from ascribe.forward import Forward
from ascribe.gradient import differentiated
from ascribe.rules import Rules
from ascribe.weighted import weighted


def full_gradients(forward: Forward) -> tuple[Tensor, list[Tensor]]:
    """Return the gradient of the one input, and each bias times its gradient.

    Parameters
    ----------
    forward
        The model, bound to one input.

    Returns
    -------
    Tensor
        ``(targets, batch, *features)``.
    list of Tensor
        For each operation with a bias, in the order in which they run, the bias times the gradient
        of its output: ``(targets, batch, *features of the output)``.
    """
    parts: list[list[Tensor]] = []

    def work(chunk: Chunk) -> None:
        rules = _Biases()

        def run() -> tuple[list[Tensor], Tensor]:
            rules.outputs.clear()
            rules.biases.clear()
            with rules:
                found, scores = forward.watched(forward.part_of_inputs(chunk), chunk)
            return [*found, *rules.outputs], scores

        found = differentiated(run)[1]
        products = [g * bias for g, bias in zip(found[1:], rules.biases, strict=True)]
        parts.append([at_least_single(tensor) for tensor in (found[0], *products)])

    forward.run(1, forward.rows_for(1, differentiated=True), work)
    whole = [torch.cat(chunks, 1) for chunks in zip(*parts, strict=True)]
    if not whole:  # an empty batch
        (tensor,) = forward.inputs.tensors
        return tensor.new_zeros(forward.targets, *tensor.shape), []
    return whole[0], whole[1:]


class _Biases(Rules):
    """Watches the outputs of operations that have a bias."""

    def __init__(self) -> None:
        super().__init__({})
        self.outputs: list[Tensor] = []
        self.biases: list[Tensor] = []

    def native(self, call: Call) -> bool:
        return True

    def passed(self, call: Call) -> Any:
        layer = weighted(call) if operations.is_linear(call) else None
        value = call.run()
        if layer is None or layer.bias is None:
            return value
        self.outputs.append(value)
        self.biases.append(layer.bias)
        return value.clone()  # the model may write to it
