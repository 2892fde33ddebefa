"""Shapley value sampling: what a feature adds, in the mean over random orders of joining.

Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers
and Operations Research 36, 2009, https://doi.org/10.1016/j.cor.2008.04.004; Štrumbelj and
Kononenko, JMLR 11, 2010, https://jmlr.org/papers/v11/strumbelj10a.html

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
from ascribe.walks import mean_and_error, random_orders, walked


class ShapleyValueSampling(CoalitionAttribution):
    """What each feature adds to the score, in the mean over random orders.

    ``n_samples`` is the number of orders; each takes an evaluation for every feature but one.
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
        if fit_in(game.players, 1 + n_samples * (game.players - 1)):
            values = exact_values(game, shapley_weight)
            return values, torch.zeros_like(values)
        return mean_and_error(walked(game, random_orders(generator, n_samples, game.players)))


@hookimpl
def ascribe_attributions() -> list[type[ShapleyValueSampling]]:
    return [ShapleyValueSampling]
