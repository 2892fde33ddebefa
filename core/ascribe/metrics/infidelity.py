"""Infidelity: how far attributions are from telling what a perturbation does to the score.

Yeh, Hsieh, Suggala, Inouye and Ravikumar, "On the (In)fidelity and Sensitivity of Explanations",
NeurIPS 2019, https://arxiv.org/abs/1901.09392
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe.attribution import sum_of
from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.forward import Forward, check_count
from ascribe.inputs import Inputs
from ascribe.samples import repeated


def infidelity(
    forward_func: Callable[..., Any],
    perturb_func: Callable[..., Any],
    inputs: Any,
    attributions: Any,
    baselines: Any = None,
    additional_forward_args: Any = None,
    target: Any = None,
    n_perturb_samples: int = 10,
    max_examples_per_batch: int | None = None,
    normalize: bool = False,
) -> Tensor:
    """Return the expected squared error of attributions as a linear model of perturbations.

    ``E[(I . a - (f(x) - f(x - I)))^2]`` over perturbations ``I``: 0 for the gradient of a linear
    model.

    Parameters
    ----------
    forward_func
        The model: any callable. It is left as it is.
    perturb_func
        Called with copies of the inputs, each example's in a row, in the form of ``inputs`` (and
        with baselines, where these are given); returns the perturbations ``I`` and the perturbed
        inputs ``x - I``, each in the same form. Where attributions are of the whole score (they
        multiply by the inputs), ``I`` is the share of each input that is taken away: see
        `infidelity_perturb_func_decorator`.
    inputs
        A tensor ``(batch, *features)``, or a tuple, list or dict of such.
    attributions
        Of these inputs, in their form.
    baselines
        Handed on to ``perturb_func``: tensors with one entry for each example follow it.
    additional_forward_args, target
        As `ascribe.Attribution.bind` takes them.
    n_perturb_samples
        How many perturbations there are of each example.
    max_examples_per_batch
        How many rows one model evaluation takes at most; by default as many as fit in the memory
        budget.
    normalize
        Scale the attributions by the factor that makes the error least, so that attributions that
        differ in scale alone are as good as each other.

    Returns
    -------
    Tensor
        ``(batch,)``, in squared units of the score; ``(targets, batch)`` for `ascribe.Targets`.

    Raises
    ------
    InputError
        If attributions or perturbations do not fit the inputs, or the model gives one number for
        the whole batch.
    """
    samples = check_count(n_perturb_samples, "n_perturb_samples")
    most = check_count(max_examples_per_batch, "max_examples_per_batch")
    assert samples is not None
    with Forward(forward_func, Inputs.of(inputs), target, additional_forward_args) as forward:
        given = [a.detach() for a in forward.unpack(attributions)]
        clean = forward.scores
        batch = forward.inputs.batch
        if clean.shape[1] != batch:
            raise InputError("infidelity needs a model with a score for each example of a batch")
        told, change = (clean.new_zeros((forward.targets, samples, batch)) for _ in range(2))

        def perturbed(chunk: Chunk) -> tuple[Tensor, ...]:
            return _perturb(perturb_func, forward.inputs, baselines, chunk)[1]

        @torch.no_grad()
        def work(chunk: Chunk) -> None:
            taken, points = _perturb(perturb_func, forward.inputs, baselines, chunk)
            scores = forward(forward.flat(points, chunk), chunk).to(clean)
            part = clean[:, None, chunk.examples]
            products = [
                (i.to(a) * a[:, None, chunk.examples]).flatten(0, 1)
                for i, a in zip(taken, given, strict=True)
            ]
            shape = (forward.targets, chunk.copies, -1)
            told[:, chunk.variants, chunk.examples] = sum_of(products).reshape(shape).to(told)
            change[:, chunk.variants, chunk.examples] = part - scores.reshape(shape)

        rows = forward.rows_for(samples) if most is None else most
        forward.check_independence(samples, perturbed, rows)
        forward.run(samples, rows, work)
        if normalize:
            square = told.square().mean(1, keepdim=True)
            scale = (told * change).mean(1, keepdim=True) / square
            told = told * torch.where(square > 0, scale, 0)
        return forward.pack_scores((told - change).square().mean(1))


def infidelity_perturb_func_decorator(
    multiply_by_inputs: bool = True,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Turn a function that perturbs inputs into one as `infidelity` takes it.

    Parameters
    ----------
    multiply_by_inputs
        True for attributions that are shares of the score, as integrated gradients are: a
        perturbation is then the share of each input, or of its difference from the baseline, that
        is taken away (0 where there is nothing to take). False for attributions per unit of input,
        as the gradient is: it is then what is taken away.
    """

    def decorate(perturb: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(perturb)
        def perturb_func(inputs: Any, baselines: Any = None) -> Any:
            points = perturb(inputs) if baselines is None else perturb(inputs, baselines)
            form = Inputs.of(inputs)
            ends = form.baselines(baselines)
            taken = []
            moved = form.per_input(points, "perturbed inputs")
            for tensor, point, end in zip(form.tensors, moved, ends, strict=True):
                whole = tensor - end
                share = torch.where(whole == 0, 0, (tensor - point) / whole)
                taken.append(share if multiply_by_inputs else tensor - point)
            return form.pack(taken), points

        return perturb_func

    return decorate


def _perturb(
    perturb_func: Callable[..., Any], inputs: Inputs, baselines: Any, chunk: Chunk
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return perturbations and perturbed inputs: ``(samples, examples, *features)`` for each."""
    parts = [tensor[chunk.examples] for tensor in inputs.tensors]
    copies = inputs.pack(repeated(part, chunk.copies) for part in parts)
    arguments: tuple[Any, ...] = (copies,)
    if baselines is not None:
        given = [
            repeated(base[chunk.examples], chunk.copies)
            if isinstance(base, Tensor) and base.dim() and 1 < len(base) == inputs.batch
            else base
            for base in inputs.per_input(baselines, "baselines")
        ]
        arguments = (copies, inputs.pack(given))
    returned = perturb_func(*arguments)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise InputError(
            "perturb_func must return perturbations and perturbed inputs; make it so with "
            "infidelity_perturb_func_decorator"
        )
    taken, points = (_in_samples(inputs, one, parts, chunk.copies) for one in returned)
    return taken, points


def _in_samples(inputs: Inputs, given: Any, parts: list[Tensor], copies: int) -> tuple[Tensor, ...]:
    made = []
    for tensor, part in zip(inputs.per_input(given, "perturbations"), parts, strict=True):
        wanted = (len(part) * copies, *part.shape[1:])
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != wanted:
            shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
            raise InputError(
                f"perturb_func must return tensors of the shape {wanted} that it is given, "
                f"but one is {shape}"
            )
        made.append(tensor.detach().unflatten(0, (len(part), copies)).movedim(1, 0))
    return tuple(made)
