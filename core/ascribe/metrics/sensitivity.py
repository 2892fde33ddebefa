"""Maximum sensitivity: by how much attributions change when the input hardly does.

Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations",
NeurIPS 2019, https://arxiv.org/abs/1901.09392
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.forward import check_count
from ascribe.inputs import Inputs
from ascribe.samples import by_sample, following, norms, portions, repeated
from ascribe.targets import Targets

#: Bytes of perturbed inputs that the explanation gets in one call, unless the caller says.
PERTURBED_BYTES = 2**25


def default_perturb_func(inputs: Any, perturb_radius: float = 0.02, seed: int = 0) -> Any:
    """Return inputs moved by uniform noise within a radius of each element.

    Parameters
    ----------
    inputs
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    perturb_radius
        How far an element moves at most, in its own units.
    seed
        Of the noise; the global random state is not touched.
    """
    given, generator = Inputs.of(inputs), torch.Generator().manual_seed(seed)
    moved = []
    for tensor in given.tensors:
        noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        moved.append(tensor + (perturb_radius * noise).to(tensor))
    return given.pack(moved)


def sensitivity_max(
    explanation_func: Callable[..., Any],
    inputs: Any,
    perturb_func: Callable[..., Any] = default_perturb_func,
    perturb_radius: float = 0.02,
    n_perturb_samples: int = 10,
    norm_ord: Any = "fro",
    max_examples_per_batch: int | None = None,
    **kwargs: Any,
) -> Tensor:
    """Return the largest relative change of attributions under small perturbations of the input.

    ``max ||a(x') - a(x)|| / ||a(x)||`` over perturbed inputs ``x'``.

    Parameters
    ----------
    explanation_func
        Such as ``Saliency(model).attribute``.
    inputs
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    perturb_func
        Called with copies of the inputs, each example's in a row, and the radius; returns perturbed
        inputs in the same form.
    perturb_radius
        How far an element of the input moves at most.
    n_perturb_samples
        How many perturbations there are of each example.
    norm_ord
        The norm over all elements of an example's attributions: ``fro`` (the square root of the sum
        of squares), or an order as `torch.linalg.vector_norm` takes it.
    max_examples_per_batch
        How many rows the explanation gets at most in one call; by default as many as fit in a few
        megabytes.
    **kwargs
        What else ``explanation_func`` takes. Tensors, and lists of targets, with one entry for each
        example follow it.

    Returns
    -------
    Tensor
        ``(batch,)``, a pure number; ``(targets, batch)`` where ``target`` is `ascribe.Targets`.
        Where attributions are zero throughout it is 0 if they stay so, and else infinite.
    """
    given = Inputs.of(inputs)
    samples = check_count(n_perturb_samples, "n_perturb_samples")
    most = check_count(max_examples_per_batch, "max_examples_per_batch")
    assert samples is not None
    axis = 1 if isinstance(kwargs.get("target"), Targets) else 0
    before = _attributions(explanation_func(inputs, **kwargs))
    size = norms(before, norm_ord, axis + 1)
    worst = torch.zeros_like(size)
    for some in portions(given, samples, most, PERTURBED_BYTES):
        points, count = _perturbed(perturb_func, given, perturb_radius, some), len(some)
        after = _attributions(explanation_func(points, **following(kwargs, given.batch, count)))
        changes = [
            by_sample(moved, count, axis) - still.unsqueeze(axis + 1)
            for moved, still in zip(after, before, strict=True)
        ]
        worst = torch.maximum(worst, norms(changes, norm_ord, axis + 2).amax(axis + 1))
    return torch.where(worst == 0, 0, worst / size)


def _perturbed(
    perturb_func: Callable[..., Any], given: Inputs, radius: float, samples: range
) -> Any:
    if perturb_func is default_perturb_func:  # a seed for each, however they are cut
        inputs = given.pack(given.tensors)
        each = [Inputs.of(default_perturb_func(inputs, radius, seed)).tensors for seed in samples]
        return given.pack(torch.stack(same, 1).flatten(0, 1) for same in zip(*each, strict=True))
    return perturb_func(given.pack(repeated(t, len(samples)) for t in given.tensors), radius)


def _attributions(returned: Any) -> list[Tensor]:
    tensors = Inputs.of(returned).tensors
    if not all(tensor.is_floating_point() for tensor in tensors):
        raise InputError("explanation_func must return attributions in floating point")
    return list(tensors)
