"""Distributions of baselines."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.inputs import Inputs


def pools(inputs: Inputs, given: Any, baselines: Any, what: str = "baselines") -> list[Tensor]:
    """Return the baselines to draw from, ``(baselines, *features)`` for each input, in one number.

    Those of several inputs are drawn together, so each input must have as many; one is for all.

    Parameters
    ----------
    inputs
        What they are baselines of.
    given
        The same as the caller gave it.
    baselines
        A tensor ``(baselines, *features)``, or a number, for each input; or a function that makes
        these, of the inputs or of nothing.
    what
        What they are called in an error.

    Raises
    ------
    InputError
        If they do not have the inputs' features, or their numbers differ.
    """
    if callable(baselines):
        baselines = baselines(given) if inspect.signature(baselines).parameters else baselines()
    pools = [
        _pool(f"{what} {index}", pool, tensor)
        for index, (pool, tensor) in enumerate(
            zip(inputs.per_input(baselines, what), inputs.tensors, strict=True)
        )
    ]
    size = max(map(len, pools))
    if {len(pool) for pool in pools} - {1, size}:
        raise InputError(
            f"{what} must have as many rows for each input, but have "
            f"{[len(pool) for pool in pools]}"
        )
    return [pool.expand(size, *pool.shape[1:]) for pool in pools]


def _pool(what: str, pool: Any, tensor: Tensor) -> Tensor:
    if isinstance(pool, (int, float)):
        exact = torch.float64 if isinstance(pool, float) else torch.int64
        pool = torch.full((1, *tensor.shape[1:]), pool, dtype=exact)
    if not isinstance(pool, Tensor):
        raise InputError(f"{what} must be a tensor to draw from, or a number, but is {pool!r}")
    if pool.shape[1:] != tensor.shape[1:] or not len(pool):
        raise InputError(
            f"{what} must have the shape (rows, *{tuple(tensor.shape[1:])}), of one row at least, "
            f"but has {tuple(pool.shape)}"
        )
    converted = pool.detach().to(tensor)
    if not torch.equal(converted.to(pool), pool) and not tensor.is_floating_point():
        raise InputError(f"{what} must hold whole numbers as its input does ({tensor.dtype})")
    return converted
