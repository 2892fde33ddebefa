"""Draw pictures of animals together with the exact mask of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from ascribe.errors import InputError
from ascribe.scenes.animals import CATEGORIES, draw_animal
from ascribe.scenes.backgrounds import draw_background

Mask = npt.NDArray[np.bool_]

LEAST_VISIBLE = 0.8
"""Share of every animal that others leave uncovered."""

SIZES = {1: (0.42, 0.62), 2: (0.38, 0.56), 3: (0.34, 0.48)}
"""Range of an animal's longer side as a share of the picture's, by number of animals."""

TRIES = 60
"""Placements tried before the animals are drawn smaller."""


@dataclass(frozen=True)
class Scene:
    """A picture of animals.

    Parameters
    ----------
    image : PIL.Image.Image
        The RGB picture.
    animals : tuple of str
        The animals in it, each of `CATEGORIES` once at most.
    masks : dict of str to numpy.ndarray
        The pixels where each animal is visible, bool of shape (height, width).
    """

    image: Image.Image
    animals: tuple[str, ...]
    masks: dict[str, Mask]


def draw_scene(
    rng: np.random.Generator, animals: Sequence[str] | None = None, size: int = 128
) -> Scene:
    """Draw a scene; the same state of the generator gives the same scene.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness.
    animals : sequence of str, optional
        The animals to draw, up to three different ones of `CATEGORIES`; one to three
        random ones if left out.
    size : int
        Pixels of the picture's side.

    Returns
    -------
    Scene
        Every animal lies inside the picture, at least 80 % of it uncovered by others.

    Raises
    ------
    InputError
        If an animal is unknown or named twice, or there are more than three.
    """
    chosen = _random_animals(rng) if animals is None else _checked(animals)
    picture = draw_background(rng, size)
    masks: list[Mask] = []
    for layer, corner in arrange(rng, chosen, size):
        picture.paste(layer, corner, mask=layer)
        mask = _mask(layer, corner, size)
        masks = [earlier & ~mask for earlier in masks] + [mask]
    return Scene(picture, chosen, dict(zip(chosen, masks, strict=True)))


def _random_animals(rng: np.random.Generator) -> tuple[str, ...]:
    order = rng.permutation(len(CATEGORIES))[: int(rng.integers(1, 4))]
    return tuple(CATEGORIES[index] for index in order)


def _checked(animals: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in animals if name not in CATEGORIES]
    if unknown or len(set(animals)) < len(animals) or len(animals) > max(SIZES):
        raise InputError(
            f"animals must be up to three different ones of {', '.join(CATEGORIES)}, "
            f"but are {', '.join(animals)}; leave them out to have some chosen"
        )
    return tuple(animals)


def arrange(
    rng: np.random.Generator, animals: tuple[str, ...], size: int
) -> list[tuple[Image.Image, tuple[int, int]]]:
    """Draw each animal and find a corner for it, shrinking all while there is no room."""
    low, high = SIZES.get(len(animals), (0.0, 0.0))
    while True:
        layers = [draw_animal(name, rng, round(rng.uniform(low, high) * size)) for name in animals]
        for _ in range(TRIES):
            corners = [_random_corner(rng, layer, size) for layer in layers]
            if _all_visible(layers, corners, size):
                return list(zip(layers, corners, strict=True))
        high = low + 0.8 * (high - low)


def _random_corner(rng: np.random.Generator, layer: Image.Image, size: int) -> tuple[int, int]:
    return int(rng.integers(size - layer.width + 1)), int(rng.integers(size - layer.height + 1))


def _all_visible(layers: list[Image.Image], corners: list[tuple[int, int]], size: int) -> bool:
    whole = [_mask(layer, corner, size) for layer, corner in zip(layers, corners, strict=True)]
    covered = np.zeros((size, size), dtype=bool)
    for mask in reversed(whole):
        if (mask & ~covered).sum() < LEAST_VISIBLE * mask.sum():
            return False
        covered |= mask
    return True


def _mask(layer: Image.Image, corner: tuple[int, int], size: int) -> Mask:
    """Where the layer is more opaque than clear, on the whole picture's grid."""
    stencil = Image.new("L", (size, size))
    stencil.paste(layer.getchannel("A"), corner)
    return np.asarray(stencil) >= 128
