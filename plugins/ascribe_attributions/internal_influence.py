"""Internal influence: the gradient with respect to a layer, averaged on the way to the input.

Leino, Sen, Datta, Fredrikson and Li, "Influence-Directed Explanations for Deep Convolutional
Networks", ITC 2018, https://arxiv.org/abs/1802.03788
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from ascribe import GradientAttribution, hookimpl
from ascribe.batching import Chunk
from ascribe.internal import LayerAttribution
from ascribe.quadrature import quadrature, straight_path
from ascribe.sums import outer_rows, summed, weighed


class InternalInfluence(LayerAttribution, GradientAttribution):
    """The mean gradient with respect to a layer's activations, from baseline to input."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "linearity", "symmetry", "implementation_invariance", "linear_gradient"]
        return dict.fromkeys([*claims, "randomisation_sensitivity"], 0.0)

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Return the mean gradient with respect to each activation of the layer.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            Where the way starts, among the inputs: None (zero), a number, a tensor of the input's
            shape or with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        n_steps
            The number of points on the way.
        method
            ``gausslegendre``, ``riemann_left``, ``riemann_right``, ``riemann_middle`` or
            ``riemann_trapezoid``.
        internal_batch_size
            How many points one model evaluation takes at most; by default as many as fit in the
            memory budget.
        attribute_to_layer_input
            Attribute to what the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple of Tensor, or a list of these for several layers
            In the form, shape and dtype of the layer's activations; score per unit of activation.
        """
        nodes, weights = quadrature(method, n_steps)
        arguments = (inputs, target, additional_forward_args, attribute_to_layer_input)
        with self.bind_layer(*arguments) as forward:
            starts = forward.outer.baselines(baselines)
            path = straight_path(forward.outer, starts, nodes)

            def means(chunk: Chunk) -> Iterator[Tensor]:
                for gradient in forward.gradients_within(path(chunk), chunk)[1]:
                    yield weighed(gradient, weights, chunk)

            rows = outer_rows(forward, n_steps, path, internal_batch_size)
            return forward.pack(summed(forward, n_steps, rows, means))


@hookimpl
def ascribe_attributions() -> list[type[InternalInfluence]]:
    return [InternalInfluence]
