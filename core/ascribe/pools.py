"""Distributions of baselines."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from ascribe.errors import InputError
from ascribe.inputs import Inputs


def pools(inputs: Inputs, given: Any, baselines: Any) -> list[Tensor]:
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

    Raises
    ------
    InputError
        If they do not have the inputs' features, or their numbers differ.
    """
    if callable(baselines):
        baselines = baselines(given) if inspect.signature(baselines).parameters else baselines()
    pools = [
        _pool(index, pool, tensor)
        for index, (pool, tensor) in enumerate(
            zip(inputs.per_input(baselines, "baselines"), inputs.tensors, strict=True)
        )
    ]
    size = max(map(len, pools))
    if {len(pool) for pool in pools} - {1, size}:
        raise InputError(
            f"each input must have as many baselines to draw from, but there are "
            f"{[len(pool) for pool in pools]}"
        )
    return [pool.expand(size, *pool.shape[1:]) for pool in pools]


def _pool(index: int, pool: Any, tensor: Tensor) -> Tensor:
    if isinstance(pool, (int, float)):
        pool = tensor.new_full((1, *tensor.shape[1:]), pool)
    if not isinstance(pool, Tensor):
        raise InputError(
            f"baselines {index} must be a tensor to draw from, or a number, but are {pool!r}"
        )
    if pool.shape[1:] != tensor.shape[1:] or not len(pool):
        raise InputError(
            f"baselines {index} must have the shape (baselines, *{tuple(tensor.shape[1:])}), to "
            f"draw from, but have {tuple(pool.shape)}"
        )
    return pool.detach().to(tensor)
