"""Kernel SHAP: Shapley values by weighted least squares on the values of coalitions.

Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017,
https://arxiv.org/abs/1705.07874; Covert and Lee, "Improving KernelSHAP: Practical Shapley Value
Estimation via Linear Regression", AISTATS 2021, https://arxiv.org/abs/2012.01536

Attributions sum to the change of the score by a constraint, not by a large weight. Coalitions come
in pairs with their complements; the smallest and largest, which weigh most, are taken whole before
others are drawn. With all ``2 ** n - 2`` values are exact.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ascribe import hookimpl
from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_pairs import kernel_pairs
from ascribe.coalition_regression import values_by_pairs
from ascribe.coalition_tables import exact_values, shapley_weight
from ascribe.coalitions import Game
from ascribe.notes import note


class KernelShap(CoalitionAttribution):
    """Shapley values, regressed on coalitions that are drawn by the Shapley kernel.

    ``n_samples`` is the number of coalitions, beside that of all features and of none. At least
    twice as many as features determine the values; fewer give values that are unbiased but less
    precise, and a warning.
    """

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["completeness", "linearity", "implementation_invariance", "affine_invariance"]
        claims += ["null_at_the_baseline", "randomisation_sensitivity"]
        if parameters.get("n_samples", 25) >= 30:  # all of five features; enough to tell errors
            claims += ["shapley", "sampled_shapley"]
        return dict.fromkeys(claims, 0.0)

    def attribute(  # type: ignore[override] # the order is Captum's
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int | None = 25,
        perturbations_per_eval: int | None = None,
        return_input_shape: bool = True,
        show_progress: bool = False,
        background: Any = None,
        seed: int = 0,
        return_standard_errors: bool = False,
    ) -> Any:
        """Return Shapley values: see `CoalitionAttribution.attribute`."""
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
        players = game.players
        if players == 1:
            values = exact_values(game, shapley_weight)
            return values, torch.zeros_like(values)
        pairs = kernel_pairs(players, max(1, n_samples // 2), generator)
        values, errors, determined = values_by_pairs(game, pairs, constrained=True)
        if not determined:
            note(
                f"{n_samples} coalitions do not determine the values of {players} features: they "
                f"are unbiased, but by chance may be far off (return_standard_errors tells); take "
                f"n_samples={min(2 * players + 4, 2**players - 2)} or more, or group features with "
                f"feature_mask"
            )
        return values, errors


@hookimpl
def ascribe_attributions() -> list[type[KernelShap]]:
    return [KernelShap]
