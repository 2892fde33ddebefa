"""The attention weights of a model as it runs, without rewriting it.

Seen are `torch.nn.MultiheadAttention` and `torch.nn.functional.scaled_dot_product_attention`, and
all that is built on these. Attention that a model writes out with matrix products is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe import decompositions, operations
from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.forward import Forward
from ascribe.gradient import differentiated
from ascribe.guard import modules_in
from ascribe.rules import Rules

#: The functions whose weights are seen.
ATTENTION = ("scaled_dot_product_attention", "multi_head_attention_forward")


def attention_maps(forward: Forward) -> tuple[list[Tensor], list[Tensor]]:
    """Return the weights of each self-attention, and the gradients of each target's score there.

    Parameters
    ----------
    forward
        The model.

    Returns
    -------
    list of Tensor
        For each attention, in the order in which they run, ``(batch, heads, tokens, tokens)``.
    list of Tensor
        For each ``(targets, batch, heads, tokens, tokens)``.

    Raises
    ------
    InputError
        If the model runs no attention that can be seen, or its tokens attend to others than
        themselves.
    """
    parts: list[tuple[list[Tensor], tuple[Tensor, ...]]] = []

    def work(chunk: Chunk) -> None:
        rows = forward.flat(forward.part_of_inputs(chunk), chunk)

        def run() -> tuple[list[Tensor], Tensor]:
            maps = _Maps(chunk.rows)
            with maps:
                scores = forward(rows, chunk)
            _check(maps.found)
            return maps.found, scores

        found, gradients = differentiated(run)
        parts.append(([tensor.detach() for tensor in found], gradients))

    rows = forward.rows_for(1, differentiated=True)
    forward.check_independence(1, lambda chunk: forward.inputs.tensors, rows)
    if forward.inputs.batch:
        forward.run(1, rows, work)
    else:
        work(forward.everything)
    maps = [torch.cat(maps) for maps in zip(*(found for found, _ in parts), strict=True)]
    gradients = [torch.cat(g, 1) for g in zip(*(found for _, found in parts), strict=True)]
    return maps, gradients


class _Maps(Rules):
    """Runs attention step by step, and lets the graph begin at its weights."""

    def __init__(self, rows: int) -> None:
        super().__init__({})
        self.found: list[Tensor] = []
        self._rows, self._inside = rows, False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, name = kwargs or {}, operations.name_of(func)
        if name == "softmax" and self._inside:
            return self._noted(func(*args, **kwargs))
        if name not in ATTENTION or (self._inside and name == "multi_head_attention_forward"):
            return func(*args, **kwargs)
        steps = decompositions.attention if name == ATTENTION[0] else operations.opened(func)
        assert steps is not None
        outer, self._inside = self._inside, True
        try:
            with self:
                return steps(*args, **kwargs)
        finally:
            self._inside = outer

    def _noted(self, weights: Tensor) -> Tensor:
        if weights.dim() == 3 and len(weights) % self._rows == 0:  # examples x heads in one
            apart = weights.unflatten(0, (self._rows, -1))
        else:
            apart = weights
        kept = apart.clone()
        if not kept.requires_grad:
            kept.requires_grad_()
        self.found.append(kept)
        return kept.clone().reshape(weights.shape)


def _check(maps: list[Tensor]) -> None:
    if not maps:
        raise InputError(
            "the model runs no attention that can be seen: it needs nn.MultiheadAttention or "
            "scaled_dot_product_attention; attention written out with matrix products, as in "
            "torchvision's Swin, is not seen"
        )
    shapes = {tuple(tensor.shape[-2:]) for tensor in maps}
    if len(shapes) > 1 or any(tensor.dim() != 4 for tensor in maps):
        raise InputError(
            f"tokens must attend to themselves, all in one sequence, with weights (batch, heads, "
            f"tokens, tokens), but these have the shapes {[tuple(t.shape) for t in maps]}"
        )
    queries, keys = shapes.pop()
    if queries != keys:
        raise InputError(f"{queries} tokens attend to {keys} others: that is no self-attention")


def of_token(relevance: Tensor, token: int | None) -> Tensor:
    """Return the row of one output token, or the mean over all.

    Parameters
    ----------
    relevance
        ``(..., output tokens, input tokens)``.
    token
        Which, or None for all.
    """
    if token is None:
        return relevance.mean(-2)
    if not -relevance.shape[-2] <= token < relevance.shape[-2]:
        raise InputError(f"token must be one of {relevance.shape[-2]} tokens, but is {token}")
    return relevance[..., token, :]


def in_places(forward_func: Callable[..., Any], relevance: Tensor) -> Tensor:
    """Return relevance of tokens as a map, where the model is torchvision's VisionTransformer.

    Parameters
    ----------
    forward_func
        The model.
    relevance
        ``(targets, batch, tokens)``, for such a model with the class token in front.

    Returns
    -------
    Tensor
        ``(targets, batch, 1, rows, columns)`` of patches for such a model; else as it is.
    """
    for module in modules_in(forward_func):
        kind = f"{type(module).__module__}.{type(module).__qualname__}"
        if kind == "torchvision.models.vision_transformer.VisionTransformer":
            side = int(module.image_size) // int(module.patch_size)  # type: ignore[arg-type]
            return relevance[..., 1:].unflatten(-1, (1, side, side))
    return relevance
