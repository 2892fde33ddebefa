"""Deletion and insertion: how the score falls, or rises, as the most relevant places go, or come.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC
2018, https://arxiv.org/abs/1806.07421. There deletion replaces pixels by zero, and insertion starts
from a blurred picture: ``baselines=blurred(inputs)``.

Departure: chance decides the order of places that are equally relevant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.evaluations import at_least_single
from ascribe.forward import Forward
from ascribe.inputs import Inputs
from ascribe.metrics.removal import Curve, Removal, levels

#: Where a curve starts, and what it does to the most relevant places.
ORDERS = ("deletion", "insertion")


def removal_curve(
    order: str,
    forward_func: Callable[..., Any],
    inputs: Any,
    attributions: Any,
    baselines: Any = None,
    target: Any = None,
    additional_forward_args: Any = None,
    steps: int = 100,
    *,
    sign: str = "all",
    channels: bool | None = None,
    seed: int = 0,
    perturbations_per_eval: int | None = None,
    show_progress: bool = False,
) -> Curve:
    """Return the scores as places are deleted, or inserted, from the most relevant on.

    Parameters
    ----------
    order
        ``deletion``, from the inputs to the baselines; or ``insertion``, the other way.
    forward_func
        The model: any callable. It is left as it is.
    inputs
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    attributions
        Of these inputs, in their form, or with one channel for all.
    baselines
        What is there when a place is not: in any form that attribution methods take, such as 0,
        the default, or ``blurred(inputs)``.
    target, additional_forward_args
        As `ascribe.Attribution.bind` takes them. The score is what the target picks: for a
        probability, ``target=lambda logits: logits.softmax(-1)[:, 3]``.
    steps
        In how many steps all places go: each of about as many places.
    sign, channels
        See `ascribe.metrics.places.Places.of`: all channels of a place go together, in the order of
        the sum of their attributions.
    seed
        Of the order of places that are equally relevant.
    perturbations_per_eval, show_progress
        As `ascribe.Forward.evaluate` takes them.

    Returns
    -------
    Curve
        With the area under it.

    Raises
    ------
    InputError
        If attributions or baselines do not fit the inputs, or a parameter is out of range.
    """
    if order not in ORDERS:
        raise InputError(f"order must be one of {', '.join(ORDERS)}, but is {order!r}")
    with Forward(forward_func, Inputs.of(inputs), target, additional_forward_args) as forward:
        removal = Removal(forward, attributions, sign, channels, seed=seed)
        ends = forward.baselines(baselines)

        def replace(masks: Sequence[Tensor], level: Tensor, chunk: Chunk) -> tuple[Tensor, ...]:
            return tuple(
                torch.where(mask, forward.part(end, chunk), forward.part(tensor, chunk))
                for mask, end, tensor in zip(masks, ends, forward.inputs.tensors, strict=True)
            )

        return removal.curve(
            levels(removal.count, steps),
            replace,
            order == "insertion",
            perturbations_per_eval,
            show_progress,
            order,
        )


def deletion(
    forward_func: Callable[..., Any],
    inputs: Any,
    attributions: Any,
    baselines: Any = None,
    target: Any = None,
    additional_forward_args: Any = None,
    steps: int = 100,
    **options: Any,
) -> Tensor:
    """Return the area under the deletion curve: the mean score while the most relevant places go.

    Parameters
    ----------
    forward_func, inputs, attributions, baselines, target, additional_forward_args, steps
        See `removal_curve`.
    **options
        What else that takes.

    Returns
    -------
    Tensor
        ``(batch,)``, or ``(targets, batch)`` for `ascribe.Targets`, in units of the score; lower is
        better.
    """
    args = (baselines, target, additional_forward_args, steps)
    return removal_curve("deletion", forward_func, inputs, attributions, *args, **options).area


def insertion(
    forward_func: Callable[..., Any],
    inputs: Any,
    attributions: Any,
    baselines: Any = None,
    target: Any = None,
    additional_forward_args: Any = None,
    steps: int = 100,
    **options: Any,
) -> Tensor:
    """Return the area under the insertion curve: the mean score while the most relevant come.

    Parameters
    ----------
    forward_func, inputs, attributions, baselines, target, additional_forward_args, steps
        See `removal_curve`.
    **options
        What else that takes.

    Returns
    -------
    Tensor
        ``(batch,)``, or ``(targets, batch)`` for `ascribe.Targets`, in units of the score; higher
        is better.
    """
    args = (baselines, target, additional_forward_args, steps)
    return removal_curve("insertion", forward_func, inputs, attributions, *args, **options).area


def blurred(inputs: Any, sigma: float = 5.0) -> Any:
    """Return inputs under a Gaussian blur of their sides: a baseline without detail.

    Parameters
    ----------
    inputs
        Tensors ``(batch, channels, *sides)`` of one to three sides, floating point, or a tuple,
        list or dict of such.
    sigma
        The standard deviation in places, positive. At a border the weights that are left count.

    Returns
    -------
    Tensor or tuple, list or dict of Tensor
        In the form, shape and dtype of the inputs.

    Raises
    ------
    InputError
        If inputs have no sides, or sigma is not positive.
    """
    if not (isinstance(sigma, (int, float)) and 0 < sigma < math.inf):
        raise InputError(f"sigma must be a positive number, but is {sigma!r}")
    given = Inputs.of(inputs)
    return given.pack(_blurred(tensor, float(sigma)) for tensor in given.tensors)


def _blurred(tensor: Tensor, sigma: float) -> Tensor:
    if tensor.dim() not in (3, 4, 5) or not tensor.is_floating_point():
        raise InputError(
            f"a blur needs floating-point inputs (batch, channels, *sides), but one is "
            f"{tuple(tensor.shape)} of {tensor.dtype}; choose other baselines"
        )
    moved, radius = at_least_single(tensor), math.ceil(3 * sigma)
    steps = torch.arange(-radius, radius + 1).to(moved)
    kernel = (-0.5 * (steps / sigma).square()).exp()[None, None]
    for axis in range(2, tensor.dim()):
        rows = moved.movedim(axis, -1)
        flat = rows.reshape(-1, 1, rows.shape[-1])
        weights = functional.conv1d(torch.ones_like(flat[:1]), kernel, padding=radius)
        mean = functional.conv1d(flat, kernel, padding=radius) / weights
        moved = mean.reshape(rows.shape).movedim(-1, axis)
    return moved.to(tensor.dtype).contiguous()
