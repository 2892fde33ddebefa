"""Methods with one bug each: they misread what they are called with."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ascribe.attr import FeatureAblation, InputXGradient, IntegratedGradients, Saliency
from ascribe.targets import Targets


def spoiled(method):
    """Return a method of the same signature whose results go through ``spoil``."""

    class Spoiled(method):
        @functools.wraps(method.attribute)
        def attribute(self, inputs, *args, **kwargs):
            found = super().attribute(inputs, *args, **kwargs)
            return tuple(map(self.spoil, found)) if isinstance(found, tuple) else self.spoil(found)

    return Spoiled


class DragsGraph(spoiled(Saliency)):
    """The result holds on to a graph."""

    def spoil(self, found):
        return found * torch.ones((), dtype=found.dtype, requires_grad=True)


class AsNumpy(spoiled(Saliency)):
    """An array comes back for a tensor."""

    def spoil(self, found):
        return found.numpy()


class InList(Saliency):
    """A list comes back for a tuple."""

    def attribute(self, inputs, target=None, abs=True, additional_forward_args=None):
        found = super().attribute(inputs, target, abs, additional_forward_args)
        return list(found) if isinstance(found, tuple) else found


class OtherWayRound(Saliency):
    """Of two inputs, each gets the other's attribution."""

    def attribute(self, inputs, target=None, abs=True, additional_forward_args=None):
        found = super().attribute(inputs, target, abs, additional_forward_args)
        return found[::-1] if isinstance(found, tuple) else found


class FirstInputOnly(Saliency):
    """Of two inputs, the second gets zeros."""

    def attribute(self, inputs, target=None, abs=True, additional_forward_args=None):
        found = super().attribute(inputs, target, abs, additional_forward_args)
        if not isinstance(found, tuple):
            return found
        return found[0], *(torch.zeros_like(other) for other in found[1:])


class NextTarget(Saliency):
    """The next class, as where classes count from one."""

    def attribute(self, inputs, target=None, abs=True, additional_forward_args=None):
        following = (lambda output: output.roll(-1, 1)[:, target]) if target == 0 else target
        return super().attribute(inputs, following, abs, additional_forward_args)


class FirstTargetForAll(InputXGradient):
    """Of targets for each example, the first counts for all."""

    def attribute(self, inputs, target=None, additional_forward_args=None):
        if isinstance(target, Tensor):
            target = target.flatten().tolist()
        target = target[0] if isinstance(target, list) else target
        return super().attribute(inputs, target, additional_forward_args)


class FirstTargetOfTensor(InputXGradient):
    """Of targets in a tensor, the first counts for all; lists are read well."""

    def attribute(self, inputs, target=None, additional_forward_args=None):
        target = int(target.flatten()[0]) if isinstance(target, Tensor) else target
        return super().attribute(inputs, target, additional_forward_args)


class ClampsTarget(InputXGradient):
    """A target out of range is taken for the last class."""

    def attribute(self, inputs, target=None, additional_forward_args=None):
        if isinstance(target, int):
            super().attribute(inputs, 0, additional_forward_args)
            return super().attribute(
                inputs, lambda output: output[:, min(target, output.shape[1] - 1)]
            )
        return super().attribute(inputs, target, additional_forward_args)


class RaisesIndexError(InputXGradient):
    """A target out of range meets torch's own error."""

    def attribute(self, inputs, target=None, additional_forward_args=None):
        choice = (lambda output: output[:, target]) if isinstance(target, int) else target
        return super().attribute(inputs, choice, additional_forward_args)


class TakesAnyBaseline(IntegratedGradients):
    """A baseline that does not fit is left out."""

    def attribute(self, inputs, baselines=None, target=None):
        fits = not isinstance(baselines, Tensor) or baselines.shape[1:] == inputs.shape[1:]
        return super().attribute(inputs, baselines if fits else None, target)


class TargetsReversed(FeatureAblation):
    """Several targets come in the wrong order."""

    def attribute(self, inputs, baselines=None, target=None):
        found = super().attribute(inputs, baselines, target)
        return found.flip(0) if isinstance(target, Targets) else found


class TargetsTransposed(FeatureAblation):
    """The axis of targets comes after that of examples."""

    def attribute(self, inputs, baselines=None, target=None):
        found = super().attribute(inputs, baselines, target)
        return found.transpose(0, 1) if isinstance(target, Targets) else found


