"""Gradient-weighted attention: how much of each token reaches an output token and helps the score.

Chefer, Gur and Wolf, "Generic Attention-model Explainability for Interpreting Bi-Modal and
Encoder-Decoder Transformers", ICCV 2021, https://arxiv.org/abs/2103.15679; here for self-attention.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, GradientAttribution, hookimpl
from ascribe.attention_maps import attention_maps, in_places, of_token


class GradientAttention(GradientAttribution):
    """Attention weights times their gradients, where positive, rolled out over the layers.

    Parameters
    ----------
    model
        The model: any callable that runs `torch.nn.MultiheadAttention` or
        `torch.nn.functional.scaled_dot_product_attention` on one sequence of tokens.
    """

    several_targets = True

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__(model)

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        token: int | None = 0,
    ) -> Tensor:
        """Return each token's relevance for the target's score, through an output token.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        token
            The output token that the score is read from: 0 is the class token of vision
            transformers. None for the mean over all.

        Returns
        -------
        Tensor
            ``(batch, tokens)``, at least zero; of torchvision's ``VisionTransformer`` the map of
            patches ``(batch, 1, rows, columns)``, without the class token, which
            `ascribe.attr.LayerAttribution.interpolate` brings to the input's size.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            maps, gradients = attention_maps(forward)
            tokens = maps[0].shape[-1]
            relevance = torch.eye(tokens, dtype=maps[0].dtype, device=maps[0].device)
            for weights, gradient in zip(maps, gradients, strict=True):
                helps = (gradient * weights).clamp(min=0).mean(2)
                relevance = relevance + helps @ relevance
            found = of_token(relevance, token)
            return forward.pack_scores(in_places(self.forward_func, found))


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [GradientAttention]
