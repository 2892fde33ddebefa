"""Attention rollout: how much of each token reaches an output token through all layers.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020,
https://arxiv.org/abs/2005.00928
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, InputError, hookimpl
from ascribe.attention_maps import attention_maps, in_places, of_token

FUSIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda maps: maps.mean(1),
    "max": lambda maps: maps.amax(1),
    "min": lambda maps: maps.amin(1),
}


class AttentionRollout(Attribution):
    """The product over layers of attention weights, each with the residual connection's share.

    Parameters
    ----------
    model
        The model: any callable that runs `torch.nn.MultiheadAttention` or
        `torch.nn.functional.scaled_dot_product_attention` on one sequence of tokens.
    head_fusion
        How heads become one: ``mean``, as in the paper, ``max`` or ``min``.
    residual
        The share of what goes past attention, from 0 to 1; a half in the paper.
    """

    several_targets = True

    def __init__(
        self, model: Callable[..., Any], head_fusion: str = "mean", residual: float = 0.5
    ) -> None:
        super().__init__(model)
        if head_fusion not in FUSIONS:
            raise InputError(
                f"head_fusion must be one of {', '.join(FUSIONS)}, but is {head_fusion!r}"
            )
        if not 0 <= residual <= 1:
            raise InputError(f"residual must be from 0 to 1, but is {residual!r}")
        self._fuse, self._residual = FUSIONS[head_fusion], residual

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        token: int | None = 0,
    ) -> Tensor:
        """Return how much of each token reaches an output token; it is the same for each target.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            A score of the model, as every method takes it.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        token
            The output token: 0 is the class token of vision transformers. None for the mean.

        Returns
        -------
        Tensor
            ``(batch, tokens)``, at least zero, with a sum of one; of torchvision's
            ``VisionTransformer`` the map of patches ``(batch, 1, rows, columns)``, without the
            class token, which `ascribe.attr.LayerAttribution.interpolate` brings to the input's
            size.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            maps, _ = attention_maps(forward)
            rolled = torch.eye(maps[0].shape[-1], dtype=maps[0].dtype, device=maps[0].device)
            for weights in maps:
                mixed = self._residual * torch.eye(
                    weights.shape[-1], dtype=weights.dtype, device=weights.device
                ) + (1 - self._residual) * self._fuse(weights)
                rolled = mixed / mixed.sum(-1, keepdim=True) @ rolled
            relevance = of_token(rolled, token).expand(forward.targets, -1, -1)
            return forward.pack_scores(in_places(self.forward_func, relevance))


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [AttentionRollout]
