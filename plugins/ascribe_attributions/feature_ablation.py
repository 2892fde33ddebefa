"""Feature ablation: how much the score falls when a feature is replaced by a baseline.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
https://arxiv.org/abs/1311.2901 (there with patches of an image as features)
"""

from __future__ import annotations

from typing import Any

from ascribe import Attribution, PerturbationAttribution, hookimpl
from ascribe.feature_groups import FeatureGroups
from ascribe.internal import layer_form, neuron_form
from ascribe.perturbation import ablate


class FeatureAblation(PerturbationAttribution):
    """The fall of the score when one feature, or one group of a mask, takes its baseline."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["linearity", "implementation_invariance", "affine_invariance"]
        claims += ["demand_monotonicity", "null_at_the_baseline", "randomisation_sensitivity"]
        claims.append("groups_on_linear")
        if parameters.get("feature_mask") is None:
            claims += ["sensitivity", "dummy", "symmetry", "linear_difference"]
        return dict.fromkeys(claims, 0.0)

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
    ) -> Any:
        """Return, for each element, how much the score falls without its group.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            What a feature is replaced by: None (zero), a number, a tensor of the input's shape or
            with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        feature_mask
            Integers of a shape that broadcasts to the input: elements of one number, in whichever
            input, are replaced together and share one attribution. For several inputs one mask
            for each. By default each element is a feature.
        perturbations_per_eval
            How many features one model evaluation replaces, each in a copy of the batch; by
            default as many as fit in the memory budget.
        show_progress
            Show a progress bar.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score. From a model that
            returns one number for the whole batch, with a batch of one.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            groups = FeatureGroups(forward.inputs, feature_mask)
            falls = ablate(
                forward, groups, baselines, perturbations_per_eval, show_progress, "FeatureAblation"
            )
            if falls.shape[2] < forward.inputs.batch:
                groups.check_shared(forward.inputs.batch)
            return forward.pack(groups.spread(falls))


LayerFeatureAblation = layer_form(
    FeatureAblation, baselines="layer_baselines", feature_mask="layer_mask"
)
NeuronFeatureAblation = neuron_form(FeatureAblation)


@hookimpl
def ascribe_attributions() -> list[type[Attribution]]:
    return [FeatureAblation, LayerFeatureAblation, NeuronFeatureAblation]
