"""What is left where a model costs nothing; many examples; and the time to import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ascribe import explain_data
from benchmarks.models import perceptron, small_cnn
from benchmarks.peers import ascribe, captum
from benchmarks.pictures import pictures, table
from benchmarks.row import Case, Row, Setting

#: Methods of a tiny net: their parameters, and what Captum can be told to do better.
TINY: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "Saliency": ({}, None),
    "InputXGradient": ({}, None),
    "IntegratedGradients": ({}, None),
    "FeatureAblation": ({}, {"perturbations_per_eval": 20}),
    "Occlusion": ({"sliding_window_shapes": (3,)}, {"perturbations_per_eval": 20}),
}


def _tiny(name: str, rows: int) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        given, better = TINY[name]
        model, inputs = perceptron(setting), table(setting, setting.pick(rows, min(rows, 50)))
        ours, theirs = getattr(ascribe, name)(model), getattr(captum, name)(model)

        def captums(**more: Any) -> Tensor:
            return torch.as_tensor(theirs.attribute(inputs, target=1, **given, **more))

        return Case(
            model,
            lambda: ours.attribute(inputs, target=1, **given),
            captums,
            None if better is None else lambda: captums(**better),
        )

    return build


def _data_set(in_batches: bool) -> Callable[[Setting], Case]:
    def build(setting: Setting) -> Case:
        model, data = small_cnn(setting), pictures(setting, setting.pick(256, 16), 32)
        steps = setting.pick(50, 10)
        pictures_of: Any = list(data)
        loader: Any = DataLoader(pictures_of, batch_size=setting.pick(32, 8))
        ours, theirs = ascribe.IntegratedGradients(model), captum.IntegratedGradients(model)

        def explained() -> Tensor:
            found = explain_data(model, loader, "integrated_gradients", target=1, n_steps=steps)
            return torch.cat([torch.as_tensor(explanation.values)[0] for explanation in found])

        def captums(batch: Tensor, **more: Any) -> Tensor:
            return torch.as_tensor(theirs.attribute(batch, target=1, n_steps=steps, **more))

        if in_batches:
            return Case(model, explained, lambda: torch.cat([captums(batch) for batch in loader]))
        return Case(
            model,
            lambda: ours.attribute(data, target=1, n_steps=steps),
            lambda: captums(data),
            lambda: captums(data, internal_batch_size=len(data)),
        )

    return build


_CLOCK = """
import time
import torch
started = time.perf_counter()
{statement}
print(time.perf_counter() - started)
"""

_ALL = "[getattr(attr, name) for name in dir(attr)]"


def _importing(all_of_it: bool) -> Callable[[Setting], Case]:
    def imported(package: str) -> Callable[[], Tensor]:
        statement = f"from {package} import attr\n{_ALL if all_of_it else ''}"

        def call() -> Tensor:
            command = [sys.executable, "-W", "ignore", "-c", _CLOCK.format(statement=statement)]
            # Compiled files are kept, as pip keeps those of what it installs.
            given = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=given)
            return torch.tensor(float(done.stdout))

        return call

    return lambda setting: Case(None, imported("ascribe"), imported("captum"), clocked=True)


ROWS = [
    *(
        Row(
            f"tiny_{name.lower()}_{rows}",
            _tiny(name, rows),
            1e-4,
            what=f"{name}, a tiny MLP, {rows} rows",
        )
        for rows in (10, 1000)
        for name in TINY
    ),
    Row(
        "data_set",
        _data_set(in_batches=False),
        1e-3,
        what="IntegratedGradients, 256 pictures of 32x32 in one call, a small CNN",
    ),
    Row(
        "data_set_in_batches",
        _data_set(in_batches=True),
        1e-3,
        what="the same by `explain_data`, and by a loop of calls in batches of 32",
    ),
    Row("import", _importing(all_of_it=False), 0.0, what="import of `attr`, beyond torch"),
    Row(
        "import_all",
        _importing(all_of_it=True),
        0.0,
        what="import of `attr` and of every name in it, beyond torch",
    ),
]
