"""A small convolutional network that tells which animals are in a picture."""

from __future__ import annotations

from importlib import resources
from typing import IO

import numpy as np
import torch
from torch import Tensor, nn

from ascribe.scenes.animals import CATEGORIES


class SceneClassifier(nn.Module):
    """Score each animal of a picture on its own.

    Every position of a coarse map gives some evidence for each animal, or none, and an
    animal's logit grows with its mean evidence alone. So it depends on the place where the
    animal is and hardly on the rest of the picture. Each operation is one that every
    attribution method has a rule for.
    """

    def __init__(self) -> None:
        super().__init__()
        animals = len(CATEGORIES)
        self.features = nn.Sequential(
            _convolution(3, 16, kernel=5, stride=2),
            _convolution(16, 32, stride=2),
            Residual(32),
            _convolution(32, 64, stride=2),
            Residual(64, dilation=2),
        )
        self.evidence = nn.Sequential(nn.Conv2d(64, animals, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.score = nn.Conv2d(animals, animals, 1, groups=animals)
        # Few positions of a picture show an animal, and most animals are not in it.
        gain, bias = torch.full((animals, 1, 1, 1), 8.0), torch.full((animals,), -2.0)
        self.score.load_state_dict({"weight": gain, "bias": bias})

    def forward(self, pixels: Tensor) -> Tensor:
        """Logit of each animal being in the picture.

        Parameters
        ----------
        pixels : Tensor
            Pictures, float in 0..1, shape (batch, 3, 128, 128); other sizes work too.

        Returns
        -------
        Tensor
            Logits in the order of `CATEGORIES`, shape (batch, 6).
        """
        evidence = self.evidence(self.features(pixels))
        return torch.as_tensor(self.score(self.pool(evidence)).flatten(1))


class Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.relu = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        """Same shape as the inputs."""
        return torch.as_tensor(self.relu(inputs + self.second(self.first(inputs))))


def load_classifier() -> SceneClassifier:
    """Load the classifier that ships with the package, in evaluation mode."""
    packaged = resources.files("ascribe.scenes") / "classifier.npz"
    with packaged.open("rb") as file:
        return read_classifier(file)


def read_classifier(file: IO[bytes]) -> SceneClassifier:
    """Load a classifier that `ascribe.scenes.train` wrote, in evaluation mode."""
    with np.load(file, allow_pickle=False) as arrays:
        state = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    classifier = SceneClassifier()
    classifier.load_state_dict(state)
    return classifier.eval()


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
