import pytest
import torch
from torch import nn


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double().eval()


@pytest.fixture
def x():
    return torch.randn(3, 4, dtype=torch.float64)
