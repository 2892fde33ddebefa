"""A call of the model, tied to its targets and to what it takes beside the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ascribe.batching import Chunk
from ascribe.errors import TargetError
from ascribe.inputs import Inputs
from ascribe.targets import pickers

_NOBODY = torch.empty(0, dtype=torch.long)


class Binding:
    """A model as a function of its inputs alone, with one score for each target and row.

    Parameters
    ----------
    forward_func
        The model: any callable.
    inputs
        What is attributed.
    target
        See `ascribe.targets.pickers`.
    additional_forward_args
        What the model takes after the inputs: a value, a tuple of values, or a dict of keyword
        arguments. A tensor with one entry for each example follows its example; everything else
        is passed on as it is.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        inputs: Inputs,
        target: Any = None,
        additional_forward_args: Any = None,
    ) -> None:
        self._func = forward_func
        self._inputs = inputs
        self._args, self._kwargs = _arguments(additional_forward_args)
        self._pickers = pickers(target, inputs.batch)
        #: Whether the model has returned a score without any dimension: one for a whole batch.
        self.scalar = False

    @property
    def targets(self) -> int:
        """The number of targets."""
        return len(self._pickers)

    def output(self, tensors: Iterable[Tensor], examples: Tensor) -> Any:
        """Return what the model returns for rows of which ``examples`` tells whose they are."""
        return self.run(self.leaves(tensors, examples))

    def leaves(self, tensors: Iterable[Tensor], examples: Tensor) -> list[Tensor]:
        """Return all that the model takes of its rows: inputs, then arguments that follow them."""
        given = (*self._args, *self._kwargs.values())
        # Copied even where each example comes once: the model may write to them.
        rows = [v.detach()[examples.to(v.device)] for v in given if self._follows(v)]
        return [*tensors, *rows]

    def run(self, leaves: Iterable[Tensor]) -> Any:
        """Return what the model returns for leaves."""
        left = iter(leaves)
        tensors = list(islice(left, len(self._inputs.tensors)))
        args = [next(left) if self._follows(value) else value for value in self._args]
        kwargs = {k: next(left) if self._follows(v) else v for k, v in self._kwargs.items()}
        names = self._inputs.names
        if names:
            return self._func(*args, **dict(zip(names, tensors, strict=True)), **kwargs)
        return self._func(*tensors, *args, **kwargs)

    def scores(self, tensors: Iterable[Tensor], chunk: Chunk) -> Tensor:
        """Return the scores of the rows of a chunk: ``(targets, rows)`` or ``(targets, 1)``."""
        # Whose row is whose matters to what follows its example alone.
        examples = chunk.of_rows() if self._args or self._kwargs else _NOBODY
        return self.picked(self.output(tensors, examples), chunk)

    def picked(self, output: Any, chunk: Chunk) -> Tensor:
        """Return the scores in what the model returned for the rows of a chunk: see `scores`."""
        several = len(self._pickers) > 1
        # A callable target may write to what it is given, and others come after it.
        outputs = (copied(output) if several else output for _ in self._pickers)
        scores = [
            pick(given, chunk.examples, chunk.copies)
            for pick, given in zip(self._pickers, outputs, strict=True)
        ]
        self.scalar = self.scalar or any(score.dim() == 0 for score in scores)
        return torch.stack([_one_per_row(score, chunk.rows) for score in scores])

    def _follows(self, value: Any) -> bool:
        """Whether an argument has one entry for each example."""
        return isinstance(value, Tensor) and value.dim() > 0 and len(value) == self._inputs.batch


def copied(value: Any) -> Any:
    """Return nested values with their tensors copied, for what may write to them."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, value)


def _arguments(given: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(given, Mapping):
        return (), dict(given)
    if given is None:
        return (), {}
    return (given if isinstance(given, tuple) else (given,)), {}


def _one_per_row(scores: Tensor, rows: int) -> Tensor:
    shape = tuple(scores.shape)
    if scores.is_complex() or scores.dtype == torch.bool:
        raise TargetError(f"scores must be real numbers, but are {scores.dtype}")
    if scores.numel() != rows and scores.numel() != 1:
        raise TargetError(
            f"target must choose one score for each example, shape ({rows},), but leaves {shape}; "
            f"pass an index, or a callable that takes the scores from the output"
        )
    if scores.numel() == rows and scores.dim() and len(scores) != rows:
        raise TargetError(
            f"target must choose one score for each example, shape ({rows},), but leaves {shape}"
        )
    return scores.reshape(-1)
