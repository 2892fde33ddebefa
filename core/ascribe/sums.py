"""Adding up what variants of the inputs give, in evaluations of as many rows as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.evaluations import Vary, at_least_single
from ascribe.forward import Forward, check_count


def gradient_rows(forward: Forward, variants: int, internal_batch_size: int | None) -> int:
    """Return how many rows one evaluation with gradients takes, as the caller wants or as fit."""
    rows = check_count(internal_batch_size, "internal_batch_size")
    return forward.rows_for(variants, differentiated=True) if rows is None else rows


def outer_rows(
    forward: Forward, variants: int, vary: Vary, internal_batch_size: int | None = None
) -> int:
    """Return how many rows one evaluation of all of the model takes, with gradients within it.

    Whether its rows are independent is found out first: see `Forward.check_independence`.
    """
    rows = gradient_rows(forward.whole, variants, internal_batch_size)
    forward.whole.check_independence(variants, vary, rows)
    forward.coupled = forward.coupled or forward.whole.coupled
    return rows


def weighed(gradients: Tensor, weights: Tensor, chunk: Chunk) -> Tensor:
    """Return a weighted sum over a chunk's variants.

    Parameters
    ----------
    gradients
        ``(targets, rows, *features)``.
    weights
        ``(all variants,)``.
    chunk
        Which variants of which examples the rows are.

    Returns
    -------
    Tensor
        ``(targets, examples, *features)``, in single precision at least.
    """
    by_variant = at_least_single(gradients).unflatten(1, (chunk.copies, -1))
    of_chunk = weights[chunk.variants].to(by_variant)
    return torch.tensordot(of_chunk, by_variant, dims=([0], [1]))


def summed(
    forward: Forward, variants: int, rows: int, each: Callable[[Chunk], Iterable[Tensor]]
) -> tuple[Tensor, ...]:
    """Return the sum of what each chunk of variants gives: ``(targets, batch, *features)`` each.

    Parameters
    ----------
    forward
        The model.
    variants, rows
        How many variants there are, and how many rows an evaluation takes.
    each
        Returns, for each input, ``(targets, examples, *features)``: the sum over a chunk.
    """
    sums = tuple(
        at_least_single(tensor.new_zeros((forward.targets, *tensor.shape)))
        for tensor in forward.inputs.tensors
    )

    def work(chunk: Chunk) -> None:
        for total, part in zip(sums, list(each(chunk)), strict=True):
            total[:, chunk.examples] += part

    forward.run(variants, rows, work)
    return sums


class Sums:
    """Numbers of each target and example, added up over variants.

    Parameters
    ----------
    forward
        The model.
    weights
        One weight for each variant: ``(variants,)``.
    """

    def __init__(self, forward: Forward, weights: Tensor) -> None:
        self._forward, self._weights = forward, weights
        self._total: Tensor | None = None

    def add(self, shares: Tensor, scores: Tensor, chunk: Chunk) -> None:
        """Add shares of a chunk, ``(targets, rows)``, and scores, of the whole batch perhaps."""
        whole = scores.shape[1] != chunk.rows
        count = 1 if whole else self._forward.inputs.batch
        if self._total is None:
            self._total = scores.new_zeros(len(scores), count, dtype=at_least_single(scores).dtype)
        if whole:
            self._total += (shares.sum(1, keepdim=True) + scores) * self._weights[chunk.variants][0]
        else:
            part = weighed(shares + scores, self._weights, chunk)
            self._total[:, chunk.examples] += part.to(self._total)

    @property
    def total(self) -> Tensor:
        """The sums: ``(targets, batch)``, or ``(targets, 1)`` of a score of the whole batch."""
        if self._total is None:  # an empty batch
            return self._forward.scores.clone()
        return self._total
