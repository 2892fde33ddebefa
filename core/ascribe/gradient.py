"""Gradients of a model's scores, with nothing left on the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.detached import Copies, without_parameters
from ascribe.errors import AscribeWarning, InputError
from ascribe.evaluations import Vary
from ascribe.forward import Forward
from ascribe.sums import gradient_rows, summed, weighed

Under = Callable[[], AbstractContextManager[Any]]


def gradients(forward: Forward, under: Under = nullcontext) -> tuple[Tensor, ...]:
    """Return the gradient of each target's score with respect to each input.

    For each input ``(targets, batch, *features)``, in single precision at least. Raises as
    `gradients_at` does, whose ``under`` this takes.
    """

    def inputs(chunk: Chunk) -> tuple[Tensor, ...]:
        return tuple(forward.part(tensor, chunk) for tensor in forward.inputs.tensors)

    return sum_of_gradients(forward, inputs, torch.ones(1), under=under)


def sum_of_gradients(
    forward: Forward,
    vary: Vary,
    weights: Tensor,
    internal_batch_size: int | None = None,
    under: Under = nullcontext,
) -> tuple[Tensor, ...]:
    """Return the weighted sum of gradients over variants of the inputs.

    Parameters
    ----------
    forward
        The model.
    vary
        Returns a chunk of variants, as `Forward.evaluate` takes it.
    weights
        One weight for each variant: ``(variants,)``.
    internal_batch_size
        How many rows one evaluation takes at most; by default as many as fit in the memory budget.
    under
        As `gradients_at` takes it.

    Returns
    -------
    tuple of Tensor
        For each input, ``(targets, batch, *features)``, in single precision at least.
    """
    _check_differentiable(forward.inputs.tensors)

    plain = under is nullcontext and all(
        tensor.dtype in (torch.float32, torch.float64) for tensor in forward.inputs.tensors
    )

    def each(chunk: Chunk) -> Iterator[Tensor]:
        points = forward.flat(vary(chunk), chunk)
        if plain:
            yield from gradient_of_sum(forward, points, weights[chunk.variants], chunk)
        else:
            for part in gradients_at(forward, points, chunk, under):
                yield weighed(part, weights, chunk)

    rows = gradient_rows(forward, len(weights), internal_batch_size)
    forward.check_independence(len(weights), vary, rows)
    return summed(forward, len(weights), rows, each)


def gradients_at(
    forward: Forward, tensors: Iterable[Tensor], chunk: Chunk, under: Under = nullcontext
) -> tuple[Tensor, ...]:
    """Return the gradient of each target's score at the rows of a chunk.

    Parameters
    ----------
    forward
        The model.
    tensors
        The points, one tensor ``(rows, *features)`` for each input.
    chunk
        Which rows they are, as `Forward.__call__` takes it.
    under
        Makes the context that the model runs in: `ascribe.rules.Rules`, perhaps.

    Returns
    -------
    tuple of Tensor
        For each input, ``(targets, rows, *features)`` in its dtype.

    Raises
    ------
    InputError
        If an input holds integers, or the scores do not depend on the inputs differentiably.
    """
    points = tuple(tensors)
    _check_differentiable(points)

    def run() -> tuple[list[Tensor], Tensor]:
        leaves = [point.detach().clone().requires_grad_() for point in points]
        # Clones again: a model may begin with an operation in place, which no leaf allows.
        with under():
            return leaves, forward([leaf.clone() for leaf in leaves], chunk)

    return differentiated(run)[1]


def gradient_of_sum(
    forward: Forward, points: Iterable[Tensor], weights: Tensor, chunk: Chunk
) -> tuple[Tensor, ...]:
    """Return the gradient of a weighted sum of scores over a chunk's variants of each example.

    Parameters
    ----------
    forward
        The model.
    points
        One tensor ``(rows, *features)`` for each input, in single or double precision.
    weights
        ``(variants of the chunk,)``.
    chunk
        Which rows they are, as `Forward.__call__` takes it.

    Returns
    -------
    tuple of Tensor
        For each input, ``(targets, examples, *features)`` in its dtype.
    """
    copies, given = Copies(weights), list(points)

    def run() -> tuple[list[Tensor], Tensor]:
        shifted = [copies.shifted(point) for point in given]
        return [shift for shift, _ in shifted], forward([rows for _, rows in shifted], chunk)

    return differentiated(run, copies)[1]


def differentiated(
    run: Callable[[], tuple[list[Tensor], Tensor]], copies: Copies | None = None
) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """Return leaves of a graph and the gradient of each target's score with respect to them.

    Parameters
    ----------
    run
        Returns the leaves and the scores ``(targets, rows)`` that came of them.
    copies
        As `ascribe.detached.without_parameters` takes it.

    Raises
    ------
    InputError
        If the scores do not depend on the leaves differentiably.
    """
    return without_parameters(lambda context: _differentiated(run, context), copies)


def _differentiated(
    run: Callable[[], tuple[list[Tensor], Tensor]], context: AbstractContextManager[Any]
) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    with torch.inference_mode(False), torch.enable_grad():
        with context:
            leaves, scores = run()
        check_graph(scores)
        seed = torch.ones_like(scores[0])
        each = [_gradient(scores, index, leaves, seed) for index in range(len(scores))]
    return leaves, tuple(map(torch.stack, zip(*each, strict=True)))


def check_graph(scores: Tensor) -> None:
    """Refuse scores that do not depend on anything differentiably."""
    if not scores.requires_grad:
        raise InputError(
            "the scores must depend on the inputs through differentiable operations, but no "
            "gradient flows back; look for torch.no_grad, detach, item or argmax in the model"
        )


def _check_differentiable(tensors: Iterable[Tensor]) -> None:
    for index, tensor in enumerate(tensors):
        if not tensor.is_floating_point():
            raise InputError(
                f"input {index} must be floating point to have a gradient, but is {tensor.dtype}; "
                f"convert it with .float(), or attribute to the output of its embedding layer"
            )


def _gradient(scores: Tensor, index: int, leaves: list[Tensor], seed: Tensor) -> list[Tensor]:
    found = torch.autograd.grad(
        scores[index],
        leaves,
        grad_outputs=seed,
        retain_graph=index < len(scores) - 1,
        allow_unused=True,
    )
    unused = [i for i, gradient in enumerate(found) if gradient is None]
    if unused:
        warnings.warn(
            f"the scores do not depend on input {', '.join(map(str, unused))}: its gradient is 0",
            AscribeWarning,
            stacklevel=4,
        )
    return [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
