"""Sparseness: the Gini index of the magnitudes of an attribution.

Chalasani, Chen, Roy Chowdhury, Jha and Wu, "Concise Explanations of Neural Networks using
Adversarial Training", ICML 2020, https://arxiv.org/abs/1810.06583; the index as in Hurley and
Rickard, "Comparing Measures of Sparsity", IEEE Transactions on Information Theory 55, 2009,
https://arxiv.org/abs/0811.4706
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ascribe.metrics.places import Places


def sparseness(
    attributions: Any, *, channels: bool | None = None, several_targets: bool = False
) -> Tensor:
    """Return the Gini index of magnitudes: 0 where all are equal, 1 - 1/n where only one is not 0.

    ``1 - 2 sum_k (|a|_(k) / sum |a|) (n - k + 1/2) / n``, with the k-th least of n magnitudes.

    Parameters
    ----------
    attributions
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    channels, several_targets
        See `Places.of`: attributions of channels are added up before their magnitude is taken.

    Returns
    -------
    Tensor
        ``(batch,)``, or ``(targets, batch)`` of several targets: from 0 to below 1, higher is
        sparser. An attribution that is zero throughout is uniform: 0.

    Raises
    ------
    InputError
        If attributions are not finite.

    Examples
    --------
    >>> sparseness(torch.tensor([[0.0, 0.0, -2.0, 0.0]]))
    tensor([0.7500], dtype=torch.float64)
    """
    places = Places.of(attributions, "absolute_value", channels, several_targets)
    sizes, count = places.values.sort(-1).values, places.values.shape[-1]
    peak = sizes[..., -1:]
    scaled = torch.where(peak > 0, sizes / peak, 1.0)  # so that no sum overflows
    later = (torch.arange(count, 0, -1, device=sizes.device).to(scaled) - 0.5) / count
    gini = 1 - 2 * (scaled * later).sum(-1) / scaled.sum(-1)
    return places.pack(gini.clamp(min=0))
