"""The sample scenes that ship with the package.

A sample's mask picture holds 0 for the background and, for an animal, its place in
`CATEGORIES` counted from 1. `ascribe.scenes.draw_samples` drew them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import resources
from io import BytesIO
from types import MappingProxyType

import numpy as np
from PIL import Image

from ascribe.errors import InputError
from ascribe.scenes.animals import CATEGORIES
from ascribe.scenes.scene import Scene

SAMPLES: Mapping[str, tuple[int, tuple[str, ...]]] = MappingProxyType(
    {
        "dog_and_cat": (580, ("dog", "cat")),
        "bird_and_fish": (153, ("bird", "fish")),
        "cat_rabbit_and_turtle": (309, ("cat", "rabbit", "turtle")),
        "dog_bird_and_fish": (585, ("dog", "bird", "fish")),
        "rabbit": (30, ("rabbit",)),
        "turtle": (14, ("turtle",)),
    }
)
"""Seed and animals of each sample."""


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


def _open(name: str) -> Image.Image:
    packaged = resources.files("ascribe.scenes") / "samples" / name
    return Image.open(BytesIO(packaged.read_bytes()))
