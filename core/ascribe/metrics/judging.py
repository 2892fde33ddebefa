"""Judge an explanation by all metrics for which there is what they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ascribe.errors import InputError
from ascribe.explanation import Explanation
from ascribe.inputs import Inputs
from ascribe.metrics.catalogue import METRICS
from ascribe.targets import Targets

#: How maps are interpolated, by how many sides they have.
_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def judge(
    explanation: Explanation,
    masks: Any = None,
    forward_func: Callable[..., Any] | None = None,
    *,
    metrics: Iterable[str] | None = None,
    inputs: Any = None,
    baselines: Any = None,
    steps: int = 50,
) -> dict[str, Tensor]:
    """Return how good an explanation is, by name of the metric.

    Parameters
    ----------
    explanation
        From `ascribe.explain`. Attributions of a layer are brought to the sides of the inputs.
    masks
        Where the true evidence lies, in the form of the inputs: ``sides`` for all, ``(batch,
        *sides)``, or ``(targets, batch, *sides)``, each target's own. Without masks there is no
        pointing game and no mass or rank accuracy.
    forward_func
        The model; without it there are no curves. Scores are what the targets pick from it: for
        probabilities give a function that returns them.
    metrics
        Names of `METRICS`; by default what there is enough for: ``pointing_game``,
        ``relevance_mass_accuracy``, ``relevance_rank_accuracy``, ``insertion``, ``deletion``,
        ``sparseness``.
    inputs
        What the model takes, where that is not what was explained, as with a layer.
    baselines
        Of insertion and deletion: see `ascribe.metrics.removal_curve`.
    steps
        Of insertion and deletion.

    Returns
    -------
    dict of str to Tensor
        In the order of `METRICS`, which says of each name its range and which way is better; each
        ``(targets, batch)``.

    Raises
    ------
    InputError
        If a metric is unknown or misses what it needs, or masks or inputs do not fit.
    """
    given = explanation.inputs if inputs is None else inputs
    form = Inputs.of(given)
    values = _sized(explanation, form, inputs is not None)
    chosen = _chosen(metrics, masks is not None, forward_func is not None)
    if forward_func is not None and "neuron_selector" in explanation.parameters:
        raise InputError(
            "an explanation of a neuron has no score that the model returns; judge it without the "
            "model, or call ascribe.metrics.deletion with a function that returns the neuron"
        )
    arguments = explanation.parameters.get("additional_forward_args")
    found = {}
    for name in chosen:
        metric = METRICS[name]
        if metric.needs == "attributions":
            found[name] = metric.function(values, several_targets=True)
        elif metric.needs == "mask":
            found[name] = metric.function(values, masks, several_targets=True)
        else:
            options: dict[str, Any] = {"target": Targets(explanation.targets)}
            options["additional_forward_args"] = arguments
            if name in ("insertion", "deletion"):
                options |= {"baselines": baselines, "steps": steps}
            found[name] = metric.function(forward_func, given, values, **options)
    return found


#: What an explanation cannot be judged by: they call the method again, or perturb in their own way.
_LEFT_OUT = {"infidelity", "sensitivity_max", "randomisation_similarity"}

#: What is left out unless it is asked for: it takes pictures, and its time.
_ON_DEMAND = {"road_morf", "road_lerf"}


def _chosen(metrics: Iterable[str] | None, masks: bool, model: bool) -> list[str]:
    there = {"attributions": True, "mask": masks, "model": model}
    able = [
        name
        for name, metric in METRICS.items()
        if there.get(metric.needs) and name not in _LEFT_OUT
    ]
    if metrics is None:
        return [name for name in able if name not in _ON_DEMAND]
    wanted = set(metrics)
    for name in sorted(wanted):
        if name not in METRICS or name in _LEFT_OUT:
            known = ", ".join(name for name in METRICS if name not in _LEFT_OUT)
            raise InputError(f"an explanation can be judged by {known}, but not by {name!r}")
        if name not in able:
            lacks = {"mask": "masks", "model": "the model"}[METRICS[name].needs]
            raise InputError(f"{name} needs {lacks}; give them, or leave it out")
    return [name for name in able if name in wanted]


def _sized(explanation: Explanation, form: Inputs, told: bool) -> Any:
    """Return attributions ``(targets, batch, *features)`` with the sides of the inputs.

    Where it is not told what these are, those of the picture that people see.
    """
    values = form.per_input(explanation.values, "the explanation's values")
    seen = explanation.original if isinstance(explanation.original, np.ndarray) else None
    sized = []
    for part, tensor in zip(values, form.tensors, strict=True):
        sides = tuple(tensor.shape[2:])
        if not told and len(values) == 1 and seen is not None and seen.ndim == 4:
            sides = tuple(seen.shape[1:3])
        fits = len(sides) in _MODES and part.dim() == 3 + len(sides)
        sized.append(at_sides(part, sides) if fits else part)
    return form.pack(sized)


def at_sides(attributions: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return attributions ``(targets, batch, channels, *sides)`` with other sides, interpolated."""
    if tuple(attributions.shape[3:]) == sides:
        return attributions
    mode = _MODES[len(sides)]
    moved = functional.interpolate(attributions.flatten(0, 1), sides, mode=mode)
    return moved.unflatten(0, tuple(torch.Size(attributions.shape[:2])))
