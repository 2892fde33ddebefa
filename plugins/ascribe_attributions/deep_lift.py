"""DeepLIFT: contributions to the difference of the score from that of a reference.

Shrikumar, Greenside and Kundaje, "Learning Important Features Through Propagating Activation
Differences", ICML 2017, https://arxiv.org/abs/1704.02685

A rule stands for an operation, not for a module, and each keeps completeness. The paper has rules
for functions of one number and for linear operations; those for products, softmax and maxima are
derived in `ascribe.difference_rules`, and norms and attention are made of these.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, GradientAttribution, InputError, hookimpl
from ascribe.attribution import sum_of
from ascribe.batching import Chunk
from ascribe.difference_rules import (
    DifferenceRule,
    largest,
    log_softmax,
    logsumexp,
    max_pool,
    polynomial,
    rescale,
    softmax,
)
from ascribe.differences import Differences, check_completeness
from ascribe.forward import Forward
from ascribe.internal import layer_form, neuron_form
from ascribe.operations import BILINEAR, ELEMENTWISE
from ascribe.reveal_cancel import reveal_cancel
from ascribe.rules import check_on_unsupported
from ascribe.sites import FromLayer, UpToNeuron
from ascribe.sums import Sums, outer_rows, summed, weighed

#: DeepLIFT's rules.
RULES: dict[str, DifferenceRule] = {
    **dict.fromkeys(ELEMENTWISE, rescale),
    **dict.fromkeys(BILINEAR, polynomial),
    **dict.fromkeys([f"max_pool{n}d" for n in (1, 2, 3)], max_pool),
    **dict.fromkeys([f"adaptive_max_pool{n}d" for n in (1, 2, 3)], max_pool),
    "prod": polynomial,
    "amax": largest,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
}


class DeepLift(GradientAttribution):
    """Each input's contribution to the difference of the score from that of a baseline.

    Parameters
    ----------
    model
        The model: any callable.
    multiply_by_inputs
        Return contributions, which sum to the difference of the score (True), or the multipliers
        that ``inputs - baselines`` are multiplied by (False).
    eps
        Where an operation's operand differs by no more than this, its derivative stands in for the
        quotient of differences; by default where that is the more accurate of the two.
    nonlinearity
        ``rescale`` or ``reveal_cancel``: the paper's rule for functions of one number.
        Reveal-cancel tells positive from negative contributions, where a linear layer or
        convolution comes right before the function; elsewhere it is rescale.
    rules
        Rules of your own, by an operation's name or function: see `ascribe.difference_rules`.
    on_unsupported
        What becomes of an operation without a rule: ``error`` raises `UnsupportedOperation`;
        ``gradient`` lets its gradient stand in, with a warning, and gives up completeness.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "randomisation_sensitivity"]
        if parameters.get("custom_attribution_func") is not None:
            return dict.fromkeys(claims, 0.0)
        rescaled = parameters.get("nonlinearity", "rescale") == "rescale"
        if not parameters.get("multiply_by_inputs", True):
            return dict.fromkeys([*claims, "linear_gradient"], 0.0)
        claims += ["completeness", "affine_invariance", "null_at_the_baseline", "antisymmetry"]
        claims += ["sensitivity", "linear_difference", "demand_monotonicity"]
        claims += ["linearity", "symmetry", *(["one_hidden_layer"] if rescaled else [])]
        return dict.fromkeys(claims, 0.0)

    def __init__(
        self,
        model: Callable[..., Any],
        multiply_by_inputs: bool = True,
        eps: float | None = None,
        nonlinearity: str = "rescale",
        rules: Mapping[Any, DifferenceRule] | None = None,
        on_unsupported: str = "error",
    ) -> None:
        super().__init__(model)
        self._multiply_by_inputs = multiply_by_inputs
        check_on_unsupported(on_unsupported)
        self._differences = Differences(
            {**RULES, **_functions_of_one_number(nonlinearity, eps)}, rules or {}, on_unsupported
        )

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are in units of the score, as the constructor was told."""
        return self._multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """True: contributions sum to the difference of the score from that of the baseline."""
        return True

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        custom_attribution_func: Callable[..., Any] | None = None,
    ) -> Any:
        """Return each input's contribution to the difference of the score from the baseline's.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            The reference: None for zero, a number, or a tensor of the input's shape or of batch
            one; or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        return_convergence_delta
            Also return by how much the contributions miss the difference of the score.
        custom_attribution_func
            Makes attributions of multipliers, of those and inputs, or of those, inputs and
            baselines, each a tuple with a tensor for each input; returns such a tuple.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        Tensor
            If ``return_convergence_delta``: shape ``(batch,)``, in units of the score.

        Raises
        ------
        UnsupportedOperation
            If the model has an operation that is not linear and has no rule, or goes another way
            for the inputs than for the baselines.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            starts = forward.outer.baselines(baselines)

            def begin(chunk: Chunk) -> tuple[Tensor, ...]:
                return tuple(forward.part(start, chunk) for start in starts)

            return self.mean(forward, 1, begin, return_convergence_delta, custom_attribution_func)

    def mean(
        self,
        forward: Forward,
        references: int,
        begin: Callable[[Chunk], tuple[Tensor, ...]],
        return_convergence_delta: bool,
        custom_attribution_func: Callable[..., Any] | None,
    ) -> Any:
        """Return the mean of attributions over references, in the caller's form.

        Parameters
        ----------
        forward
            The model.
        references
            How many there are for each example.
        begin
            Returns a chunk of them, as `ascribe.evaluations.Vary`.
        return_convergence_delta, custom_attribution_func
            As `attribute` takes them.
        """
        weights = torch.full((references,), 1 / references, dtype=torch.float64)
        gaps, scales = Sums(forward, weights), Sums(forward, weights)

        def shares(chunk: Chunk) -> Iterator[Tensor]:
            at_start, at_end, multipliers, change, magnitude = self._differences.multipliers(
                forward, begin(chunk), forward.part_of_inputs(chunk), chunk
            )
            contributions = [
                multiplier * (end - start)
                for multiplier, end, start in zip(multipliers, at_end, at_start, strict=True)
            ]
            gaps.add(sum_of(contributions), -change, chunk)
            scales.add(sum_of(c.abs() for c in contributions), magnitude, chunk)
            made = contributions if self._multiply_by_inputs else list(multipliers)
            if custom_attribution_func is not None:
                made = _custom(custom_attribution_func, multipliers, at_end, at_start)
            for part in made:
                yield weighed(part, weights, chunk)

        if isinstance(self.site, UpToNeuron):
            forward.scores  # noqa: B018 - finds out where a pass may end, so that all end alike
        rows = outer_rows(forward, references, begin)
        means = summed(forward, references, rows, shares)
        # A layer need not carry all of the difference: some may go past it.
        carries_all = not isinstance(self.site, FromLayer)
        if carries_all and self._differences.on_unsupported == "error":
            check_completeness(gaps.total, scales.total)
        if not return_convergence_delta:
            return forward.pack(means)
        return forward.pack(means), forward.pack_scores(gaps.total)


