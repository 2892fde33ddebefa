"""Seeds for all tests, and the real classifier and photographs that lie beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from ascribe.models import load_classifier

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

# The same examples in every run; and no deadline, as a first call may have to set things up.
settings.register_profile("ascribe", deadline=None, derandomize=True)
settings.load_profile("ascribe")


if "PYTEST_XDIST_WORKER" in os.environ:  # there is one for each core
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def shared():
    """The folder of real weights and photographs."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real classifier and photographs in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def real_classifier(shared):
    return load_classifier("torchvision:squeezenet1_0", str(shared / "squeezenet1_0_imagenet.npz"))


@pytest.fixture(scope="session")
def dog_and_cat(shared, real_classifier):
    return real_classifier.read(Image.open(shared / "dog_and_cat.png").convert("RGB"))
