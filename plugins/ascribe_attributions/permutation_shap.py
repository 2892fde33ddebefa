"""Permutation SHAP: what a feature adds, over random orders that are walked there and back.

Mitchell, Cooper, Frank and Holmes, "Sampling Permutations for Shapley Value Estimation", JMLR 23,
2022, https://jmlr.org/papers/v23/21-0439.html (antithetic sampling)

An order and its reverse together are exact for games in which features interact in pairs at most.
Where all coalitions are no more evaluations than the orders would be, values are exact.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ascribe import hookimpl
from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_tables import exact_values, fit_in, shapley_weight
from ascribe.coalitions import Game
from ascribe.walks import mean_and_error, random_orders, there_and_back


class PermutationShap(CoalitionAttribution):
    """What each feature adds to the score, in the mean over random orders and their reverses.

    ``n_samples`` is the number of orders; each takes two evaluations for every feature but one.
    """

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["completeness", "linearity", "implementation_invariance", "affine_invariance"]
        claims += ["demand_monotonicity", "null_at_the_baseline", "randomisation_sensitivity"]
        claims.append("groups_on_linear")
        if parameters.get("n_samples", 25) >= 30:  # enough to tell standard errors
            claims.append("sampled_shapley")
        if parameters.get("feature_mask") is None:
            claims += ["dummy", "linear_difference"]
        return dict.fromkeys(claims, 0.0)

    def estimate(
        self, game: Game, n_samples: Any, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the mean over pairs of orders; see `CoalitionAttribution.estimate`."""
        if fit_in(game.players, 1 + 2 * n_samples * (game.players - 1)):
            values = exact_values(game, shapley_weight)
            return values, torch.zeros_like(values)
        orders = random_orders(generator, n_samples, game.players)
        return mean_and_error(there_and_back(game, orders))


@hookimpl
def ascribe_attributions() -> list[type[PermutationShap]]:
    return [PermutationShap]
