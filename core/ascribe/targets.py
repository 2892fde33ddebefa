"""From what a model returns to one score for each example."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from ascribe.errors import TargetError

#: Picks the scores of the examples ``examples`` from an output with ``copies`` rows for each.
Picker = Callable[[Any, slice, int], Tensor]


@dataclass(frozen=True)
class Targets:
    """Several targets to attribute in one pass: each model evaluation serves them all.

    Where a lone target gives attributions of shape ``(batch, *features)``, these give
    ``(targets, batch, *features)``. (A list gives one target to each example instead.)
    """

    targets: Sequence[Any]


def pickers(target: Any, batch: int) -> list[Picker]:
    """Return a picker for each target.

    Parameters
    ----------
    target
        None where the model returns one score for each example; an int or a one-element tensor
        for an output ``(batch, classes)``; a tuple of ints for outputs with more dimensions; a
        tensor, a list of ints or a list of tuples with one target for each example; a callable
        from the model's output, whatever it is, to scores; or `Targets`, several of these.
    batch
        The number of examples.

    Raises
    ------
    TargetError
        If the target is none of these.
    """
    if isinstance(target, Targets):
        if len(target.targets) == 0:
            raise TargetError("Targets must hold at least one target, but holds none")
        return [_picker(one, batch) for one in target.targets]
    return [_picker(target, batch)]


def highest(output: Any) -> Tensor:
    """Return the number of each example's highest score, -1 where it has just one.

    A callable target, so that it is found as scores are: in batches that fit.

    Parameters
    ----------
    output
        What a model returned: ``(batch, classes)``, or one score for each example.

    Raises
    ------
    TargetError
        If the output has other dimensions, where "highest" is not clear.
    """
    scores = tensor_output(output)
    if scores.numel() == 1 or scores.dim() <= 1 or scores.shape[1:].numel() == 1:
        return torch.full((scores.shape[0] if scores.dim() else 1,), -1.0, dtype=torch.float64)
    if scores.dim() > 2:
        raise TargetError(
            f"without a target the model must return (batch, classes), but returned the shape "
            f"{tuple(scores.shape)}; choose a score with a tuple or a callable"
        )
    return scores.argmax(1).double()


def total(output: Any) -> Tensor:
    """Return the sum of all magnitudes that a model returned for each row.

    A callable target, for where no score is asked for but rows must be told apart.
    """
    tensors = [t for t in tree_leaves(output) if isinstance(t, Tensor) and t.is_floating_point()]
    rows = max((len(tensor) for tensor in tensors if tensor.dim()), default=1)
    apart = [t.reshape(rows, -1) for t in tensors if t.dim() and len(t) == rows]
    return torch.stack([t.abs().sum(1) for t in apart] or [torch.zeros(rows)]).sum(0)


def neuron(selector: Any) -> Callable[[Any], Tensor]:
    """Return what picks a neuron from a layer's activation.

    Parameters
    ----------
    selector
        An int where the layer gives ``(batch, neurons)``; a tuple with an int or a slice for each
        dimension after the batch, where the neurons that slices cover are added up; or a callable
        from the activation (a tuple of them, where the layer has several) to ``(batch,)``.
    """
    if callable(selector):
        return selector
    index = selector if isinstance(selector, tuple) else (selector,)
    if not all(isinstance(one, slice) or hasattr(one, "__index__") for one in index):
        raise TargetError(
            f"neuron_selector must be an int, a tuple of ints and slices, or a callable, "
            f"but is {selector!r}"
        )

    def pick(activation: Any) -> Tensor:
        activation = tensor_output(activation)
        shape = tuple(activation.shape[1:])
        fits = len(index) == len(shape) and all(
            isinstance(one, slice) or -size <= operator.index(one) < size
            for one, size in zip(index, shape, strict=True)
        )
        if not fits:
            raise TargetError(
                f"neuron_selector must choose from the shape {shape} of the layer's activation, "
                f"an int or slice for each dimension, but is {selector!r}"
            )
        chosen = (slice(None), *index)
        return activation[chosen].reshape(len(activation), -1).sum(1)

    return pick


def _picker(target: Any, batch: int) -> Picker:
    if callable(target):
        return lambda output, examples, copies: _from_callable(target, output)
    if target is None:
        return lambda output, examples, copies: tensor_output(output)
    index = _index(target, batch)
    if index.dim() == 1:
        return lambda output, examples, copies: _pick_column(output, index.tolist())
    return lambda output, examples, copies: _pick_each(output, index[examples].repeat(copies, 1))


def _index(target: Any, batch: int) -> Tensor:
    """Return a target as an index: ``(depth,)`` for all examples or ``(batch, depth)``."""
    if isinstance(target, Tensor):
        if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
            raise TargetError(f"a tensor of targets must hold integers, but is {target.dtype}")
        target = target.detach().cpu()
        if target.numel() == 1 and target.dim() <= 1:
            return target.reshape(1)
        if target.dim() == 1:
            target = target[:, None]
    elif isinstance(target, list):
        target = _stack([_whole_numbers(one) for one in target])
    else:
        return torch.tensor(_whole_numbers(target), dtype=torch.long)
    if target.dim() != 2 or len(target) != batch:
        raise TargetError(
            f"a list or tensor of targets must hold one for each of the {batch} examples, "
            f"but has the shape {tuple(target.shape)}"
        )
    return target


def _whole_numbers(target: Any) -> tuple[int, ...]:
    values = target if isinstance(target, tuple) else (target,)
    try:
        return tuple(operator.index(value) for value in values)
    except TypeError:
        raise TargetError(
            "target must be None, an int, a tuple of ints, a tensor, a list with one of these for "
            f"each example, Targets([...]) or a callable, but is {target!r}"
        ) from None


def _stack(indices: list[tuple[int, ...]]) -> Tensor:
    depths = {len(index) for index in indices} or {1}
    if len(depths) > 1:
        raise TargetError(f"a list of targets must hold tuples of one length, but holds {indices}")
    return torch.tensor(indices, dtype=torch.long).reshape(len(indices), depths.pop())


def tensor_output(output: Any) -> Tensor:
    """Return what a model returned as a tensor, or say how to choose one from it."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, (int, float)):
        return torch.tensor(float(output), dtype=torch.float64)
    ways = "lambda output: output[0][:, 3]"
    if isinstance(output, Mapping) and output:
        ways = f"lambda output: output[{next(iter(output))!r}][:, 3]"
    if hasattr(output, "logits"):
        ways = "lambda output: output.logits[:, 3]"
    raise TargetError(
        f"the model must return a tensor, but returned a {type(output).__name__}; "
        f"pass a callable that takes the scores from it, such as target={ways}"
    )


