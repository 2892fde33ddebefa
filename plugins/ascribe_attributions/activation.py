"""Layer activation: what a layer gives for the inputs.

It attributes nothing, and is here to be looked at beside what does.
"""

from __future__ import annotations

from typing import Any

from ascribe import hookimpl
from ascribe.internal import LayerAttribution
from ascribe.targets import total


class LayerActivation(LayerAttribution):
    """The activations of a layer."""

    def attribute(
        self,
        inputs: Any,
        additional_forward_args: Any = None,
        attribute_to_layer_input: bool = False,
    ) -> Any:
        """Return the activations of the layer for the inputs.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        attribute_to_layer_input
            What the layer is given instead of what it returns.

        Returns
        -------
        Tensor or tuple of Tensor, or a list of these for several layers
            In the form, shape and dtype of the layer's activations.
        """
        arguments = (inputs, total, additional_forward_args, attribute_to_layer_input)
        with self.bind_layer(*arguments) as forward:
            return forward.inputs.pack(forward.inputs.tensors)


@hookimpl
def ascribe_attributions() -> list[type[LayerActivation]]:
    return [LayerActivation]
