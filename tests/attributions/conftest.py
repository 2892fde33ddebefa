"""Small random models in double precision, each with inputs that suit it."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x):
        return self.second(torch.nn.functional.gelu(self.first(x)) * torch.sigmoid(x) + x)


def _mlp(*widths, activation=nn.ReLU):
    layers = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def _convolutional():
    relu = nn.ReLU(inplace=True)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.BatchNorm2d(5),
        relu,
        nn.MaxPool2d(2),
        nn.Conv2d(5, 6, 3),
        relu,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


MAKERS = {
    "linear": (lambda: nn.Linear(6, 4), (6,)),
    "relu": (lambda: _mlp(6, 8, 8, 4), (6,)),
    "tanh": (lambda: _mlp(6, 8, 4, activation=nn.Tanh), (6,)),
    "residual": (Residual, (6,)),
    "convolutional": (_convolutional, (3, 9, 8)),
    "first_in_place": (lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 4)), (6,)),
}


@pytest.fixture(params=MAKERS)
def case(request):
    """A model from ``(batch, *features)`` to four scores, and a batch of three for it."""
    make, features = MAKERS[request.param]
    model = make().double().eval()
    return model, torch.randn(3, *features, dtype=torch.float64)


@pytest.fixture
def linear():
    """A linear model ``weight @ x + bias`` from six features to four scores."""
    return nn.Linear(6, 4, dtype=torch.float64)
