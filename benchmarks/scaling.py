"""How the cost of occlusion grows with the picture, the windows, the targets and the batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measuring import Measured, measure
from benchmarks.models import classifier
from benchmarks.perturbation_rows import AT_ONCE, occluded
from benchmarks.pictures import pictures
from benchmarks.row import Case, Row, Setting

#: What one line of the table departs from: side of the picture, windows along a side, targets,
#: pictures.
USUAL = {"side": 224, "along": 5, "targets": 1, "batch": 1}

#: What each quantity is varied over.
VARIED: dict[str, tuple[int, ...]] = {
    "side": (64, 112, 224, 320),
    "along": (3, 5, 10, 21),
    "targets": (1, 2, 4, 8),
    "batch": (1, 2, 4, 8),
}


def rows() -> Iterator[Row]:
    """Yield a row for each line: the usual one with one quantity changed."""
    for quantity, values in VARIED.items():
        for value in values:
            yield _row(quantity, value)


def _row(quantity: str, value: int) -> Row:
    sizes = {**USUAL, quantity: value}
    windows = "windows" if quantity == "along" else quantity
    shown = value**2 if quantity == "along" else value

    def build(setting: Setting) -> Case:
        side = setting.pick(sizes["side"], min(sizes["side"], 64))
        inputs = pictures(setting, sizes["batch"], side)
        window, stride = side // 5, max(1, (side - side // 5) // max(1, sizes["along"] - 1))
        targets = tuple(range(sizes["targets"]))
        best: dict[str, Any] = {"perturbations_per_eval": AT_ONCE}
        model = classifier("resnet18", setting)
        return occluded(model, inputs, window, min(window, stride), targets, **best)

    what = f"Occlusion, ResNet-18: {windows} {shown}"
    return Row(f"scaling_{windows}_{shown}", build, 1e-3, what=what)


def measured(setting: Setting, rounds: int) -> Iterator[Measured]:
    """Yield what each line comes to."""
    for row in rows():
        yield measure(row, setting, rounds, memory=False)
