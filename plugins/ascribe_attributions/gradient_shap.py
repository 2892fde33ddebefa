"""Gradient SHAP: expected gradients, over baselines, places on the way from them, and noise.

Erion, Janizek, Sturmfels, Lundberg and Lee, "Improving performance of deep learning models with
axiomatic attribution priors and expected gradients", Nature Machine Intelligence 3 (2021),
https://arxiv.org/abs/1906.10670; Lundberg and Lee, NeurIPS 2017, https://arxiv.org/abs/1705.07874

In a layer the way leads from the baseline's activation to the input's, so that the sum is in
expectation the change of the score there too. The examples of a batch share baselines, places and
noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, GradientAttribution, hookimpl
from ascribe.attribution import sum_of
from ascribe.batching import Chunk
from ascribe.draws import Draws, Noise
from ascribe.forward import Forward, check_count
from ascribe.gradient import gradients_at
from ascribe.internal import layer_form, neuron_form
from ascribe.pools import pools
from ascribe.quadrature import along
from ascribe.sums import gradient_rows, summed, weighed


class GradientShap(GradientAttribution):
    """The mean, over random baselines, of the gradient on the way, times the way.

    Parameters
    ----------
    forward_func
        The model: any callable.
    multiply_by_inputs
        Multiply gradients by ``inputs - baselines`` (True, as the paper, so that attributions sum
        to the change of the score in expectation), or return the mean gradient itself.
    """

    several_targets = True
    draws_baselines = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "linearity", "implementation_invariance", "randomisation_sensitivity"]
        exact = not parameters.get("stdevs", 0.0)
        if not parameters.get("multiply_by_inputs", True):
            claims += ["linear_gradient", *(["symmetry"] if exact else [])]
        elif exact:  # one baseline and no noise leave only the place to chance
            claims += ["symmetry", "affine_invariance", "demand_monotonicity", "sampled_path"]
            claims += ["null_at_the_baseline", "linear_difference"]
        return dict.fromkeys(claims, 0.0)

    def __init__(self, forward_func: Callable[..., Any], multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are in units of the score, as the constructor was told."""
        return self._multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """True: attributions should sum to the mean change of the score from the baselines."""
        return True

    def attribute(
        self,
        inputs: Any,
        baselines: Any,
        n_samples: int = 5,
        stdevs: Any = 0.0,
        target: Any = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        internal_batch_size: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Return each input's expected share in the change of the score from a baseline to it.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            A distribution to draw from: a tensor ``(baselines, *features)``, or a number, for each
            input; or a function that makes these, of the inputs or of nothing.
        n_samples
            How many baselines, and places on the way from them, are drawn.
        stdevs
            The standard deviation of noise that is added to the inputs, or one for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        return_convergence_delta
            Also return by how much the attributions miss the mean change of the score.
        internal_batch_size
            How many points one model evaluation takes at most; by default as many as fit in the
            memory budget.
        seed
            Of all that is drawn; the global random state is not touched.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        Tensor
            If ``return_convergence_delta``: shape ``(batch,)``, in units of the score.
        """
        samples = check_count(n_samples, "n_samples")
        assert samples is not None
        with self.bind(inputs, target, additional_forward_args) as forward:
            sampled = _Samples(forward, inputs, baselines, stdevs, seed)
            weights = torch.full((samples,), 1 / samples, dtype=torch.float64)

            def middles(chunk: Chunk) -> tuple[Tensor, ...]:
                return sampled.points(chunk)[0]

            def shares(multiplied: bool) -> Callable[[Chunk], Iterator[Tensor]]:
                return lambda chunk: sampled.shares(chunk, weights, multiplied)

            rows = gradient_rows(forward, samples, internal_batch_size)
            forward.check_independence(samples, middles, rows)
            means = summed(forward, samples, rows, shares(self._multiply_by_inputs))
            if not return_convergence_delta:
                return forward.pack(means)
            products = means
            if not self._multiply_by_inputs:
                products = summed(forward, samples, rows, shares(True))
            delta = sum_of(products) - sampled.change(samples)
            return forward.pack(means), forward.pack_scores(delta)


class _Samples:
    """Baselines, noisy inputs, and places on the way between them, for each sample."""

    def __init__(
        self, forward: Forward, inputs: Any, baselines: Any, stdevs: Any, seed: int
    ) -> None:
        self._forward, outer = forward, forward.outer
        self._pools = pools(outer, inputs, baselines)
        self._noise = Noise(outer, stdevs, seed)
        self._places, self._which = Draws(seed), Draws(seed, 1)

    def points(self, chunk: Chunk) -> tuple[tuple[Tensor, ...], ...]:
        """Return, among what is attributed, points on ways, and where these begin and end."""
        starts = self._forward.lift(self._starts(chunk), chunk)
        ends = self._forward.lift(self._ends(chunk), chunk)
        return along(starts, ends, self._places.uniform(chunk.variants)), starts, ends

    def shares(self, chunk: Chunk, weights: Tensor, multiplied: bool) -> Iterator[Tensor]:
        """Return the weighted sum of gradients, multiplied by the ways or not."""
        points, starts, ends = self.points(chunk)
        found = gradients_at(self._forward, self._forward.flat(points, chunk), chunk)
        for gradient, start, end in zip(found, starts, ends, strict=True):
            way = (end - start).expand(chunk.copies, -1, *end.shape[2:]).flatten(0, 1)
            yield weighed(gradient * way if multiplied else gradient, weights, chunk)

    def change(self, samples: int) -> Tensor:
        """Return the mean change of the score over all samples: ``(targets, batch)``."""
        end, start = (
            self._forward.outer_scores(samples, vary) for vary in (self._ends, self._starts)
        )
        return (end - start).mean(1)

    def _starts(self, chunk: Chunk) -> tuple[Tensor, ...]:
        which = self._which.choice(chunk.variants, len(self._pools[0]))
        return tuple(pool[which.to(pool.device)][:, None] for pool in self._pools)

    def _ends(self, chunk: Chunk) -> tuple[Tensor, ...]:
        return self._noise.added(chunk.variants, chunk.examples)


LayerGradientShap = layer_form(GradientShap)
NeuronGradientShap = neuron_form(GradientShap)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [GradientShap, LayerGradientShap, NeuronGradientShap]
