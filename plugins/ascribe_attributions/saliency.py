"""Saliency: the gradient of the score with respect to the inputs.

Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
Classification Models and Saliency Maps", ICLR workshop 2014, https://arxiv.org/abs/1312.6034
"""

from __future__ import annotations

from typing import Any

from ascribe import GradientAttribution, hookimpl
from ascribe.gradient import gradients


class Saliency(GradientAttribution):
    """The gradient of the score, or its magnitude."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "symmetry", "implementation_invariance", "randomisation_sensitivity"]
        signed = ["linearity", "linear_gradient", "gradient"]
        claims += ["linear_magnitude"] if parameters.get("abs", True) else signed
        return dict.fromkeys(claims, 0.0)

    def attribute(
        self,
        inputs: Any,
        target: Any = None,
        abs: bool = True,
        additional_forward_args: Any = None,
    ) -> Any:
        """Return the gradient of the target's score with respect to each input.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        abs
            Return magnitudes (True, as the paper) or signed gradients.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; score per unit of input.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            found = gradients(forward)
            return forward.pack(gradient.abs() if abs else gradient for gradient in found)


@hookimpl
def ascribe_attributions() -> list[type[Saliency]]:
    return [Saliency]
