"""Convolutions with windows of three by three in a fraction of the products, by way of tiles.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: F(4x4, 3x3), a
quarter of the products. The points 0, ±5/8, ±3/2 of its polynomials round about as little as a sum
of products does; with the usual 0, ±1, ±2 it would be three times as much (Barabasz, Anderson,
Soodhalter and Gregg, "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
Neural Networks", ACM TOMS 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

#: Points of the polynomials: 0, ±NEAR, ±FAR and infinity.
NEAR, FAR = 5 / 8, 3 / 2

#: Sides of a tile of the output, of one of the input, and of a window.
MADE, TAKEN, WINDOW = 4, 6, 3

#: What it takes to be quicker on a CPU: so many channels on either side, so many tiles, and so
#: many products saved for each that is left.
CHANNELS, TILES, SAVED = 128, 16, 2.3

#: Bytes of tiles at a time: more leave a CPU's caches.
WORKSPACE = 4 * 2**20


def pays(shape: Sequence[int], weight: Tensor, padding: Sequence[int]) -> bool:
    """Whether a convolution of these rows, without strides, is quicker by way of tiles.

    Parameters
    ----------
    shape
        ``(rows, channels in, *sides)``.
    weight
        ``(channels out, channels in, *window)``.
    padding
        On each side.
    """
    windows = weight.dim() == 4 and tuple(weight.shape[2:]) == (WINDOW, WINDOW)
    if not windows or min(weight.shape[:2]) < CHANNELS or weight.device.type != "cpu":
        return False
    if weight.dtype != torch.float32 or shape[1] != weight.shape[1]:
        return False
    sides = _sides(shape, padding)
    tiles = _tiles(sides)
    products = WINDOW**2 * sides[0] * sides[1], TAKEN**2 * tiles[0] * tiles[1]
    return shape[0] * tiles[0] * tiles[1] >= TILES and products[0] >= SAVED * products[1]


def spread(weight: Tensor) -> Tensor:
    """Return a weight as a matrix for each place of a tile: ``(36, channels in, channels out)``."""
    outputs, inputs = weight.shape[:2]
    rows = torch.tensor(_kernel_rows(), dtype=torch.float64)
    both = torch.kron(rows, rows).to(weight)
    places = weight.permute(2, 3, 1, 0).reshape(WINDOW**2, inputs * outputs)
    return (both @ places).view(TAKEN**2, inputs, outputs)


def convolved(
    x: Tensor, kernels: Tensor, bias: Tensor | None, padding: Sequence[int], relu: bool = False
) -> Tensor:
    """Return a convolution without strides: ``(rows, channels out, *sides)``, channels last.

    Parameters
    ----------
    x
        ``(rows, channels in, *sides)``.
    kernels
        From `spread`.
    bias
        ``(channels out,)``.
    padding
        On each side.
    relu
        Whether negative results become zero.
    """
    sides = _sides(x.shape, padding)
    tiles = _tiles(sides)
    x = _padded(x.permute(0, 2, 3, 1), tiles, padding)
    made = x.new_empty(len(x), MADE * tiles[0], MADE * tiles[1], kernels.shape[2])
    row = TAKEN**2 * tiles[0] * tiles[1] * max(kernels.shape[1:]) * x.element_size()
    step = max(1, WORKSPACE // row)
    for first in range(0, len(x), step):
        _convolve(x[first : first + step], kernels, tiles, made[first : first + step])
    if bias is not None:
        made += bias
    if relu:
        made.relu_()
    return made[:, : sides[0], : sides[1]].permute(0, 3, 1, 2)


def _convolve(x: Tensor, kernels: Tensor, tiles: Sequence[int], made: Tensor) -> None:
    """Write tile by tile what comes of padded rows, channels last in both."""
    (count, _, width, inputs), outputs = x.shape, kernels.shape[2]
    (tall, wide) = tiles
    upright = x.new_empty(TAKEN, count, tall, width, inputs)
    _take([x[:, at::MADE][:, :tall] for at in range(TAKEN)], list(upright))
    taken = x.new_empty(TAKEN, TAKEN, count, tall, wide, inputs)
    columns = [upright[:, :, :, at::MADE][:, :, :, :wide] for at in range(TAKEN)]
    _take(columns, list(taken.unbind(1)))
    products = torch.bmm(taken.view(TAKEN**2, -1, inputs), kernels)
    products = products.view(TAKEN, TAKEN, count, tall, wide, outputs)
    joined = x.new_empty(MADE, TAKEN, count, tall, wide, outputs)
    _give(list(products), list(joined))
    places = made.view(count, tall, MADE, wide, MADE, outputs).permute(4, 2, 0, 1, 3, 5)
    _give(list(joined.unbind(1)), list(places))


def _take(given: list[Tensor], out: list[Tensor]) -> None:
    """Evaluate the polynomials of an input tile at the points."""
    near, far = NEAR**2, FAR**2
    even, odd = torch.sub(given[4], given[2], alpha=far), torch.sub(given[3], given[1], alpha=far)
    torch.add(even, odd, alpha=NEAR, out=out[1])
    torch.sub(even, odd, alpha=NEAR, out=out[2])
    torch.sub(given[4], given[2], alpha=near, out=even)
    torch.sub(given[3], given[1], alpha=near, out=odd)
    torch.add(even, odd, alpha=FAR, out=out[3])
    torch.sub(even, odd, alpha=FAR, out=out[4])
    torch.sub(given[4], given[2], alpha=near + far, out=out[0]).add_(given[0], alpha=near * far)
    torch.sub(given[5], given[3], alpha=near + far, out=out[5]).add_(given[1], alpha=near * far)


def _give(given: list[Tensor], out: list[Tensor]) -> None:
    """Combine products at the points to the places of an output tile."""
    even, odd = given[1] + given[2], given[1] - given[2]
    wide_even, wide_odd = given[3] + given[4], given[3] - given[4]
    torch.add(given[0], even, out=out[0]).add_(wide_even)
    torch.mul(odd, NEAR, out=out[1]).add_(wide_odd, alpha=FAR)
    torch.mul(even, NEAR**2, out=out[2]).add_(wide_even, alpha=FAR**2)
    torch.mul(odd, NEAR**3, out=out[3]).add_(wide_odd, alpha=FAR**3).add_(given[5])


def _kernel_rows() -> list[list[float]]:
    """Return what evaluates the polynomial of a window at the points: ``(6, 3)``."""
    points = (0.0, NEAR, -NEAR, FAR, -FAR)
    rows = []
    for point in points:
        scale = 1.0
        for other in points:
            scale *= point - other if other != point else 1.0
        rows.append([point**power / scale for power in range(WINDOW)])
    return [*rows, [0.0, 0.0, 1.0]]


def _sides(shape: Sequence[int], padding: Sequence[int]) -> list[int]:
    """Return the sides of what is made."""
    return [shape[side + 2] + 2 * padding[side] - WINDOW + 1 for side in (0, 1)]


def _tiles(sides: Sequence[int]) -> list[int]:
    """Return how many tiles it takes on each side."""
    return [-(-side // MADE) for side in sides]


def _padded(x: Tensor, tiles: Sequence[int], padding: Sequence[int]) -> Tensor:
    """Return rows ``(rows, *sides, channels)`` with margins, as long as the tiles reach."""
    (top, left), (tall, wide) = padding, (MADE * tile + TAKEN - MADE for tile in tiles)
    bottom, right = tall - x.shape[1] - top, wide - x.shape[2] - left
    margins = (0, 0, left, right, top, bottom)
    return functional.pad(x, margins) if any(margins) else x
