"""Occlusion: how much the score falls when a window of the input is hidden.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
https://arxiv.org/abs/1311.2901

An element that several windows cover gets the mean of their falls.
"""

from __future__ import annotations

from typing import Any

from ascribe import PerturbationAttribution, hookimpl
from ascribe.perturbation import ablate
from ascribe.windows import Windows


class Occlusion(PerturbationAttribution):
    """The fall of the score when a sliding window is replaced by a baseline."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        window = parameters.get("sliding_window_shapes")
        claims = ["linearity", "implementation_invariance", "affine_invariance"]
        claims += ["demand_monotonicity", "null_at_the_baseline", "randomisation_sensitivity"]
        if window and all(size == 1 for size in window):
            claims += ["sensitivity", "dummy", "symmetry", "linear_difference"]
        claims.append("windows_on_linear")
        return dict.fromkeys(claims, 0.0)

    def attribute(
        self,
        inputs: Any,
        sliding_window_shapes: Any = None,
        strides: Any = None,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
    ) -> Any:
        """Return, for each element, the mean fall of the score over the windows that hide it.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        sliding_window_shapes
            The window's shape without the batch dimension, such as ``(3, 45, 45)``; for several
            inputs a tuple of shapes. By default all channels and a fifth of each side.
        strides
            How far the window moves: an int or one for each dimension; for several inputs a tuple
            of these. By default 1; for the default window a fifth of its sides. The last window
            is clipped where it would stick out.
        baselines
            What a window is filled with: None (zero), a number, a tensor of the input's shape or
            with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        perturbations_per_eval
            How many windows one model evaluation hides, each in a copy of the batch; by default
            as many as fit in the memory budget.
        show_progress
            Show a progress bar.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score. From a model that
            returns one number for the whole batch, with a batch of one.

        Raises
        ------
        InputError
            If a window or stride does not fit its input, or strides are larger than windows.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            windows = Windows(forward.inputs, sliding_window_shapes, strides)
            falls = ablate(
                forward, windows, baselines, perturbations_per_eval, show_progress, "Occlusion"
            )
            return forward.pack(windows.spread(falls))


@hookimpl
def ascribe_attributions() -> list[type[Occlusion]]:
    return [Occlusion]
