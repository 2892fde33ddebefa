"""The pointing game: does the most relevant place lie in the mask?

Zhang, Bargal, Lin, Brandt, Shen and Sclaroff, "Top-Down Neural Attention by Excitation Backprop",
International Journal of Computer Vision 126, 2018, https://arxiv.org/abs/1608.00507

Departure: where several places are the most relevant, the share of them that hit; so a map that
tells no places apart gets the share of the picture that the mask covers, its chance to hit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.errors import InputError
from ascribe.metrics.places import Places

_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def pointing_game(
    attributions: Any,
    masks: Any,
    tolerance: int = 0,
    *,
    sign: str = "positive",
    channels: bool | None = None,
    several_targets: bool = False,
) -> Tensor:
    """Return whether the most relevant place lies in the mask.

    Parameters
    ----------
    attributions
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    masks
        Where the evidence lies, in the form of the attributions: see `Places.mask`.
    tolerance
        A place no further than so many places from the mask hits too; the paper takes 15 pixels.
    sign, channels, several_targets
        See `Places.of`: attributions of channels are added up.

    Returns
    -------
    Tensor
        ``(batch,)``, or ``(targets, batch)`` of several targets: 1 for a hit, 0 for a miss, and
        the share of hits among places that are equally the most relevant.

    Raises
    ------
    InputError
        If attributions are not finite, a mask does not fit or is empty, or the tolerance is
        negative.

    Examples
    --------
    >>> pointing_game(torch.tensor([[0.1, 0.7, 0.2]]), torch.tensor([False, True, True]))
    tensor([1.], dtype=torch.float64)
    """
    places = Places.of(attributions, sign, channels, several_targets)
    mask = _widened(places, places.mask(masks), tolerance)
    best = places.values == places.values.amax(-1, keepdim=True)
    hits = (best & mask).sum(-1) / best.sum(-1).to(places.values)
    return places.pack(hits)


def _widened(places: Places, mask: Tensor, tolerance: int) -> Tensor:
    """Return a mask with all places no further than so many from it."""
    if isinstance(tolerance, bool) or not isinstance(tolerance, int) or tolerance < 0:
        raise InputError(f"tolerance must be a whole number of at least 0, but is {tolerance!r}")
    if tolerance == 0:
        return mask
    wide = []
    for layout, part in zip(places.layouts, places.split(mask), strict=True):
        sides = layout.sides
        if len(sides) not in _CONVOLUTIONS:
            raise InputError(
                f"a tolerance needs inputs with one, two or three sides, but one has {sides}"
            )
        steps = [torch.arange(-tolerance, tolerance + 1, device=mask.device)] * len(sides)
        squares = torch.stack(torch.meshgrid(*steps, indexing="ij")).square().sum(0)
        ball = (squares <= tolerance**2).float()[None, None]
        near = _CONVOLUTIONS[len(sides)](
            part.reshape(-1, 1, *sides).float(), ball, padding=tolerance
        )
        wide.append((near > 0.5).reshape(*mask.shape[:2], layout.count))
    return torch.cat(wide, dim=-1)
