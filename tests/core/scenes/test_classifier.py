"""The shipped classifier knows fresh scenes and looks at the animals."""

import sys
from subprocess import run

import numpy as np
import pytest
import torch
from torch import Tensor

from ascribe.scenes import CATEGORIES, Scene, SceneClassifier, load_classifier, sample_scenes
from ascribe.scenes.train import accuracy
from ascribe.scenes.training_data import draw_dataset

SAMPLES = sample_scenes()


@pytest.fixture(scope="module")
def classifier() -> SceneClassifier:
    return load_classifier()


def pixels(scene: Scene) -> Tensor:
    return torch.from_numpy(np.array(scene.image)).permute(2, 0, 1)[None] / 255


def test_logits_are_one_per_animal(classifier: SceneClassifier) -> None:
    assert not classifier.training
    assert classifier(torch.zeros(2, 3, 128, 128)).shape == (2, len(CATEGORIES))
    assert sum(parameter.numel() for parameter in classifier.parameters()) < 200_000


def test_fresh_scenes_are_told_rightly(classifier: SceneClassifier) -> None:
    scenes = draw_dataset(seed=77, count=300, empty_share=0.0, workers=1)
    decisions, whole = accuracy(classifier, *scenes)
    assert decisions > 0.99
    assert whole >= 0.97


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_told_with_confidence(classifier: SceneClassifier, name: str) -> None:
    scores = dict(zip(CATEGORIES, classifier(pixels(SAMPLES[name]))[0].sigmoid(), strict=True))
    for animal, score in scores.items():
        assert score > 0.95 if animal in SAMPLES[name].animals else score < 0.05


@pytest.mark.parametrize("animal", ["dog", "cat"])
def test_covering_an_animal_takes_its_own_logit_only(
    classifier: SceneClassifier, animal: str
) -> None:
    scene = SAMPLES["dog_and_cat"]
    whole = pixels(scene)
    mask = torch.from_numpy(scene.masks[animal])
    covered = torch.where(mask, whole.mean((2, 3), keepdim=True), whole)
    scores = dict(zip(CATEGORIES, classifier(covered)[0].sigmoid(), strict=True))
    other = {"dog": "cat", "cat": "dog"}[animal]
    assert scores[animal] < 0.5
    assert scores[other] > 0.9


def test_importing_scenes_stays_light() -> None:
    code = "import sys, ascribe.scenes; print(*sys.modules)"
    modules = run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"torchvision", "matplotlib"} & set(modules.split())
