"""Integrated gradients: the gradient averaged over the straight path from baseline to input.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017,
https://arxiv.org/abs/1703.01365

The integral is taken with Gauss-Legendre nodes by default; the weights of every rule, the
trapezoid's included, sum to one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ascribe import Attribution, GradientAttribution, hookimpl
from ascribe.attribution import convergence_delta
from ascribe.gradient import sum_of_gradients
from ascribe.internal import layer_form, neuron_form
from ascribe.quadrature import path_claims, quadrature, straight_path


class IntegratedGradients(GradientAttribution):
    """The path integral of the gradient from a baseline to the input, times their difference.

    Parameters
    ----------
    forward_func
        The model: any callable.
    multiply_by_inputs
        Multiply the averaged gradient by ``inputs - baselines`` (True, as the paper, so that
        attributions sum to the change of the score), or return the averaged gradient itself.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        method, n_steps = parameters.get("method", "gausslegendre"), parameters.get("n_steps", 50)
        return path_claims(method, n_steps, parameters.get("multiply_by_inputs", True))

    def __init__(self, forward_func: Callable[..., Any], multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are in units of the score, as the constructor was told."""
        return self._multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        """True: attributions should sum to the change of the score from baseline to input."""
        return True

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Return each input's share in the change of the score from baseline to input.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            Where the path starts: None (zero), a number, a tensor of the input's shape or with a
            batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        n_steps
            The number of points on the path.
        method
            ``gausslegendre``, ``riemann_left``, ``riemann_right``, ``riemann_middle`` or
            ``riemann_trapezoid``.
        internal_batch_size
            How many points one model evaluation takes at most; by default as many as fit in the
            memory budget.
        return_convergence_delta
            Also return by how much the attributions miss the change of the score.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score.
        Tensor
            If ``return_convergence_delta``: shape ``(batch,)``, in units of the score.
        """
        nodes, weights = quadrature(method, n_steps)
        with self.bind(inputs, target, additional_forward_args) as forward:
            starts = forward.baselines(baselines)

            path = straight_path(forward.inputs, starts, nodes)
            averages = sum_of_gradients(forward, path, weights, internal_batch_size)
            pairs = zip(averages, starts, forward.inputs.tensors, strict=True)
            products = [average * (end - start) for average, start, end in pairs]
            attributions = forward.pack(products if self._multiply_by_inputs else averages)
            if not return_convergence_delta:
                return attributions
            delta = convergence_delta(forward, products, baselines)
            return attributions, forward.pack_scores(delta)


LayerIntegratedGradients = layer_form(IntegratedGradients)
NeuronIntegratedGradients = neuron_form(IntegratedGradients)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [IntegratedGradients, LayerIntegratedGradients, NeuronIntegratedGradients]
