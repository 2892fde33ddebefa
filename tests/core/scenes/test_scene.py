"""Scenes are as their generator says, and their masks tell where each animal is."""

import random

import numpy as np
import pytest
import torch

from ascribe.errors import InputError
from ascribe.scenes import CATEGORIES, draw_animal, draw_scene
from ascribe.scenes.backgrounds import draw_background
from ascribe.scenes.scene import LEAST_VISIBLE, arrange


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_same_seed_gives_the_same_scene() -> None:
    first, second = draw_scene(rng(1)), draw_scene(rng(1))
    assert first.animals == second.animals
    assert first.image.tobytes() == second.image.tobytes()
    for animal in first.animals:
        np.testing.assert_array_equal(first.masks[animal], second.masks[animal])


def test_other_seed_gives_another_scene() -> None:
    assert draw_scene(rng(1)).image.tobytes() != draw_scene(rng(2)).image.tobytes()


def test_drawing_leaves_global_random_states_alone() -> None:
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    draw_scene(rng(3))
    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])
    assert torch.equal(torch.get_rng_state(), before[2])


@pytest.mark.parametrize("seed", range(12))
def test_masks_are_apart_and_name_the_animals(seed: int) -> None:
    scene = draw_scene(rng(4, seed))
    assert 1 <= len(scene.animals) <= 3
    assert tuple(scene.masks) == scene.animals
    for mask in scene.masks.values():
        assert mask.shape == (128, 128)
        assert mask.dtype == bool
        assert mask.mean() > 0.01
    assert sum(mask.astype(int) for mask in scene.masks.values()).max() == 1


@pytest.mark.parametrize("animal", CATEGORIES)
def test_mask_is_where_the_animal_changes_the_picture(animal: str) -> None:
    """The background takes the generator's first draws, with or without an animal."""
    scene = draw_scene(rng(5), [animal])
    background = np.asarray(draw_background(rng(5), 128)).astype(int)
    changed = (np.asarray(scene.image) != background).any(axis=2)
    mask = scene.masks[animal]
    assert changed[mask].mean() > 0.97
    edge = mask.sum() ** 0.5
    assert changed[~mask].sum() < 8 * edge


@pytest.mark.parametrize("seed", range(8))
def test_every_animal_is_inside_and_mostly_uncovered(seed: int) -> None:
    layers = arrange(rng(6, seed), ("cat", "fish", "turtle"), 128)
    covered = np.zeros((128, 128), dtype=bool)
    for layer, (left, top) in reversed(layers):
        assert 0 <= left <= 128 - layer.width
        assert 0 <= top <= 128 - layer.height
        mask = np.zeros((128, 128), dtype=bool)
        alpha = np.asarray(layer.getchannel("A"))
        mask[top : top + layer.height, left : left + layer.width] = alpha >= 128
        assert (mask & ~covered).sum() >= LEAST_VISIBLE * mask.sum()
        covered |= mask


def test_no_animal_is_a_scene_too() -> None:
    scene = draw_scene(rng(7), [])
    assert scene.animals == ()
    assert scene.masks == {}


def test_size_sets_the_picture_and_the_masks() -> None:
    scene = draw_scene(rng(8), ["dog"], size=64)
    assert scene.image.size == (64, 64)
    assert scene.masks["dog"].shape == (64, 64)


@pytest.mark.parametrize(
    "animals", [["cow"], ["cat", "cat"], ["cat", "dog", "bird", "fish"]], ids=str
)
def test_impossible_animals_are_refused(animals: list[str]) -> None:
    with pytest.raises(InputError, match=r"up to three different ones of cat, dog"):
        draw_scene(rng(9), animals)


@pytest.mark.parametrize("animal", CATEGORIES)
def test_animal_layer_is_tight_and_mostly_opaque_or_clear(animal: str) -> None:
    layer = draw_animal(animal, rng(10), 60)
    alpha = np.asarray(layer.getchannel("A"))
    assert layer.mode == "RGBA"
    assert max(layer.size) == 60
    assert np.isin(alpha, (0, 255)).mean() > 0.8
    assert alpha.any(axis=0).all()
    assert alpha.any(axis=1).all()
