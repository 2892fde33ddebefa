"""Draw the sample scenes again from their seeds: ``python -m ascribe.scenes.draw_samples``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ascribe.scenes.animals import CATEGORIES
from ascribe.scenes.samples import SAMPLES
from ascribe.scenes.scene import Scene, draw_scene

PACKAGED = Path(__file__).with_name("samples")

MASK_COLOURS = bytes.fromhex("000000 e69f00 56b4e9 009e73 f0e442 0072b2 d55e00")
"""Colour of the background and of each animal in a mask picture."""


def draw_sample(name: str) -> Scene:
    """Draw a sample scene from its seed."""
    seed, animals = SAMPLES[name]
    return draw_scene(np.random.default_rng(seed), animals)


def write_samples(folder: Path = PACKAGED) -> None:
    """Draw every sample and write its picture and its mask picture."""
    folder.mkdir(exist_ok=True)
    for name in SAMPLES:
        scene = draw_sample(name)
        scene.image.save(folder / f"{name}.png", optimize=True)
        _mask_picture(scene).save(folder / f"{name}.mask.png", optimize=True)


def _mask_picture(scene: Scene) -> Image.Image:
    index = np.zeros((scene.image.height, scene.image.width), dtype=np.uint8)
    for animal, mask in scene.masks.items():
        index[mask] = CATEGORIES.index(animal) + 1
    picture = Image.fromarray(index)
    picture.putpalette(MASK_COLOURS)
    return picture


if __name__ == "__main__":
    write_samples()
