"""Relevance mass accuracy: how much of the relevance lies in the mask.

Arras, Osman and Samek, "CLEVR-XAI: A Benchmark Dataset for the Ground Truth Evaluation of Neural
Network Explanations", Information Fusion 81, 2022, https://arxiv.org/abs/2003.07258. Channels are
pooled by the positive part of their sum, one of the paper's choices.

Departure: where there is no relevance at all, the share that the mask covers, as of a uniform map.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ascribe.metrics.places import Places


def relevance_mass_accuracy(
    attributions: Any,
    masks: Any,
    *,
    sign: str = "positive",
    channels: bool | None = None,
    several_targets: bool = False,
) -> Tensor:
    """Return the share of all relevance that lies in the mask.

    Parameters
    ----------
    attributions
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    masks
        Where the evidence lies, in the form of the attributions: see `Places.mask`.
    sign, channels, several_targets
        See `Places.of`: attributions of channels are added up, and what is positive then counts.
        ``all`` counts magnitudes, as ``absolute_value`` does.

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
    >>> relevance_mass_accuracy(torch.tensor([[1.0, 3.0, -2.0]]), torch.tensor([0, 1, 1]))
    tensor([0.7500], dtype=torch.float64)
    """
    places = Places.of(attributions, sign, channels, several_targets)
    mask, mass = places.mask(masks), places.values.abs()
    peak = mass.amax(-1, keepdim=True)
    scaled = torch.where(peak > 0, mass / peak, 1.0)  # so that no sum overflows
    return places.pack((scaled * mask).sum(-1) / scaled.sum(-1))
