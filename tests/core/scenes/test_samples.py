"""The sample scenes load, are those that their seeds draw, and are small."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from ascribe.errors import InputError
from ascribe.scenes import sample_scene, sample_scenes
from ascribe.scenes.draw_samples import draw_sample, write_samples
from ascribe.scenes.samples import SAMPLES

LIMIT = 900_000
"""Bytes that weights and samples may take together."""


def test_samples_have_one_to_three_animals() -> None:
    scenes = sample_scenes()
    assert {len(scene.animals) for scene in scenes.values()} == {1, 2, 3}
    assert set(scenes["dog_and_cat"].animals) == {"dog", "cat"}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_has_a_mask_for_each_animal(name: str) -> None:
    scene = sample_scene(name)
    assert scene.image.mode == "RGB"
    assert scene.image.size == (128, 128)
    assert tuple(scene.masks) == scene.animals
    for mask in scene.masks.values():
        assert mask.shape == (128, 128)
        assert mask.dtype == bool
        assert mask.mean() > 0.02


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_what_its_seed_draws(name: str) -> None:
    """Up to what another release of Pillow rounds in another way."""
    shipped, drawn = sample_scene(name), draw_sample(name)
    difference = np.asarray(shipped.image).astype(int) - np.asarray(drawn.image)
    assert np.abs(difference).mean() < 1
    for animal in shipped.animals:
        assert (shipped.masks[animal] != drawn.masks[animal]).mean() < 0.005


def test_dog_and_cat_do_not_touch() -> None:
    masks = sample_scene("dog_and_cat").masks
    dog, cat = (np.argwhere(masks[animal]) for animal in ("dog", "cat"))
    nearest = np.abs(dog[:, None] - cat[None]).max(axis=2).min()
    assert nearest > 4


def test_written_samples_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_samples(tmp_path / "samples")
    monkeypatch.setattr("ascribe.scenes.samples.resources.files", lambda package: tmp_path)
    for name in SAMPLES:
        drawn, read = draw_sample(name), sample_scene(name)
        assert drawn.image.tobytes() == read.image.tobytes()
        for animal in drawn.animals:
            np.testing.assert_array_equal(drawn.masks[animal], read.masks[animal])


def test_unknown_sample_suggests_a_known_one() -> None:
    with pytest.raises(InputError, match="did you mean 'dog_and_cat'"):
        sample_scene("dog_and_cats")
    with pytest.raises(InputError, match="there are dog_and_cat, "):
        sample_scene("xyz")


def test_shipped_files_are_small() -> None:
    package = resources.files("ascribe.scenes")
    files = [package / "classifier.npz", *(package / "samples").iterdir()]
    assert sum(len(file.read_bytes()) for file in files) < LIMIT
