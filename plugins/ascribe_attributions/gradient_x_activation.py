"""Gradient x activation: the first-order share of each activation of a layer in the score.

Shrikumar, Greenside, Shcherbina and Kundaje, "Not Just a Black Box: Learning Important Features
Through Propagating Activation Differences", 2016, https://arxiv.org/abs/1605.01713 (there for
inputs)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from ascribe import GradientAttribution, hookimpl
from ascribe.batching import Chunk
from ascribe.internal import LayerAttribution
from ascribe.sums import summed


class LayerGradientXActivation(LayerAttribution, GradientAttribution):
    """The gradient of the score with respect to a layer's activations, times the activations.

    Parameters
    ----------
    forward_func, layer, device_ids
        See `ascribe.internal.InternalAttribution`.
    multiply_by_inputs
        Multiply by the activations, or return the gradient itself.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "linearity", "symmetry", "implementation_invariance"]
        multiplied = ["conservation", "linear_difference"]
        multiplied = multiplied if parameters.get("multiply_by_inputs", True) else ["gradient"]
        return dict.fromkeys([*claims, *multiplied, "randomisation_sensitivity"], 0.0)

    def __init__(
        self,
        forward_func: Callable[..., Any],
        layer: Any,
        device_ids: list[int] | None = None,
        multiply_by_inputs: bool = True,
    ) -> None:
        super().__init__(forward_func, layer, device_ids)
        self._multiply_by_inputs = multiply_by_inputs

    @property
    def multiplies_by_inputs(self) -> bool:
        """Whether attributions are in units of the score, as the constructor was told."""
        return self._multiply_by_inputs

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Return the gradient of the target's score, times the activation, for each activation.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        attribute_to_layer_input
            Attribute to what the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple of Tensor, or a list of these for several layers
            In the form, shape and dtype of the layer's activations; in units of the score.
        """
        arguments = (inputs, target, additional_forward_args, attribute_to_layer_input)
        with self.bind_layer(*arguments) as forward:

            def shares(chunk: Chunk) -> Iterator[Tensor]:
                points = [forward.part(tensor, chunk) for tensor in forward.outer.tensors]
                for activation, gradient in zip(
                    *forward.gradients_within(points, chunk), strict=True
                ):
                    yield activation.detach() * gradient if self._multiply_by_inputs else gradient

            rows = forward.whole.rows_for(1, differentiated=True)
            return forward.pack(summed(forward, 1, rows, shares))


@hookimpl
def ascribe_attributions() -> list[type[LayerGradientXActivation]]:
    return [LayerGradientXActivation]
