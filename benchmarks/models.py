"""Models of the benchmark: random weights from a fixed seed, or real ones beside the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ascribe.models import load_classifier
from ascribe.vision import torchvision
from benchmarks.row import Setting, Skipped

#: Real weights and photographs, where there are any.
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def classifier(name: str, setting: Setting) -> nn.Module:
    """Return a classifier of torchvision's, with random weights."""
    with torch.device("meta"):
        model = getattr(torchvision().models, name)(weights=None)
        if setting.small and hasattr(model.classifier if name[:3] == "vgg" else model, "append"):
            model.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 1000))  # not 120 million
    return _seeded(model.to_empty(device="cpu")).to(setting.device)


def squeezenet(setting: Setting) -> nn.Module:
    """Return a real classifier, trained on ImageNet."""
    weights = SHARED / "squeezenet1_0_imagenet.npz"
    if not weights.is_file():
        raise Skipped(f"needs the real classifier in {SHARED}")
    model: Any = load_classifier("torchvision:squeezenet1_0", str(weights)).model
    return model.to(setting.device)


def residual(setting: Setting) -> nn.Module:
    """Return a network like ResNet-18 whose ReLUs are modules, each used once, none in place.

    Captum's `DeepLift` and `GuidedBackprop` need that.
    """
    return _seeded(_Residual()).to(setting.device)


def perceptron(setting: Setting, features: int = 20) -> nn.Module:
    """Return a tiny net, which costs next to nothing to run."""
    layers = (nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
    return _seeded(nn.Sequential(*layers)).to(setting.device)


def small_cnn(setting: Setting) -> nn.Module:
    """Return a small convolutional net for pictures of 32x32, without norms or skips."""
    return _seeded(_SmallCnn()).to(setting.device)


def _seeded(model: nn.Module) -> nn.Module:
    """Give a model random weights under which signals keep their size, and norms that do work."""
    generator = torch.Generator().manual_seed(0)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 100
            parameter.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
        for norm in norms:
            norm.reset_running_stats()
            norm.weight.uniform_(0.5, 1.5, generator=generator)
            norm.momentum = None  # the statistics become those of the batch that follows
        if norms:
            model.train()(torch.randn(8, 3, 64, 64, generator=generator))
    return model.eval()


class _SmallCnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
            nn.AvgPool2d(2),
        )  # fmt: skip
        self.last = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Any:
        return self.last(self.features(x).flatten(1))


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after),
            nn.ReLU(), nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip
        self.past = nn.Conv2d(before, after, 1, stride, bias=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Any:
        return self.relu(self.way(x) + self.past(x))


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
        strides = [1, 1, 2, 1, 2, 1, 2, 1]
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.AvgPool2d(2), *map(_Block, widths, widths[1:], strides),
        )  # fmt: skip
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.last = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Any:
        return self.last(self.pool(self.features(x)).flatten(1))
