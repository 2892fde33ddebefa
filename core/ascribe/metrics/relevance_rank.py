"""Relevance rank accuracy: how many of the most relevant places lie in the mask.

Arras, Osman and Samek, "CLEVR-XAI: A Benchmark Dataset for the Ground Truth Evaluation of Neural
Network Explanations", Information Fusion 81, 2022, https://arxiv.org/abs/2003.07258. Channels are
pooled by the positive part of their sum, one of the paper's choices.

Departure: places of equal relevance share what is left of the ranks, which is the expected result
of breaking ties by chance.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ascribe.metrics.places import Places


def relevance_rank_accuracy(
    attributions: Any,
    masks: Any,
    *,
    sign: str = "positive",
    channels: bool | None = None,
    several_targets: bool = False,
) -> Tensor:
    """Return the share of the K most relevant places that lie in a mask of K places.

    Parameters
    ----------
    attributions
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    masks
        Where the evidence lies, in the form of the attributions: see `Places.mask`.
    sign, channels, several_targets
        See `Places.of`: attributions of channels are added up, and what is positive then counts.

    Returns
    -------
    Tensor
        ``(batch,)``, or ``(targets, batch)`` of several targets: from 0 to 1, higher is better.

    Raises
    ------
    InputError
        If attributions are not finite, or a mask does not fit or is empty.

    Examples
    --------
    >>> import torch
    >>> relevance_rank_accuracy(torch.tensor([[1.0, 3.0, 2.0]]), torch.tensor([1, 1, 0]))
    tensor([0.5000], dtype=torch.float64)
    """
    places = Places.of(attributions, sign, channels, several_targets)
    mask, values = places.mask(masks), places.values
    size = mask.sum(-1, keepdim=True)
    least = values.sort(-1, descending=True).values.gather(-1, size - 1)
    above, level = values > least, values == least
    left = (size - above.sum(-1, keepdim=True))[..., 0].to(values)
    hits = (above & mask).sum(-1) + left * (level & mask).sum(-1) / level.sum(-1)
    return places.pack(hits / size[..., 0])
