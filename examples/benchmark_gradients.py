"""Measure memory and time of gradient methods and rules, Ascribe's and Captum's.

    pip install 'ascribe[bench]'
    python examples/benchmark_gradients.py [--only DeepLift]

On ResNet-18 and VGG-16; on a network like ResNet-18 whose ReLUs are used once each, where Captum
refuses the real one. One picture of 224x224, random weights. Each run has a process of its own, in
turns; what is told are medians. Memory is by how much the resident set grows during the call.
"""

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

#: What is measured: the call, and what Captum must be told to use less memory.
METHODS = {
    "IntegratedGradients, 50 steps": (
        "IntegratedGradients",
        {"n_steps": 50},
        "internal_batch_size",
    ),
    "GradientShap, 50 samples": ("GradientShap", {"n_samples": 50}, None),
    "SmoothGrad, 50 samples": ("NoiseTunnel", {"nt_samples": 50}, "nt_samples_batch_size"),
    "LayerIntegratedGradients, 50 steps": (
        "LayerIntegratedGradients",
        {"n_steps": 50},
        "internal_batch_size",
    ),
    "LayerConductance, 50 steps": ("LayerConductance", {"n_steps": 50}, "internal_batch_size"),
    **{
        f"{name}, {model}": (name, {}, None, model)
        for model in ("like ResNet-18", "VGG-16")
        for name in ("DeepLift", "DeepLiftShap", "LRP", "GuidedBackprop", "LayerGradCam")
    },
}

#: The rows that Captum gets at a time where it is tuned by hand.
TUNED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="rows that begin so")
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "LIBRARY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    print("| | library | MB | seconds | against Ascribe |")
    print("| --- | --- | --- | --- | --- |")
    for method, (_, _, tunable, *_) in METHODS.items():
        if not method.startswith(options.only):
            continue
        libraries = ["Ascribe", "Captum", *(["Captum, tuned"] if tunable else [])]
        runs = {library: [] for library in libraries}
        for _ in range(options.repeats):
            for library in libraries:
                runs[library].append(in_a_process(method, library))
        report(method, runs)


def in_a_process(method: str, library: str) -> tuple[float, float]:
    command = [sys.executable, __file__, "--one", method, library]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def report(method: str, runs: dict[str, list[tuple[float, float]]]) -> None:
    medians = {
        name: [statistics.median(c) for c in zip(*r, strict=True)] for name, r in runs.items()
    }
    own = medians["Ascribe"]
    for library, (memory, seconds) in medians.items():
        ratio = f"{memory / own[0]:.1f} x the memory, {seconds / own[1]:.2f} x the time"
        print(f"| {method} | {library} | {memory:.0f} | {seconds:.2f} | {ratio} |")


def measure(method: str, library: str) -> tuple[float, float]:
    """Return megabytes and seconds of one call."""
    import torch

    from ascribe.vision import torchvision

    warnings.simplefilter("ignore")
    *_, kind = "", *METHODS[method][3:]
    make = {"VGG-16": torchvision().models.vgg16, "like ResNet-18": residual}
    model = make.get(kind, torchvision().models.resnet18)(weights=None).eval()
    inputs = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        model(inputs)  # what is allocated once is not counted
    call = prepare(method, library, model, inputs)
    before, peak, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], resident())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    call()
    seconds = time.perf_counter() - started
    done.set()
    watcher.join()
    return peak[0] - before, seconds


def prepare(method, library, model, inputs):
    """Return the call, with all imports done."""
    name, options, tunable, *_ = METHODS[method]
    if library == "Ascribe":
        from ascribe import attr
    else:
        from captum import attr
    if library.endswith("tuned"):
        options = {**options, tunable: TUNED}
    made_with = [model]
    if name == "NoiseTunnel":
        made_with = [attr.Saliency(model)]
    elif name.startswith("Layer"):
        made_with.append(model.features[-3] if hasattr(model, "features") else model.layer2)
    if name == "DeepLiftShap":
        options = {"baselines": inputs.repeat(4, 1, 1, 1) * 0.5}
    if name == "GradientShap":
        options = {**options, "baselines": inputs * 0}
    attribution = getattr(attr, name)(*made_with)
    return lambda: attribution.attribute(inputs, target=3, **options)


def residual(weights=None):
    """Return a network like ResNet-18 whose ReLUs are modules, each used once."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.way = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after),
                nn.ReLU(), nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
            )  # fmt: skip
            self.past = nn.Conv2d(before, after, 1, stride, bias=False)
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.way(x) + self.past(x))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
            strides = [1, 1, 2, 1, 2, 1, 2, 1]
            self.features = nn.Sequential(
                nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                nn.AvgPool2d(2), *map(Block, widths, widths[1:], strides), nn.AvgPool2d(7),
            )  # fmt: skip
            self.last = nn.Linear(512, 1000)

        def forward(self, x):
            return self.last(self.features(x).flatten(1))

    return Network()


def resident() -> float:
    """Return the resident set in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
