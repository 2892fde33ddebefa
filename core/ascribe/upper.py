"""A model from a layer on, by itself: what lies below the layer does not run again.

The forward pass keeps the model's own kernels, so that scores and gradients are the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from ascribe.detached import FixedBatchNorm
from ascribe.prepare import NORMS
from ascribe.program import EachRow, NoProgramError, Operation, Program, Value
from ascribe.tape import Tape, program_of


class Upper:
    """What a model does with a layer's activations.

    Parameters
    ----------
    run
        The model as a function of activations ``(rows, *features)`` and of what else it takes, in
        a list.
    few, more
        Two such lists, of one row and of two, with other numbers in them.
    activations
        How many of each list are activations.

    Raises
    ------
    NoProgramError
        If what the model does cannot be recorded, or needs more from below than its activations.
    """

    def __init__(
        self,
        run: Callable[[list[Tensor]], Any],
        few: Sequence[Tensor],
        more: Sequence[Tensor],
        activations: int,
    ) -> None:
        tapes = []
        # With gradients, as some modules run otherwise without them.
        with torch.inference_mode(False), torch.enable_grad():
            for given, wanted in ((few, 0), (more, activations)):
                leaves, rows = _watched(given)
                with _UpperTape(rows, wanted) as tape:
                    output = run(list(rows))
                    tape.end(output)
                tapes.append(tape)
            self._program = _from(program_of(*tapes), activations)
            told = _told(output, leaves[:activations])
            leaves, rows = _watched(more)
            own = _told(self.run(rows), leaves[:activations])
        if not all(map(_same, own, told)):
            raise NoProgramError("its operations do not give what the model gave")

    def run(self, leaves: Sequence[Tensor]) -> Any:
        """Return what the model returns for activations and what else it takes."""
        return self._program.run(list(leaves))


class _UpperTape(Tape):
    """A tape that leaves out what takes long, with zeros for what it would have given.

    Computed is what depends on the first inputs, the activations of a layer: nothing is asked of
    what lies below them, nor of a run of which the operations alone are wanted.
    """

    def __init__(self, inputs: Sequence[Tensor], wanted: int) -> None:
        super().__init__(inputs, keeps=False)
        self._above, self._seen = set(range(wanted)), 0

    def call(self, func: Any, args: Any, kwargs: dict[str, Any], arguments: list[Any]) -> Any:
        for _, given, _, results in self.operations[self._seen :]:
            if self._above.intersection(_numbers(given)):
                self._above.update(results)
        self._seen = len(self.operations)
        numbers = _numbers(arguments)
        if not torch.is_grad_enabled() and self._above.intersection(numbers):
            self.refusal = self.refusal or "a part of the model runs without gradients"
        if func not in _LONG or not numbers or self._above.intersection(numbers):
            return super().call(func, args, kwargs, arguments)
        device = next(one.device for one in tree_leaves(args) if isinstance(one, Tensor))
        shapes = tree_map_only(Tensor, lambda one: one.to("meta"), (args, kwargs))
        return torch.zeros_like(func(*shapes[0], **shapes[1]), device=device)

    def leaves_torch(self, name: str, tensor: Tensor) -> bool:
        cut = name in ("detach", "detach_", "data") and tensor.requires_grad
        return cut or super().leaves_torch(name, tensor)


_LONG = {getattr(torch.ops.aten, name).default for name in ("convolution", "mm", "addmm", "bmm")}


def _numbers(arguments: Sequence[Any]) -> list[int]:
    return [one.number for one in arguments if isinstance(one, Value)]


def _watched(given: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return leaves of a graph, and copies of them that a model may write to."""
    leaves = [tensor.detach().clone() for tensor in given]
    leaves = [leaf.requires_grad_() if leaf.is_floating_point() else leaf for leaf in leaves]
    return leaves, [leaf.clone() for leaf in leaves]


def _told(output: Any, leaves: Sequence[Tensor]) -> list[Tensor]:
    """Return what a model gives, and the gradient of a sum of it: detached and custom ones tell."""
    numbers = [one for one in tree_leaves(output) if isinstance(one, Tensor)]
    total = sum((_weighed(one) for one in numbers if one.requires_grad), torch.zeros(()))
    watched = [leaf for leaf in leaves if leaf.requires_grad]
    if not isinstance(total, Tensor) or not total.requires_grad or not watched:
        raise NoProgramError("no gradient flows to the layer")
    gradients = torch.autograd.grad(total, watched, allow_unused=True, materialize_grads=True)
    return [one.detach() for one in (*numbers, *gradients)]


def _weighed(tensor: Tensor) -> Tensor:
    """Return a sum in which no two places count alike."""
    weights = torch.linspace(1, 2, tensor.numel(), dtype=tensor.dtype, device=tensor.device)
    return (tensor.reshape(-1) * weights).sum()


def _same(one: Tensor, other: Tensor) -> bool:
    if not one.is_floating_point():
        return torch.equal(one, other)
    slack = 64 * torch.finfo(one.dtype).eps * float(other.abs().max()) if other.numel() else 0.0
    return one.shape == other.shape and torch.allclose(one, other, 0, slack, equal_nan=True)


def _from(program: Program, activations: int) -> Program:
    """Return the part of a program that depends on the first inputs, if it needs no other."""
    above = set(range(activations))
    operations = []
    for operation in program.operations:
        if above.intersection(operation.values):
            above.update(number for number in operation.results if number >= 0)
            operations.append(_without_parameters(operation))
    needed = {number for operation in operations for number in operation.values}
    needed |= {one.number for one in program.outputs if isinstance(one, Value)}
    if needed - above:
        raise NoProgramError("the model takes more from below the layer than its activations")
    outputs = [_detached(one) for one in program.outputs]
    return Program(program.inputs, operations, outputs, program.structure)


def _without_parameters(operation: Operation) -> Operation:
    """Return an operation with its constants out of the graph."""
    arguments = tuple(map(_detached, operation.arguments))
    training = NORMS[0] is operation.kind and arguments[5] is not False
    fixed = operation.kind in NORMS and not training and len(operation.values) == 1
    if fixed and isinstance(arguments[3], Tensor):
        return dataclasses.replace(
            operation, func=_norm, arguments=arguments, results=operation.results[:1]
        )
    return dataclasses.replace(operation, arguments=arguments)


def _norm(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, *rest: Any
) -> Tensor:
    made: Tensor = FixedBatchNorm.apply(x, mean, variance, weight, bias, rest[-1])  # type: ignore[no-untyped-call]
    return made


def _detached(one: Any) -> Any:
    if isinstance(one, Tensor):
        return one.detach()
    return EachRow(one.tensor.detach()) if isinstance(one, EachRow) else one