def _functions_of_one_number(nonlinearity: str, eps: float | None) -> dict[str, DifferenceRule]:
    if nonlinearity not in ("rescale", "reveal_cancel"):
        raise InputError(
            f"nonlinearity must be 'rescale' or 'reveal_cancel', but is {nonlinearity!r}"
        )
    revealing = nonlinearity == "reveal_cancel"
    return dict.fromkeys(ELEMENTWISE, reveal_cancel if revealing else partial(rescale, eps=eps))


def _custom(
    function: Callable[..., Any],
    multipliers: tuple[Tensor, ...],
    ends: list[Tensor],
    starts: list[Tensor],
) -> list[Tensor]:
    """Return what a user's function makes, target by target: ``(targets, rows, *features)``."""
    taken = len(inspect.signature(function).parameters)
    each = []
    for target in range(len(multipliers[0])):
        given = (tuple(m[target] for m in multipliers), tuple(ends), tuple(starts))
        made = function(*given[:taken])
        each.append((made,) if isinstance(made, Tensor) else tuple(made))
    return [torch.stack(parts) for parts in zip(*each, strict=True)]


LayerDeepLift, NeuronDeepLift = layer_form(DeepLift), neuron_form(DeepLift)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [DeepLift, LayerDeepLift, NeuronDeepLift]
