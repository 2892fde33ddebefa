"""Guided backpropagation: gradients, of which only what is positive goes back through a ReLU.

Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All Convolutional
Net", ICLR 2015 workshop, https://arxiv.org/abs/1412.6806
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ascribe import Attribution, GradientAttribution, hookimpl
from ascribe.internal import neuron_form
from ascribe.rectifiers import rectified_gradients, silenced


class GuidedBackprop(GradientAttribution):
    """The gradient, where each ReLU that was active hands back what is positive.

    Parameters
    ----------
    model
        The model: any callable. Its ReLUs may be modules, functions or methods, in place or not.
    """

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "linear_gradient"]
        return dict.fromkeys(claims, 0.0)

    def __init__(self, model: Callable[..., Any]) -> None:
        super().__init__(model)

    def attribute(
        self, inputs: Any, target: Any = None, additional_forward_args: Any = None
    ) -> Any:
        """Return the gradient, of which ReLUs hand back what is positive.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score per input.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            return forward.pack(
                rectified_gradients(
                    forward,
                    lambda gradient, inactive: silenced(gradient.clamp(min=0), inactive),
                )
            )


NeuronGuidedBackprop = neuron_form(GuidedBackprop)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [GuidedBackprop, NeuronGuidedBackprop]
