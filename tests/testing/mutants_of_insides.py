"""Methods at layers, of neurons and under noise, with one bug each."""

from __future__ import annotations

import torch

from ascribe.attr import (
    FeatureAblation,
    GradientShap,
    InputXGradient,
    LayerConductance,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    NeuronConductance,
    NeuronGradient,
    NoiseTunnel,
    Saliency,
)
from ascribe.gradient import gradients
from ascribe.internal import LayerAttribution


class FirstOrder(InputXGradient):
    """A first-order share, said to be the whole one."""

    @classmethod
    def claims(cls, **parameters):
        return {"one_hidden_layer": 0.0}


class ConductanceOfGradients(LayerConductance):
    """Conductance without the change of the activation."""

    def attribute(self, inputs, baselines=None, target=None, additional_forward_args=None):
        with self.bind(inputs, target, additional_forward_args) as forward:
            return forward.pack(gradients(forward))


class WholeInfluence(NeuronConductance):
    """The gradient of the neuron, without its weight in the score."""

    def attribute(self, inputs, neuron_selector, baselines=None, target=None):
        found = NeuronGradient(self.forward_func, self.layer).attribute(inputs, neuron_selector)
        baseline = torch.zeros_like(inputs) if baselines is None else baselines
        return found * (inputs - baseline)


class MapWeights(LayerAttribution):
    """Grad-CAM, and not a mutant: maps, each times its mean gradient, and the positive part."""

    several_targets = True

    @classmethod
    def claims(cls, **parameters):
        return {"weighted_feature_maps": 0.0}

    def attribute(self, inputs, target=None, additional_forward_args=None):
        with self.bind(inputs, target, additional_forward_args) as forward:
            pairs = zip(forward.inputs.tensors, gradients(forward), strict=True)
            return forward.pack([self.made(a * self.weights(slope)) for a, slope in pairs])

    def weights(self, slope):
        sides = tuple(range(3, slope.dim()))
        return slope.mean(sides, keepdim=True) if sides else slope

    def made(self, weighted):
        summed = weighted.sum(2, keepdim=True) if weighted.dim() > 3 else weighted
        return summed.relu()


class MapsWithoutSigns(MapWeights):
    """The negative part kept."""

    def made(self, weighted):
        return weighted.sum(2, keepdim=True) if weighted.dim() > 3 else weighted


class Deviation(NoiseTunnel):
    """The standard deviation for the variance."""

    def attribute(self, inputs, nt_type="vargrad", nt_samples=60, stdevs=1.0, **kwargs):
        found = super().attribute(inputs, nt_type, nt_samples, stdevs=stdevs, **kwargs)
        return found.sqrt()


class NearTheInput(GradientShap):
    """Places that crowd at the input: the square of the way is left."""

    def attribute(self, inputs, baselines, n_samples=50, target=None, seed=0):
        half = (inputs + baselines) / 2
        return 2 * super().attribute(inputs, half, n_samples, target=target, seed=seed)


class LastLayer(LayerIntegratedGradients):
    """The activation after the layer below, from a hook that was registered too late."""

    def attribute(self, inputs, baselines=None, target=None, additional_forward_args=None):
        found = super().attribute(inputs, baselines, target, additional_forward_args)
        return found.roll(1, 0) if isinstance(found, torch.Tensor) else found


class NumbersOfWords(FeatureAblation):
    """Whole numbers taken for real ones, and halved on the way."""

    def attribute(self, inputs, baselines=None, target=None, additional_forward_args=None):
        if isinstance(inputs, torch.Tensor) and not inputs.is_floating_point():
            inputs = inputs // 2
        return super().attribute(inputs, baselines, target, additional_forward_args)


class SameEveryTime(NoiseTunnel):
    """Noise from the global state, whatever the seed."""

    def attribute(self, inputs, nt_samples=5, stdevs=1.0, seed=0, **kwargs):
        seed = int(torch.randint(10_000, ()))
        return super().attribute(inputs, nt_samples=nt_samples, stdevs=stdevs, seed=seed, **kwargs)


UNDER_NOISE = {"attribution_method": Saliency, "abs": False}
UNDER_VARIANCE = {**UNDER_NOISE, "nt_type": "vargrad", "nt_samples": 60}

MUTANTS = [
    (FirstOrder, {}, "one_hidden_layer", "against the sum over units"),
    (ConductanceOfGradients, {}, "hidden_units", "in the hidden layer"),
    (WholeInfluence, {}, "through_a_hidden_unit", "through unit"),
    (MapsWithoutSigns, {}, "weighted_feature_maps", "against the sum of maps"),
    (Deviation, UNDER_VARIANCE, "variance_under_noise", "standard errors"),
    (NearTheInput, {"n_samples": 50}, "sampled_path", "standard errors"),
    (LastLayer, {}, "examples_are_independent", "beside other examples"),
    (NumbersOfWords, {}, "whole_numbers", "of whole numbers"),
    (SameEveryTime, UNDER_NOISE, "same_seed_same_numbers", "in a second call"),
    (SameEveryTime, UNDER_NOISE, "leaves_no_trace", "torch's random state"),
]

HOLDS = [(MapWeights, {}, "weighted_feature_maps")]

GOOD = [
    (LayerIntegratedGradients, {}),
    (LayerGradientXActivation, {}),
    (NeuronConductance, {}),
    (GradientShap, {}),
    (NoiseTunnel, UNDER_VARIANCE),
]
