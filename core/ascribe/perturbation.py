"""Scores of the inputs with some regions replaced by a baseline."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.forward import Forward


class Regions(Protocol):
    """Regions of the inputs, each of which is replaced in one perturbation."""

    def __len__(self) -> int:
        """Return the number of regions."""

    def masks(self, chunk: Chunk) -> tuple[Tensor | None, ...]:
        """Return for each input where a chunk's regions lie.

        A boolean tensor that broadcasts to ``(variants, examples, *features)``, or None where the
        chunk leaves an input as it is.
        """


def ablate(
    forward: Forward,
    regions: Regions,
    baselines: Any = None,
    perturbations_per_eval: int | None = None,
    show_progress: bool = False,
    description: str = "",
) -> Tensor:
    """Return by how much each score falls when a region is replaced by the baseline.

    Parameters
    ----------
    forward
        The model.
    regions
        What to replace, one region at a time.
    baselines
        What to replace it by, in any form that `Inputs.baselines` takes.
    perturbations_per_eval, show_progress, description
        As `Forward.evaluate` takes them.

    Returns
    -------
    Tensor
        ``(targets, regions, batch)``, or ``(targets, regions, 1)`` from a model that returns one
        number for the whole batch.
    """
    tensors, replacements = forward.inputs.tensors, forward.baselines(baselines)

    def vary(chunk: Chunk) -> tuple[Tensor, ...]:
        return tuple(
            forward.part(tensor, chunk)
            if mask is None
            else torch.where(mask, forward.part(base, chunk), forward.part(tensor, chunk))
            for mask, base, tensor in zip(regions.masks(chunk), replacements, tensors, strict=True)
        )

    replaced = forward.evaluate(
        len(regions), vary, perturbations_per_eval, show_progress, description
    )
    return forward.scores[:, None] - replaced