class TargetsAdded(Saliency):
    """Several targets are differentiated as one sum."""

    def attribute(self, inputs, target=None, abs=True):
        found = super().attribute(inputs, target, abs)
        return found.sum(0).expand_as(found) if isinstance(target, Targets) else found


class FirstBaselineForAll(IntegratedGradients):
    """The first example's baseline is everyone's."""

    def attribute(self, inputs, baselines=None, target=None):
        lone = isinstance(baselines, Tensor) and len(baselines) == len(inputs) > 1
        return super().attribute(inputs, baselines[:1] if lone else baselines, target)


class NumberBaselineIsZero(FeatureAblation):
    """A baseline that is a number is left out."""

    def attribute(self, inputs, baselines=None, target=None):
        kept = baselines if isinstance(baselines, Tensor) else None
        return super().attribute(inputs, kept, target)


class LoneBaselineIsForTheFirst(FeatureAblation):
    """A baseline of batch one is the first example's alone."""

    def attribute(self, inputs, baselines=None, target=None):
        if isinstance(baselines, Tensor) and len(baselines) == 1 < len(inputs):
            baselines = torch.cat([baselines, torch.zeros_like(inputs[1:])])
        return super().attribute(inputs, baselines, target)


class RandomEachTime(spoiled(Saliency)):
    """The seed is ignored: noise from a generator that nobody can repeat."""

    def spoil(self, found):
        generator = torch.Generator()
        generator.seed()
        return found + 1e-3 * torch.randn(found.shape, generator=generator).to(found)


class CachesByShape(spoiled(InputXGradient)):
    """The old answer for new inputs of the old shape, whatever the model."""

    cache: dict = {}  # noqa: RUF012 - the bug

    def spoil(self, found):
        return self.cache.setdefault((found.shape, found.dtype), found)


class GroupsIgnored(FeatureAblation):
    """A feature mask is checked and then not used."""

    def attribute(self, inputs, baselines=None, target=None, feature_mask=None):
        super().attribute(inputs, baselines, target, feature_mask=feature_mask)
        return super().attribute(inputs, baselines, target)


class DeltaOfWrongSign(IntegratedGradients):
    """The delta of completeness counts what is too much as too little."""

    def attribute(self, inputs, baselines=None, target=None, return_convergence_delta=False):
        found = super().attribute(inputs, baselines, target, return_convergence_delta=True)
        return (found[0], 1 - found[1]) if return_convergence_delta else found[0]


SEVERAL, TARGETS = "several_targets_at_once", "targets_of_each_form"
BASELINES, REFUSED = "baselines_of_each_form", "bad_arguments_are_refused"

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (FirstBaselineForAll, {}, "examples_are_independent", "beside other examples: off by "),
    (DragsGraph, {}, "shape_and_dtype", "the result drags a graph along"),
    (AsNumpy, {}, "shape_and_dtype", "a ndarray came back"),
    (InList, {}, "form_of_inputs", "a tuple of two was given, list came"),
    (OtherWayRound, {}, "form_of_inputs", "shapes "),
    (FirstInputOnly, {}, "order_of_inputs", "after an exchange of inputs: off by "),
    (NextTarget, {"abs": False}, "linear_gradient", "attribution of a linear model: off by "),
    (FirstTargetForAll, {}, TARGETS, "with target=["),
    (FirstTargetOfTensor, {}, TARGETS, "with target=tensor("),
    (ClampsTarget, {}, REFUSED, "{'target': 2} was taken without an error"),
    (RaisesIndexError, {}, REFUSED, "{'target': 2} raised IndexError("),
    (TakesAnyBaseline, {}, REFUSED, "'baselines': tensor("),
    (TargetsReversed, {}, SEVERAL, "in one pass: off by "),
    (TargetsTransposed, {}, SEVERAL, "in one pass: "),
    (TargetsAdded, {}, SEVERAL, "in one pass: off by "),
    (NumberBaselineIsZero, {}, BASELINES, "with another form of baseline: off by "),
    (LoneBaselineIsForTheFirst, {}, BASELINES, "with a"),
    (RandomEachTime, {}, "same_seed_same_numbers", "in a second call: off by "),
    (CachesByShape, {}, "linear_difference", "attribution of a linear model: off by "),
    (GroupsIgnored, {}, "groups_on_linear", "off by "),
    (DeltaOfWrongSign, {}, "convergence_delta", "off by "),
]
