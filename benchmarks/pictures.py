"""What the models are shown."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.row import Setting


def pictures(setting: Setting, count: int = 1, side: int | None = None) -> Tensor:
    """Return smooth random pictures ``(count, 3, side, side)``, scaled as classifiers want them.

    Noise from pixel to pixel would be averaged away, and no place would matter.
    """
    side = side or setting.pick(224, 64)
    coarse = torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    smooth = functional.interpolate(coarse, (side, side), mode="bilinear")
    return smooth.to(setting.device)


def table(setting: Setting, rows: int, columns: int = 20) -> Tensor:
    """Return random numbers ``(rows, columns)``."""
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(1)).to(setting.device)


def superpixels(inputs: Tensor, down: int, across: int) -> Tensor:
    """Return a feature mask ``(1, 1, height, width)`` with rectangles for superpixels."""
    height, width = inputs.shape[-2:]
    y = torch.arange(height, device=inputs.device) * down // height
    x = torch.arange(width, device=inputs.device) * across // width
    return (y[:, None] * across + x)[None, None]


def of_groups(attributions: Tensor, mask: Tensor) -> Tensor:
    """Return one attribution for each superpixel: ``(batch, groups)``."""
    groups = int(mask.max()) + 1
    first = [int((mask.flatten() == group).nonzero()[0]) for group in range(groups)]
    return attributions[:, 0].flatten(1)[:, first]
