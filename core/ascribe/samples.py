"""Copies of a batch for several samples of each example, example by example."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ascribe.inputs import Inputs
from ascribe.targets import Targets


def repeated(tensor: Tensor, samples: int) -> Tensor:
    """Return each example's entry so many times in a row."""
    return tensor.repeat_interleave(samples, 0)


def follow(value: Any, batch: int, samples: int) -> Any:
    """Return what goes with copies of a batch: tensors with an entry for each example follow it."""

    def leaf(one: Any) -> Any:
        follows = isinstance(one, Tensor) and one.dim() and len(one) == batch
        return repeated(one, samples) if follows else one

    return tree_map(leaf, value)


def follow_target(target: Any, batch: int, samples: int) -> Any:
    """Return targets for copies of a batch: a list has one for each example."""
    if isinstance(target, Targets):
        return Targets([follow_target(one, batch, samples) for one in target.targets])
    if isinstance(target, list) and len(target) == batch:
        return [one for one in target for _ in range(samples)]
    return follow(target, batch, samples)


def portions(inputs: Inputs, samples: int, most: int | None, nbytes: int) -> Iterator[range]:
    """Yield which samples to take at a time: of at most so many rows, or of so many bytes."""
    size = sum(tensor.nbytes for tensor in inputs.tensors)
    rows = most if most is not None else nbytes * inputs.batch // max(1, size)
    at_once = max(1, rows // max(1, inputs.batch))
    for start in range(0, samples, at_once):
        yield range(start, min(start + at_once, samples))


def following(arguments: dict[str, Any], batch: int, samples: int) -> dict[str, Any]:
    """Return named arguments of a method for copies of a batch: see `follow`, `follow_target`."""
    return {
        name: (follow_target if name == "target" else follow)(value, batch, samples)
        for name, value in arguments.items()
    }


def by_sample(rows: Tensor, samples: int, axis: int = 0) -> Tensor:
    """Return ``(..., batch * samples, ...)`` as ``(..., batch, samples, ...)``."""
    return rows.unflatten(axis, (rows.shape[axis] // samples, samples))


def norms(tensors: list[Tensor], order: Any, first: int) -> Tensor:
    """Return the norm of each row over all tensors: of ``(*first, *features)`` each."""
    flat = torch.cat([tensor[..., None].flatten(first) for tensor in tensors], dim=first)
    return torch.linalg.vector_norm(flat, ord=2 if order == "fro" else order, dim=first)
