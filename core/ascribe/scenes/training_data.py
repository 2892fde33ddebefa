"""Scenes as tensors: drawn by several processes, and augmented in batches."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ascribe.scenes.animals import CATEGORIES
from ascribe.scenes.scene import Scene, draw_scene

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.bool_]

EMPTY_SHARE = 0.08
"""Share of the training scenes without any animal."""

COVERED_SHARE = 0.65
"""Chance of each of the two boxes that cover a part of a training scene."""

CHUNK = 50
"""Scenes that one process draws at a time."""


def draw_dataset(seed: int, count: int, empty_share: float, workers: int) -> tuple[Tensor, Tensor]:
    """Draw scenes, each from a generator of its own, so that `workers` changes nothing.

    Parameters
    ----------
    seed : int
        Seed of the whole set.
    count : int
        Number of scenes.
    empty_share : float
        Share of scenes that show no animal, 0..1.
    workers : int
        Processes that draw; 1 draws in this process.

    Returns
    -------
    pixels : Tensor
        uint8, shape (count, 3, 128, 128).
    labels : Tensor
        1 where the animal is in the scene, float32, shape (count, 6).
    """
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    draw = partial(_draw_chunk, seed, empty_share)
    if workers == 1:
        return _joined(map(draw, chunks))
    # Forking a process that runs torch's threads can hang, so start afresh.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return _joined(pool.map(draw, chunks))


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Flip pictures, vary their light, and cover small boxes with one colour.

    The boxes teach the classifier what a covered place looks like, so that covering a
    place takes its evidence away and adds none.

    Parameters
    ----------
    pixels : Tensor
        Pictures in 0..1, shape (batch, 3, height, width).
    generator : torch.Generator
        Source of all randomness.

    Returns
    -------
    Tensor
        Pictures in 0..1, same shape.
    """
    batch = len(pixels)
    flip = torch.rand(batch, 1, 1, 1, generator=generator) < 0.5
    pixels = torch.where(flip, pixels.flip(3), pixels)
    gain = 1 + 0.2 * (2 * torch.rand(batch, 3, 1, 1, generator=generator) - 1)
    shift = 0.1 * (2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1)
    pixels = ((pixels - 0.5) * gain + 0.5 + shift).clamp(0, 1)
    for _ in range(2):
        pixels = _cover_box(pixels, generator)
    return pixels


def _cover_box(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Cover a box of up to a fifth of the side, in some of the pictures."""
    batch, side = len(pixels), pixels.shape[-1]
    centre = side * torch.rand(2, batch, 1, generator=generator)
    reach = side * (0.02 + 0.08 * torch.rand(2, batch, 1, generator=generator))
    reach *= torch.rand(batch, 1, generator=generator) < COVERED_SHARE
    rows, columns = (torch.arange(side) - centre).abs() < reach
    box = (rows[:, :, None] & columns[:, None, :])[:, None]
    return torch.where(box, _box_colour(pixels, generator), pixels)


def _box_colour(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """The picture's mean, grey, any colour, and most often black: the usual baselines."""
    batch = len(pixels)
    anything = torch.rand(batch, 3, 1, 1, generator=generator)
    mean = pixels.mean((2, 3), keepdim=True)
    black = torch.zeros_like(mean)
    colours = torch.stack([mean, torch.full_like(mean, 0.5), anything, black, black])
    return colours[torch.randint(len(colours), (batch,), generator=generator), torch.arange(batch)]


def _draw_chunk(seed: int, empty_share: float, indices: Iterable[int]) -> tuple[Pixels, Labels]:
    """Arrays, since tensors sent between processes each keep a file open."""
    scenes = [_draw_one(np.random.default_rng([seed, index]), empty_share) for index in indices]
    labels = [[name in scene.animals for name in CATEGORIES] for scene in scenes]
    return np.stack([np.asarray(scene.image) for scene in scenes]), np.array(labels)


def _draw_one(rng: np.random.Generator, empty_share: float) -> Scene:
    return draw_scene(rng, () if rng.random() < empty_share else None)


def _joined(chunks: Iterable[tuple[Pixels, Labels]]) -> tuple[Tensor, Tensor]:
    pixels, labels = zip(*chunks, strict=True)
    channels_first = torch.from_numpy(np.concatenate(pixels)).permute(0, 3, 1, 2).contiguous()
    return channels_first, torch.from_numpy(np.concatenate(labels)).float()
