"""ROAD, remove and debias: the score as the most, or the least, relevant pixels are imputed.

Rong, Leemann, Borisov, Kasneci and Kasneci, "A Consistent and Efficient Evaluation Strategy for
Attribution Methods", ICML 2022, https://arxiv.org/abs/2202.00449. What is removed is not replaced
by a constant, whose shape would tell the model where it was, but by `linear_imputation` and noise.

Departure: the paper takes the accuracy over a data set, and this each example's score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.draws import Draws
from ascribe.errors import InputError
from ascribe.forward import Forward
from ascribe.inputs import Inputs
from ascribe.metrics.imputation import linear_imputation
from ascribe.metrics.removal import Curve, Removal

#: Most relevant first, and least relevant first.
ORDERS = ("morf", "lerf")

#: Shares of the pixels that are removed.
FRACTIONS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def road_curve(
    forward_func: Callable[..., Any],
    inputs: Any,
    attributions: Any,
    target: Any = None,
    additional_forward_args: Any = None,
    order: str = "morf",
    fractions: Sequence[float] = FRACTIONS,
    noise: float = 0.01,
    *,
    sign: str = "all",
    seed: int = 0,
    perturbations_per_eval: int | None = None,
    show_progress: bool = False,
) -> Curve:
    """Return the scores as more and more pixels are imputed from those that are left.

    Parameters
    ----------
    forward_func
        The model: any callable. It is left as it is.
    inputs
        Pictures ``(batch, channels, height, width)``, floating point; one tensor.
    attributions
        Of these, in their form, or with one channel for all.
    target, additional_forward_args
        As `ascribe.Attribution.bind` takes them; the score is what the target picks.
    order
        ``morf`` removes the most relevant pixels first, ``lerf`` the least relevant.
    fractions
        Which shares of the pixels are removed, rising, between 0 and 1; at least one pixel is left.
    noise
        The standard deviation of what is added to imputed pixels, in units of the inputs.
    sign
        See `ascribe.metrics.places.Places.of`: all channels of a pixel go together.
    seed
        Of the noise, and of the order of pixels that are equally relevant.
    perturbations_per_eval, show_progress
        As `ascribe.Forward.evaluate` takes them.

    Raises
    ------
    InputError
        If inputs are no pictures, attributions do not fit, or a parameter is out of range.
    """
    _check(order, fractions, noise)
    with Forward(forward_func, Inputs.of(inputs), target, additional_forward_args) as forward:
        tensors = forward.inputs.tensors
        if len(tensors) > 1 or tensors[0].dim() != 4 or not tensors[0].is_floating_point():
            found = [f"{tuple(tensor.shape)} of {tensor.dtype}" for tensor in tensors]
            raise InputError(
                f"ROAD needs one floating-point tensor of pictures (batch, channels, height, "
                f"width), but has {', '.join(found)}"
            )
        (pictures,), draws = tensors, Draws(seed)
        removal = Removal(forward, attributions, sign, None, order == "lerf", seed)
        shares = torch.tensor(list(fractions), dtype=torch.float64)
        counts = (shares * removal.count).round().long().clamp(1, max(1, removal.count - 1))

        def replace(masks: Sequence[Tensor], level: Tensor, chunk: Chunk) -> tuple[Tensor, ...]:
            missing, part = masks[0], forward.part(pictures, chunk)
            shown = part.expand(len(missing), *part.shape[1:])
            imputed = linear_imputation(shown.flatten(0, 1), missing.flatten(0, 1))
            noisy = [draws.normal(slice(one, one + 1), pictures) for one in level.tolist()]
            moved = imputed.unflatten(0, shown.shape[:2]) + noise * torch.cat(noisy)
            return (torch.where(missing, moved, shown),)

        return removal.curve(
            counts, replace, False, perturbations_per_eval, show_progress, f"ROAD, {order}"
        )


def road(
    forward_func: Callable[..., Any],
    inputs: Any,
    attributions: Any,
    target: Any = None,
    additional_forward_args: Any = None,
    order: str = "morf",
    fractions: Sequence[float] = FRACTIONS,
    **options: Any,
) -> Tensor:
    """Return the mean score over the shares of pixels that are imputed.

    Parameters
    ----------
    forward_func, inputs, attributions, target, additional_forward_args, order, fractions
        See `road_curve`.
    **options
        What else that takes.

    Returns
    -------
    Tensor
        ``(batch,)``, or ``(targets, batch)`` for `ascribe.Targets`, in units of the score; of
        ``morf`` lower is better, of ``lerf`` higher.
    """
    args = (target, additional_forward_args, order, fractions)
    return road_curve(forward_func, inputs, attributions, *args, **options).scores.mean(-1)


def _check(order: str, fractions: Sequence[float], noise: float) -> None:
    if order not in ORDERS:
        raise InputError(f"order must be one of {', '.join(ORDERS)}, but is {order!r}")
    rising = all(low < high for low, high in pairwise(fractions))
    if not fractions or not rising or not all(0 < one < 1 for one in fractions):
        raise InputError(
            f"fractions must be rising numbers between 0 and 1, but are {tuple(fractions)}"
        )
    if not noise >= 0:
        raise InputError(f"noise must be a number of at least 0, but is {noise!r}")
