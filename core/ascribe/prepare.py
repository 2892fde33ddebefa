"""A program made faster, for scores alone: the same numbers up to rounding.

Batch norms with fixed statistics are folded into the convolutions before them, ReLUs run in place
after them, and convolutions run with their channels last, which oneDNN and cuDNN prefer. This is
done to a private copy for one use, so there is nothing that could go stale when weights change.

(Weights packed beforehand for oneDNN gain a twentieth where patches have the size that they were
packed for, and lose more than half where they have not.)

Gradients are never taken of a prepared program: rounding moves activations across the kinks of
ReLUs and of max pooling.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from ascribe import winograd
from ascribe.program import NoProgramError, Operation, Program, Value

aten = torch.ops.aten

#: Operations that depend on how tensors lie in memory, which is changed here.
OF_LAYOUT = (aten.as_strided, aten.view_as_real, aten.view_as_complex)

#: Operations that demand it, and can do without.
VIEWS = (aten.view, aten._unsafe_view)

#: Products of matrices, which run no faster here.
PRODUCTS = (aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten._native_multi_head_attention)

#: Batch norms, whose arguments are x, weight, bias, mean, variance, training, momentum, epsilon.
NORMS = (aten.native_batch_norm, aten.cudnn_batch_norm)


@dataclass(frozen=True)
class Convolution:
    """A convolution with what was folded into it.

    Attributes
    ----------
    weight, bias
        ``(channels out, channels in / groups, *window)`` and ``(channels out,)``.
    stride, padding, dilation, groups
        As `torch.nn.functional.conv2d` takes them.
    relu
        Whether negative results become zero.
    """

    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    relu: bool = False

    def __call__(self, x: Tensor, padding: tuple[int, ...] | None = None) -> Tensor:
        padding = self.padding if padding is None else padding
        x = channels_last(x)
        if {*self.stride, *self.dilation} == {1} and winograd.pays(x.shape, self.weight, padding):
            return winograd.convolved(x, self._spread, self.bias, padding, self.relu)
        none = [0] * len(padding)
        made = torch.convolution(
            x, self.weight, self.bias, self.stride, padding, self.dilation, False, none, self.groups
        )
        return made.relu_() if self.relu else made

    @functools.cached_property
    def _spread(self) -> Tensor:
        return winograd.spread(self.weight)

    def with_norm(self, norm: Sequence[Any]) -> Convolution:
        """Return it with a batch norm after it: its weight, bias, mean, variance, ... epsilon."""
        weight, bias, mean, variance, *_, epsilon = norm
        scale = (variance.double() + epsilon).rsqrt()
        scale = scale if weight is None else scale * weight.double()
        shift = -mean.double() if self.bias is None else self.bias.double() - mean.double()
        shift = shift * scale if bias is None else shift * scale + bias.double()
        by_channel = scale.to(self.weight).reshape(-1, *[1] * (self.weight.dim() - 1))
        return dataclasses.replace(self, weight=self.weight * by_channel, bias=shift.to(by_channel))


def channels_last(tensor: Tensor) -> Tensor:
    """Return a tensor with its channels last in memory, where convolutions run faster so."""
    form = {4: torch.channels_last, 5: torch.channels_last_3d}.get(tensor.dim())
    if form is None or tensor.dtype == torch.float64:
        return tensor
    return tensor.contiguous(memory_format=form)


def gains(kinds: Iterable[Any]) -> bool:
    """Whether operations of these kinds are faster prepared: most products are convolutions."""
    count = Counter(kinds)
    return count[aten.convolution] > 0 and count[aten.convolution] >= sum(
        count[product] for product in PRODUCTS
    )


def prepared(program: Program) -> Program:
    """Return a program that gives the same scores, faster.

    Raises
    ------
    NoProgramError
        If it depends on how its tensors lie in memory.
    """
    uses = Counter(number for operation in program.operations for number in operation.values)
    uses.update(one.number for one in program.outputs if isinstance(one, Value))
    made: dict[int, Operation] = {}  # by what it makes
    for operation in program.operations:
        if any(uses[number] for number in operation.results):
            new = _rewritten(operation, _alone_before(operation, uses, made))
            made.update((number, new) for number in new.results if number >= 0)
    kept, needed = [], {one.number for one in program.outputs if isinstance(one, Value)}
    for operation in reversed(list(dict.fromkeys(made.values()))):
        if needed.intersection(operation.results):
            needed.update(operation.values)
            kept.append(_laid_out(operation))
    return Program(program.inputs, kept[::-1], program.outputs, program.structure)


def _rewritten(operation: Operation, before: Operation | None) -> Operation:
    kind = operation.kind
    if kind in OF_LAYOUT:
        raise NoProgramError(f"{kind} depends on how tensors lie in memory")
    if kind is aten.convolution:
        return _convolution(operation)
    if kind in VIEWS:
        return dataclasses.replace(operation, func=aten.reshape.default)
    if before is None:
        return operation
    func: Any = before.func
    if kind in NORMS and not func.relu and _of_constants(operation):
        return _operation(func.with_norm(operation.arguments[1:8]), before, operation)
    if kind is aten.relu:
        return _operation(dataclasses.replace(func, relu=True), before, operation)
    return operation


def _alone_before(
    operation: Operation, uses: Counter[int], made: dict[int, Operation]
) -> Operation | None:
    """Return the convolution that makes what this operation, and no other, takes first."""
    first = operation.arguments[0]
    if not isinstance(first, Value) or uses[first.number] != 1:
        return None
    before = made.get(first.number)
    return before if before is not None and isinstance(before.func, Convolution) else None


def _of_constants(operation: Operation) -> bool:
    """Whether nothing but the first argument depends on the inputs, and the norm has statistics."""
    mean = operation.arguments[3]
    return len(operation.values) == 1 and isinstance(mean, Tensor)


def _convolution(operation: Operation) -> Operation:
    (x, weight, bias, *places), _ = tree_unflatten(list(operation.arguments), operation.structure)
    stride, padding, dilation, transposed, _, groups = places
    if transposed or len(operation.values) != 1 or not isinstance(x, Value):
        return operation
    dims = weight.dim() - 2
    sizes = [tuple(one) * (dims if len(one) == 1 else 1) for one in (stride, padding, dilation)]
    made = Convolution(weight, bias, sizes[0], sizes[1], sizes[2], groups)
    return _operation(made, operation, operation)


def _operation(func: Convolution, takes: Operation, makes: Operation) -> Operation:
    """Return an operation with the first argument of one and the results of another."""
    structure = tree_flatten(((0,), {}))[1]
    return Operation(func, takes.arguments[:1], structure, makes.results[:1])


def _laid_out(operation: Operation) -> Operation:
    if isinstance(operation.func, Convolution):
        weight = channels_last(operation.func.weight)
        return dataclasses.replace(
            operation, func=dataclasses.replace(operation.func, weight=weight)
        )
    return operation
