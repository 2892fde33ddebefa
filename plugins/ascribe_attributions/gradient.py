"""Neuron gradient: the gradient of a neuron's activation with respect to the inputs.

Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
Classification Models and Saliency Maps", ICLR workshop 2014, https://arxiv.org/abs/1312.6034 (there
of a score)
"""

from __future__ import annotations

from typing import Any

from ascribe import GradientAttribution, hookimpl
from ascribe.gradient import gradients
from ascribe.internal import NeuronAttribution


class NeuronGradient(NeuronAttribution, GradientAttribution):
    """The gradient of a neuron's activation."""

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "linearity", "symmetry", "implementation_invariance", "linear_gradient"]
        return dict.fromkeys([*claims, "gradient", "randomisation_sensitivity"], 0.0)

    def attribute(
        self,
        inputs: Any,
        neuron_selector: Any,
        additional_forward_args: Any = None,
        attribute_to_neuron_input: bool = False,
    ) -> Any:
        """Return the gradient of the neuron's activation with respect to each input.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        neuron_selector
            Which neuron: an int, a tuple with an int or slice for each dimension of the layer's
            activation after the batch (what slices cover is added up), or a callable from it.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        attribute_to_neuron_input
            The neuron is among what the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; activation per unit of input.
        """
        arguments = (inputs, neuron_selector, additional_forward_args, attribute_to_neuron_input)
        with self.bind_neuron(*arguments) as forward:
            return forward.pack(gradients(forward))


@hookimpl
def ascribe_attributions() -> list[type[NeuronGradient]]:
    return [NeuronGradient]
