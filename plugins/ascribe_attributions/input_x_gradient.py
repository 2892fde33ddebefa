"""Input x gradient: the first-order share of each input in the score.

Shrikumar, Greenside, Shcherbina and Kundaje, "Not Just a Black Box: Learning Important Features
Through Propagating Activation Differences", 2016, https://arxiv.org/abs/1605.01713
"""

from __future__ import annotations

from typing import Any

from ascribe import GradientAttribution, hookimpl
from ascribe.gradient import gradients


class InputXGradient(GradientAttribution):
    """The gradient of the score times the input."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["dummy", "linearity", "symmetry", "implementation_invariance", "conservation"]
        return dict.fromkeys([*claims, "randomisation_sensitivity", "linear_difference"], 0.0)

    @property
    def multiplies_by_inputs(self) -> bool:
        """True: attributions are in units of the score."""
        return True

    def attribute(
        self, inputs: Any, target: Any = None, additional_forward_args: Any = None
    ) -> Any:
        """Return the gradient of the target's score, times the input, for each input.

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
            In the form, shape and dtype of ``inputs``; in units of the score.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            pairs = zip(forward.inputs.tensors, gradients(forward), strict=True)
            return forward.pack(tensor * gradient for tensor, gradient in pairs)


@hookimpl
def ascribe_attributions() -> list[type[InputXGradient]]:
    return [InputXGradient]
