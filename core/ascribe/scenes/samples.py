"""The sample scenes that ship; ``python -m ascribe.scenes.samples`` draws them again."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import resources
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from ascribe.errors import InputError
from ascribe.scenes.animals import CATEGORIES
from ascribe.scenes.scene import Scene, draw_scene

PACKAGED = Path(__file__).with_name("samples")

SAMPLES: Mapping[str, tuple[int, tuple[str, ...]]] = MappingProxyType(
    {
        "dog_and_cat": (0, ("dog", "cat")),
        "bird_and_fish": (0, ("bird", "fish")),
        "cat_rabbit_and_turtle": (0, ("cat", "rabbit", "turtle")),
        "dog_bird_and_fish": (0, ("dog", "bird", "fish")),
        "rabbit": (0, ("rabbit",)),
        "turtle": (0, ("turtle",)),
    }
)
"""Seed and animals of each sample."""

MASK_COLOURS = bytes.fromhex("000000 e69f00 56b4e9 009e73 f0e442 0072b2 d55e00")
"""Colour of the background and of each animal in a mask picture."""


def sample_scene(name: str) -> Scene:
    """Load one of the sample scenes.

    Parameters
    ----------
    name : str
        One of `SAMPLES`, such as ``"dog_and_cat"``.

    Returns
    -------
    Scene
        A picture of 128 by 128 pixels with the mask of each animal.

    Raises
    ------
    InputError
        If there is no such sample.
    """
    if name not in SAMPLES:
        near = difflib.get_close_matches(name, SAMPLES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(SAMPLES)}"
        raise InputError(f"no sample scene is named {name!r}; {hint}")
    image = _open(f"{name}.png").convert("RGB")
    index = np.asarray(_open(f"{name}.mask.png"))
    animals = SAMPLES[name][1]
    masks = {animal: index == CATEGORIES.index(animal) + 1 for animal in animals}
    return Scene(image, animals, masks)


def sample_scenes() -> dict[str, Scene]:
    """Load all sample scenes by name."""
    return {name: sample_scene(name) for name in SAMPLES}


def draw_sample(name: str) -> Scene:
    """Draw a sample scene from its seed."""
    seed, animals = SAMPLES[name]
    return draw_scene(np.random.default_rng(seed), animals)


def write_samples(folder: Path = PACKAGED) -> None:
    """Draw every sample and write its picture and its mask picture.

    A mask picture holds 0 for the background and, for an animal, its place in
    `CATEGORIES` counted from 1.
    """
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


def _open(name: str) -> Image.Image:
    packaged = resources.files("ascribe.scenes") / "samples" / name
    return Image.open(BytesIO(packaged.read_bytes()))


if __name__ == "__main__":
    write_samples()
