"""Methods with one bug each: of the games that features play."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch

from ascribe.attr import Banzhaf, KernelShap, PermutationShap, ShapleyValues, ShapleyValueSampling
from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_pairs import kernel_pairs
from ascribe.coalition_regression import regressed
from ascribe.coalition_tables import banzhaf_weight, exact_values, shapley_weight


class CountsCoalitionsAlike(ShapleyValueSampling):
    """Banzhaf values under the name of Shapley values."""

    def estimate(self, game, n_samples, generator):
        values = exact_values(game, banzhaf_weight)
        return values, values * 0


class CountsOrdersAlike(Banzhaf):
    """Shapley values under the name of Banzhaf values."""

    def estimate(self, game, n_samples, generator):
        values = exact_values(game, shapley_weight)
        return values, values * 0


class WeighsPairsAlike(KernelShap):
    """The Shapley kernel forgotten where pairs are drawn by it."""

    def estimate(self, game, n_samples, generator):
        pairs = kernel_pairs(max(2, game.players), n_samples // 2, generator)
        pairs = replace(pairs, weights=pairs.weights * 0 + 1 / len(pairs))
        nobody = pairs.members[:1] & False
        table = game.values(torch.cat([nobody, pairs.members, ~pairs.members])[:, : game.players])
        inside, outside = table[:, 1:].chunk(2, dim=1)
        return regressed(pairs, inside - outside, game.of_all - table[:, 0], True)[:2]


class ErrorsOfASingleDraw(PermutationShap):
    """The error of a sum where that of a mean was meant, upside down."""

    def estimate(self, game, n_samples, generator):
        values, errors = super().estimate(game, n_samples, generator)
        return values, errors / n_samples


class Switched(ShapleyValueSampling):
    """What comes with the errors is not what comes without."""

    @functools.wraps(ShapleyValueSampling.attribute)
    def attribute(self, inputs, *args, return_standard_errors=False, **kwargs):
        found = super().attribute(
            inputs, *args, return_standard_errors=return_standard_errors, **kwargs
        )
        return (found[0] + 1, found[1]) if return_standard_errors else found


class NegativeErrors(ShapleyValueSampling):
    """A standard error below zero."""

    def estimate(self, game, n_samples, generator):
        values, errors = super().estimate(game, n_samples, generator)
        return values, errors - 1


class CountsFeaturesAlone(ShapleyValues):
    """A cost of one evaluation for each feature, whatever the method does."""

    def cost(self, inputs, *args, **kwargs):
        return inputs.numel()


class HidesEvaluations(CoalitionAttribution):
    """A method that asks twice and tells of once."""

    def estimate(self, game, n_samples, generator):
        values = exact_values(game, shapley_weight)
        return values, values * 0

    def cost(self, inputs, *args, **kwargs):
        return super().cost(inputs, *args, **kwargs) // 4


SAMPLED, MANY = "sampled_shapley", {"n_samples": 40}

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (CountsCoalitionsAlike, MANY, SAMPLED, "standard errors, on a model 'game'"),
    (CountsCoalitionsAlike, MANY, "completeness", "against the change of the score: off by "),
    (CountsOrdersAlike, {}, "sampled_banzhaf", "standard errors, on a model 'game'"),
    (WeighsPairsAlike, MANY, SAMPLED, "standard errors, on a model 'game'"),
    (ErrorsOfASingleDraw, {"n_samples": 30}, SAMPLED, "standard errors, on a model 'game'"),
    (Switched, {}, "standard_errors", "with standard errors: off by "),
    (NegativeErrors, {}, "standard_errors", "standard errors are "),
    (CountsFeaturesAlone, {}, "cost", "evaluations were told, "),
    (HidesEvaluations, MANY, "cost", "evaluations were told, "),
]

#: Methods without a bug.
GOOD = [
    (ShapleyValues, {}),
    (KernelShap, MANY),
]
