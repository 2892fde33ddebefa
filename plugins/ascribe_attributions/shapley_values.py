"""Shapley values, exact: what a feature adds, in the mean over all orders of joining.

Shapley, "A value for n-person games", Contributions to the Theory of Games II, 1953; for models
Štrumbelj and Kononenko, "An Efficient Explanation of Individual Classifications using Game Theory",
JMLR 11, 2010, https://jmlr.org/papers/v11/strumbelj10a.html

Computed from the values of the ``2 ** n`` coalitions, each evaluated once.
"""

from __future__ import annotations

from typing import Any

from ascribe import PerturbationAttribution, hookimpl
from ascribe.coalition_attribution import packed_values
from ascribe.coalition_tables import MOST_PLAYERS, exact_values, shapley_weight
from ascribe.coalitions import Game


class ShapleyValues(PerturbationAttribution):
    """What each feature adds to the score, in the mean over all orders in which features join."""

    several_targets = True
    jointly = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["completeness", "linearity", "implementation_invariance", "affine_invariance"]
        claims += ["demand_monotonicity", "null_at_the_baseline", "randomisation_sensitivity"]
        claims += ["shapley", "groups_on_linear"]
        if parameters.get("feature_mask") is None:
            claims += ["sensitivity", "dummy", "symmetry", "linear_difference"]
        return dict.fromkeys(claims, 0.0)

    @classmethod
    def most_features(cls, **parameters: Any) -> int | None:
        return MOST_PLAYERS

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        background: Any = None,
        return_input_shape: bool = True,
    ) -> Any:
        """Return, for each element, the Shapley value of its feature.

        Parameters
        ----------
        inputs, baselines, target, additional_forward_args, feature_mask, perturbations_per_eval
            As `ascribe.coalition_attribution.CoalitionAttribution.attribute` takes them.
        show_progress, background, return_input_shape
            The same.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score. From a model that
            returns one number for the whole batch, with a batch of one.

        Raises
        ------
        InputError
            If there are more than 20 features: that would take over a million evaluations.
        """
        with self.bind(inputs, target, additional_forward_args) as forward:
            evaluation = (perturbations_per_eval, show_progress, "ShapleyValues")
            game = Game(forward, feature_mask, baselines, background, *evaluation)
            values = exact_values(game, shapley_weight)
            return packed_values(game, values, return_input_shape)


@hookimpl
def ascribe_attributions() -> list[type[ShapleyValues]]:
    return [ShapleyValues]
