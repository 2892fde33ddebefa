"""Measure memory and time of gradient methods, Ascribe's and Captum's, on ResNet-18.

    pip install 'ascribe[bench]'
    python examples/benchmark_gradients.py

One picture of 224x224, random weights. Each run has a process of its own, in turns; what is told
are medians. Memory is by how much the resident set grows during the call.
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
}

#: The rows that Captum gets at a time where it is tuned by hand.
TUNED = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "LIBRARY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one)))
        return
    print("| | library | MB | seconds | against Ascribe |")
    print("| --- | --- | --- | --- | --- |")
    for method, (_, _, tunable) in METHODS.items():
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
    model = torchvision().models.resnet18(weights=None).eval()
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
    name, options, tunable = METHODS[method]
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
        made_with.append(model.layer2)
    if name == "GradientShap":
        options = {**options, "baselines": inputs * 0}
    attribution = getattr(attr, name)(*made_with)
    return lambda: attribution.attribute(inputs, target=3, **options)


def resident() -> float:
    """Return the resident set in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
