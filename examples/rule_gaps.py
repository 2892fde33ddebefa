"""Measure on torchvision's models, untouched, how far DeepLIFT and LRP are from adding up.

    python examples/rule_gaps.py [--captum] [MODEL ...]

Weights are random, and so are the statistics of batch norms; what torchvision begins at zero or
one is drawn too, for else nothing could be wrong there. Numbers are in float64. It prints the table
of docs/rules.md.

- DeepLIFT: by how much the contributions miss the difference of the score from that of a black
  picture, as a share of the sum of their magnitudes.
- LRP-epsilon: by how much relevance, with what biases, constants and stabilisers absorb, misses the
  score, as a share of the sum of its magnitudes; and without biases where a model has none.
"""

import argparse
import time
import warnings

import torch
from torch import nn

from ascribe.attr import LRP, DeepLift
from ascribe.vision import torchvision

#: Models and the sides of their pictures: small ones, where a model takes them.
MODELS = {
    "resnet18": 64,
    "resnet50": 64,
    "vgg16": 64,
    "densenet121": 64,
    "mobilenet_v3_small": 64,
    "efficientnet_b0": 64,
    "convnext_tiny": 64,
    "vit_b_16": 224,
    "swin_t": 64,
    "inception_v3": 96,
    "googlenet": 64,
    "shufflenet_v2_x1_0": 64,
    "regnet_y_400mf": 64,
    "mnasnet1_0": 64,
}

TARGET = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(MODELS))
    parser.add_argument("--captum", action="store_true", help="measure Captum's DeepLIFT too")
    options = parser.parse_args()
    further = [" Captum's DeepLIFT |"] if options.captum else []
    print("| model | DeepLIFT |", *further, " LRP-epsilon | seconds |", sep="")
    print("| --- | --- |", *[" --- |"] * len(further), " --- | --- |", sep="")
    for name in options.models:
        model, pictures = made(name)
        started = time.perf_counter()
        cells = [f"{deep_lift_gap(model, pictures):.0e}"]
        seconds = time.perf_counter() - started
        if options.captum:
            cells.append(captum_gap(model, pictures))
        cells.append(f"{lrp_gap(model, pictures):.0e}")
        print(f"| {name} |", *[f" {cell} |" for cell in cells], f" {seconds:.1f} |", sep="")


def made(name: str, seed: int = 0) -> tuple[nn.Module, torch.Tensor]:
    """Return a random model in float64, whose numbers neither vanish nor explode, and pictures."""
    more = {"init_weights": False} if name in ("inception_v3", "googlenet") else {}
    generator = torch.Generator().manual_seed(seed)
    side = MODELS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(torchvision().models, name)(weights=None, **more).double().eval()
        for key, tensor in model.state_dict().items():
            if tensor.is_floating_point() and "running" not in key:
                tensor.copy_(drawn(tensor, generator))
        pictures = torch.rand(4, 3, side, side, generator=generator, dtype=torch.float64)
        norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.train().momentum = 1.0
        with torch.no_grad():
            model(pictures)  # gives them statistics that fit, which are then moved
        for norm in norms:
            spread = norm.running_var.sqrt()
            norm.running_mean += 0.2 * spread * torch.randn(spread.shape, generator=generator)
            norm.running_var *= 0.5 + torch.rand(spread.shape, generator=generator)
    return model.eval(), pictures[:2]


def drawn(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    values = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    if tensor.dim() < 2:
        mean = float(tensor.mean()) if tensor.numel() else 0.0
        return mean + 0.2 * values
    return values * (2 / tensor.shape[1:].numel()) ** 0.5


def deep_lift_gap(model: nn.Module, pictures: torch.Tensor) -> float:
    found, delta = DeepLift(model).attribute(pictures, target=TARGET, return_convergence_delta=True)
    return worst(delta, found)


def lrp_gap(model: nn.Module, pictures: torch.Tensor) -> float:
    found, delta = LRP(model).attribute(pictures, target=TARGET, return_convergence_delta=True)
    return worst(delta, found)


def captum_gap(model: nn.Module, pictures: torch.Tensor) -> str:
    from captum.attr import DeepLift as Peer

    black = torch.zeros_like(pictures)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = Peer(model).attribute(pictures, black, target=TARGET)
    except Exception as error:  # it refuses some models
        return f"refused ({type(error).__name__})"
    with torch.no_grad():
        change = (model(pictures) - model(black))[:, TARGET]
    gap = worst(found.detach().flatten(1).sum(1) - change, found.detach())
    return f"{gap:.0e}"


def worst(gap: torch.Tensor, attributions: torch.Tensor) -> float:
    return float((gap.abs() / attributions.abs().flatten(1).sum(1)).max())


if __name__ == "__main__":
    main()