def _from_callable(target: Callable[[Any], Tensor], output: Any) -> Tensor:
    scores = target(output)
    if not isinstance(scores, (Tensor, int, float)):
        raise TargetError(
            f"a callable target must return a tensor of scores, but returned a "
            f"{type(scores).__name__}"
        )
    return tensor_output(scores)


def _check_range(output: Tensor, index: Tensor) -> None:
    sizes = tuple(output.shape[1:])
    if index.shape[-1] > len(sizes):
        advice = "; leave target=None" if not sizes else ""
        raise TargetError(
            f"target has {index.shape[-1]} indices, but the model's output of shape "
            f"{tuple(output.shape)} has {len(sizes)} dimensions after the batch{advice}"
        )
    limits = torch.tensor(sizes[: index.shape[-1]])
    if bool(((index >= limits) | (index < -limits)).any()):
        raise TargetError(
            f"target {_shown(index)} is out of range for the model's output of shape "
            f"{tuple(output.shape)}: choose from 0 to {_shown(limits - 1)}"
        )


def _shown(index: Tensor) -> str:
    values = index.tolist()
    return str(values[0] if index.dim() == 1 and len(values) == 1 else values)


def _pick_column(output: Any, index: list[int]) -> Tensor:
    output = tensor_output(output)
    sizes = output.shape[1:]
    within = [-size <= one < size for one, size in zip(index, sizes, strict=False)]
    if len(index) > len(sizes) or not all(within):
        _check_range(output, torch.tensor(index))  # says so
    choice = (slice(None), *index)
    return output[choice]


def _pick_each(output: Any, index: Tensor) -> Tensor:
    output = tensor_output(output)
    if output.dim() == 0 or len(output) != len(index):
        raise TargetError(
            f"one target for each example needs an output with one row for each of the "
            f"{len(index)} examples, but the model's has the shape {tuple(output.shape)}"
        )
    _check_range(output, index)
    rows = torch.arange(len(index), device=output.device)
    choice = (rows, *index.to(output.device).T)
    return output[choice]
