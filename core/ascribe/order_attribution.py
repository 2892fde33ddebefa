"""Methods that value features by what they add in random orders of joining.

One says in `OrderAttribution.walk` how an order is walked, and in ``passes`` how often.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_tables import exact_values, fit_in, shapley_weight
from ascribe.coalitions import Game
from ascribe.walks import mean_and_error, random_orders


class OrderAttribution(CoalitionAttribution):
    """Shapley values as means over ``n_samples`` random orders.

    Where all coalitions are no more evaluations than the orders would be, values are exact.
    """

    #: How many times an order is walked, with an evaluation for every feature but one each time.
    passes: int = 1

    @abstractmethod
    def walk(self, game: Game, orders: Tensor) -> Tensor:
        """Return what each player adds in each order.

        Parameters
        ----------
        game
            Of two players at least.
        orders
            ``(orders, players)``: the players in the order in which they join.

        Returns
        -------
        Tensor
            ``(targets, orders, players, batch)``.
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
        """Return the mean over orders; see `CoalitionAttribution.estimate`."""
        if fit_in(game.players, 1 + self.passes * n_samples * (game.players - 1)):
            values = exact_values(game, shapley_weight)
            return values, torch.zeros_like(values)
        return mean_and_error(self.walk(game, random_orders(generator, n_samples, game.players)))
