"""Owen values: Shapley values of features in a hierarchy, which join group by group.

Owen, "Values of games with a priori unions", in: Mathematical Economics and Game Theory, 1977; for
hierarchies of any depth Winter, "A value for cooperative games with levels structure of
cooperation", International Journal of Game Theory 18, 1989, https://doi.org/10.1007/BF01268161

The features of a group join in one run, the groups in a group of groups too, and so on: of all
orders only those count. With a binary hierarchy of n features exact values take about ``n ** 2``
evaluations instead of ``2 ** n``.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ascribe import InputError, hookimpl
from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_tables import shapley_weight
from ascribe.coalitions import Game
from ascribe.hierarchies import Node, checked, halves, leaves, random_order
from ascribe.walks import mean_and_error, there_and_back

#: At most how many coalitions exact values are made of.
MOST_COALITIONS = 2**20


class Owen(CoalitionAttribution):
    """What each feature adds to the score, over the orders that keep the groups of a hierarchy.

    ``n_samples`` is the number of orders that are drawn, each of which is walked there and back;
    None takes all and gives exact values, as do samples that would cost as much.
    """

    exact_without_samples = True

    @classmethod
    def claims(cls, **parameters: Any) -> dict[str, float]:
        claims = ["completeness", "linearity", "implementation_invariance", "affine_invariance"]
        claims += ["demand_monotonicity", "null_at_the_baseline", "randomisation_sensitivity"]
        claims.append("groups_on_linear")
        if parameters.get("feature_mask") is None:
            claims += ["dummy", "linear_difference"]
        return dict.fromkeys(claims, 0.0)

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
        hierarchy: Any = None,
    ) -> Any:
        """Return, for each element, the Owen value of its feature.

        Parameters
        ----------
        inputs, baselines, target, additional_forward_args, feature_mask, n_samples
            As `CoalitionAttribution.attribute` takes them.
        perturbations_per_eval, show_progress, background, seed, return_input_shape
            The same.
        return_standard_errors
            The same.
        hierarchy
            Nested lists of the numbers in the feature mask, each once, such as
            ``[[0, 1], [2, [3, 4]]]``. By default features are cut in halves by where they lie,
            again and again; several inputs are set apart first.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            As `CoalitionAttribution.attribute` returns them.

        Raises
        ------
        InputError
            If the hierarchy does not hold each feature once, or exact values take too long.
        """
        players = (feature_mask, baselines, background)
        evaluation = (perturbations_per_eval, show_progress)
        form = (return_input_shape, return_standard_errors)
        with self.bind(inputs, target, additional_forward_args) as forward:
            game = Game(forward, *players, *evaluation, "Owen")
            root = halves(game.groups) if hierarchy is None else checked(hierarchy, game.groups)
            return self.valued(game, partial(_estimate, root), n_samples, seed, *form)

    def estimate(
        self, game: Game, n_samples: Any, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return values over the orders of the default hierarchy."""
        return _estimate(halves(game.groups), game, n_samples, generator)


def _estimate(
    root: Node, game: Game, n_samples: int | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return values over the orders of a hierarchy, all or drawn, and their standard errors."""
    if n_samples is None or _count(root) <= n_samples * (game.players - 1):
        values = _exact(game, root)
        return values, torch.zeros_like(values)
    orders = torch.tensor([random_order(root, generator) for _ in range(n_samples)])
    return mean_and_error(there_and_back(game, orders))


def _exact(game: Game, root: Node) -> Tensor:
    """Return the weighted sum of what each feature adds to what may be there before it."""
    steps = _count(root)
    if steps > MOST_COALITIONS:
        raise InputError(
            f"exact Owen values of {game.players} features in this hierarchy take up to "
            f"{2 * steps} evaluations, more than {2 * MOST_COALITIONS}: group features with "
            f"feature_mask, or draw orders with n_samples"
        )
    nobody = torch.zeros(1, game.players, dtype=torch.bool)
    features, before, weights = _before(root, nobody, torch.ones(1, dtype=torch.float64))
    after = before.clone()
    after[torch.arange(len(features)), features] = True
    met, which = torch.cat([before, after]).unique(dim=0, return_inverse=True)
    values = game.values(met)
    start, end = values[:, which].chunk(2, dim=1)
    added = (end - start) * weights.to(values)[:, None]
    total = values.new_zeros(len(values), game.players, values.shape[2])
    return total.index_add_(1, features.to(values.device), added)


def _count(node: Node, contexts: int = 1) -> int:
    """Return for how many features and coalitions before them there is something to add."""
    if isinstance(node, int):
        return contexts
    return sum(_count(child, contexts * 2 ** (len(node) - 1)) for child in node)


def _before(node: Node, present: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return each feature below a node with the coalitions that may be there before it.

    Parameters
    ----------
    node
        Of the hierarchy.
    present
        What may be there before the node: boolean, ``(coalitions, players)``.
    weights
        How likely each of these is.

    Returns
    -------
    Tensor, Tensor, Tensor
        Features ``(steps,)``, coalitions ``(steps, players)`` and how likely these are.
    """
    if isinstance(node, int):
        return torch.full((len(present),), node), present, weights
    masks = []
    for child in node:
        mask = torch.zeros(present.shape[1], dtype=torch.bool)
        mask[leaves(child)] = True
        masks.append(mask)
    found = []
    for index, child in enumerate(node):
        others = masks[:index] + masks[index + 1 :]
        for chosen in itertools.product((False, True), repeat=len(others)):
            joined = [mask for mask, there in zip(others, chosen, strict=True) if there]
            there = torch.stack(joined).any(0) if joined else torch.zeros_like(masks[0])
            weight = shapley_weight(len(node), len(joined))
            found.append(_before(child, present | there, weights * weight))
    features, coalitions, likely = map(torch.cat, zip(*found, strict=True))
    return features, coalitions, likely


@hookimpl
def ascribe_attributions() -> list[type[Owen]]:
    return [Owen]
