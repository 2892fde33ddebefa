"""SmoothTaylor: first-order expansions of the score around noisy inputs, in the mean.

Goh, Lapuschkin, Weber, Samek and Binder, "Understanding Integrated Gradients with SmoothTaylor for
Deep Neural Network Attribution", ICPR 2020, https://arxiv.org/abs/2004.10484
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ascribe import Attribution, GradientAttribution, InputError, hookimpl
from ascribe.batching import Chunk
from ascribe.draws import Noise
from ascribe.forward import check_count
from ascribe.gradient import gradients_at
from ascribe.internal import layer_form, neuron_form
from ascribe.sums import gradient_rows, summed, weighed


class SmoothTaylor(GradientAttribution):
    """The mean, over noisy inputs z, of the gradient at z times the way from z to the input."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        return dict.fromkeys(["linearity", "implementation_invariance", "dummy"], 0.0)

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: attributions are in units of the score."""
        return True

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        n_samples: int = 50,
        stdevs: Any = 1.0,
        internal_batch_size: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Return, for each element, its mean share in the expansions.

        Parameters
        ----------
        inputs
            A floating-point tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score.
        additional_forward_args
            What else the model takes.
        n_samples
            How many noisy inputs.
        stdevs
            The standard deviation of the noise, in units of the inputs; one for all or for each.
        internal_batch_size
            How many of them one model evaluation takes at most; by default as many as fit.
        seed
            Of the noise; the global random state is not touched.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        """
        samples = check_count(n_samples, "n_samples")
        if samples is None:
            raise InputError("SmoothTaylor needs a number of samples, not n_samples=None")
        with self.bind(inputs, target, additional_forward_args) as forward:
            noise, tensors = Noise(forward.inputs, stdevs, seed), forward.inputs.tensors
            weights = torch.full((samples,), 1 / samples, dtype=torch.float64)

            def points(chunk: Chunk) -> tuple[Tensor, ...]:
                return noise.added(chunk.variants, chunk.examples)

            def shares(chunk: Chunk) -> Iterator[Tensor]:
                noisy = points(chunk)
                found = gradients_at(forward, forward.flat(noisy, chunk), chunk)
                for gradient, z, x in zip(found, noisy, tensors, strict=True):
                    way = (forward.part(x, chunk) - z).expand(chunk.copies, -1, *x.shape[1:])
                    yield weighed(gradient * way.flatten(0, 1), weights, chunk)

            rows = gradient_rows(forward, samples, internal_batch_size)
            forward.check_independence(samples, points, rows)
            return forward.pack(summed(forward, samples, rows, shares))


LayerSmoothTaylor = layer_form(SmoothTaylor)
NeuronSmoothTaylor = neuron_form(SmoothTaylor)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [SmoothTaylor, LayerSmoothTaylor, NeuronSmoothTaylor]
