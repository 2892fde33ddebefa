"""Features of pictures: regions, as a feature mask numbers them."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.inputs import Inputs

#: How many superpixels SLIC is asked for, as multiples of what is wanted, to get about so many.
FACTORS = (1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 1.75)


def grid(inputs: Any, cells: int) -> Any:
    """Return a feature mask of a grid of cells, alike for all examples and channels.

    Parameters
    ----------
    inputs
        A tensor ``(batch, channels, *sides)``, or a tuple, list or dict of such; those of no more
        than one dimension beside the batch get a feature for each element.
    cells
        How many on each side, at most.

    Returns
    -------
    Tensor or tuple, list or dict of Tensor
        In the form of the inputs, each ``(1, 1, *sides)``, numbered throughout.

    Examples
    --------
    >>> grid(torch.zeros(1, 3, 2, 4), 2)
    tensor([[[[0, 0, 1, 1],
              [2, 2, 3, 3]]]])
    """
    if isinstance(cells, bool) or not isinstance(cells, int) or cells < 1:
        raise InputError(f"cells must be a whole number of at least 1, but is {cells!r}")
    inputs = inputs if isinstance(inputs, Inputs) else Inputs.of(inputs)
    masks, first = [], 0
    for tensor in inputs.tensors:
        mask = _cells(tensor, cells)
        masks.append(mask + first)
        first += int(mask.max()) + 1 if mask.numel() else 0
    return inputs.pack(masks)


def regions(inputs: Tensor, count: int) -> Tensor:
    """Return a feature mask of about so many regions: by `slic` where it is there, else a `grid`.

    Parameters
    ----------
    inputs
        Pictures ``(batch, channels, height, width)``.
    count
        About how many regions each has.
    """
    if has_slic():
        return slic(inputs, count)
    return torch.as_tensor(grid(inputs, max(1, round(count**0.5))))


def has_slic() -> bool:
    """Whether scikit-image is installed."""
    return importlib.util.find_spec("skimage") is not None


def _cells(tensor: Tensor, cells: int) -> Tensor:
    if tensor.dim() < 3:
        count = math.prod(tensor.shape[1:])
        return torch.arange(count, device=tensor.device).reshape(1, *tensor.shape[1:])
    numbers = torch.zeros((1, 1), dtype=torch.long, device=tensor.device)
    for side in tensor.shape[2:]:
        width = max(1, math.ceil(side / cells))
        place = torch.arange(side, device=tensor.device) // width
        numbers = numbers[..., None] * math.ceil(side / width) + place
    return numbers


def slic(inputs: Tensor, segments: int = 50, compactness: float = 20.0) -> Tensor:
    """Return a feature mask of superpixels, each example's own, by scikit-image's SLIC.

    Achanta, Shaji, Smith, Lucchi, Fua and Süsstrunk, "SLIC Superpixels Compared to State-of-the-art
    Superpixel Methods", TPAMI 34, 2012, https://doi.org/10.1109/TPAMI.2012.120

    Parameters
    ----------
    inputs
        Pictures ``(batch, channels, height, width)``, whatever they are scaled to.
    segments
        About how many superpixels each has.
    compactness
        How much nearness counts against likeness of colour.

    Returns
    -------
    Tensor
        ``(batch, 1, height, width)``, numbered from 0 for each example.

    Raises
    ------
    InputError
        If scikit-image is not installed, or inputs are no pictures.
    """
    if not has_slic():
        raise InputError(
            "superpixels by SLIC need scikit-image: pip install 'ascribe[superpixels]', or take "
            "the cells of ascribe.superpixels.grid"
        )
    from skimage.segmentation import slic as segmented  # only here: it need not be installed

    if inputs.dim() != 4 or not inputs.is_floating_point():
        raise InputError(
            f"SLIC needs floating-point pictures (batch, channels, height, width), but has "
            f"{tuple(inputs.shape)} of {inputs.dtype}"
        )
    found = []
    for picture in inputs.detach().cpu().double():
        low, high = picture.amin(), picture.amax()
        scaled = (picture - low) / (high - low).clamp(min=1e-12)
        colours = scaled.permute(1, 2, 0).numpy()
        options = {"compactness": compactness, "start_label": 0, "channel_axis": -1}
        # SLIC merges what is small, and so returns fewer than it is asked for.
        asked = sorted({round(segments * factor) for factor in FACTORS})
        made = [segmented(colours, n_segments=count, **options) for count in asked]
        nearest = min(made, key=lambda labels: abs(int(labels.max()) + 1 - segments))
        found.append(torch.from_numpy(nearest).long())
    return torch.stack(found)[:, None].to(inputs.device)
