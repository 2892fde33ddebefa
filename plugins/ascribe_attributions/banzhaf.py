"""Banzhaf values: what a feature adds, in the mean over all coalitions of the others alike.

Banzhaf, "Weighted voting doesn't work: a mathematical analysis", Rutgers Law Review 19, 1965; as
the best linear approximation of a game Hammer and Holzman, "Approximations of pseudo-Boolean
functions; applications to game theory", ZOR 36, 1992, https://doi.org/10.1007/BF01541028; for
models Wang and Jia, "Data Banzhaf", AISTATS 2023, https://arxiv.org/abs/2205.15466

Unlike Shapley values they do not sum to the change of the score; noise in it moves their order
least.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ascribe import hookimpl
from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_pairs import uniform_pairs
from ascribe.coalition_regression import values_by_pairs
from ascribe.coalition_tables import MOST_PLAYERS, banzhaf_weight, exact_values
from ascribe.coalitions import Game


class Banzhaf(CoalitionAttribution):
    """What each feature adds to the score, in the mean over all coalitions of the others.

    ``n_samples`` is the number of coalitions that are drawn, in pairs with their complements; None
    takes all, of up to 20 features, and gives exact values.
    """

    exact_without_samples = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["linearity", "implementation_invariance", "affine_invariance"]
        claims += ["null_at_the_baseline", "randomisation_sensitivity"]
        samples = parameters.get("n_samples")
        if samples is None or samples >= 30:  # enough to tell standard errors
            claims.append("sampled_banzhaf")
        if samples is None:
            claims += ["demand_monotonicity", "sensitivity", "dummy", "symmetry"]
            claims += ["linear_difference", "groups_on_linear"]
        return dict.fromkeys(claims, 0.0)

    @classmethod
    def most_features(cls, **parameters: Any) -> int | None:
        return MOST_PLAYERS if parameters.get("n_samples") is None else None

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int | None = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        background: Any = None,
        seed: int = 0,
        return_input_shape: bool = True,
        return_standard_errors: bool = False,
    ) -> Any:
        """Return Banzhaf values: see `CoalitionAttribution.attribute`."""
        return super().attribute(
            inputs,
            baselines=baselines,
            target=target,
            additional_forward_args=additional_forward_args,
            feature_mask=feature_mask,
            n_samples=n_samples,
            perturbations_per_eval=perturbations_per_eval,
            show_progress=show_progress,
            background=background,
            seed=seed,
            return_input_shape=return_input_shape,
            return_standard_errors=return_standard_errors,
        )

    def estimate(
        self, game: Game, n_samples: Any, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the values that fit the pairs best; see `CoalitionAttribution.estimate`."""
        if n_samples is None:
            values = exact_values(game, banzhaf_weight)
            return values, torch.zeros_like(values)
        pairs = uniform_pairs(game.players, max(1, n_samples // 2), generator)
        values, errors, _ = values_by_pairs(game, pairs, constrained=False)
        return values, errors


@hookimpl
def ascribe_attributions() -> list[type[Banzhaf]]:
    return [Banzhaf]
