"""Owen values: Shapley values of features in a hierarchy, which join group by group.

Owen, "Values of games with a priori unions", in: Mathematical Economics and Game Theory, 1977; for
hierarchies of any depth Winter, "A value for cooperative games with levels structure of
cooperation", International Journal of Game Theory 18, 1989, https://doi.org/10.1007/BF01268161

The features of a group join in one run, the groups in a group of groups too, and so on: of all
orders only those count. With a binary hierarchy of n features exact values take about ``n ** 2``
evaluations instead of ``2 ** n``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from ascribe import InputError, hookimpl
from ascribe.coalition_attribution import CoalitionAttribution
from ascribe.coalition_tables import numbered, shapley_weight
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
            If the hierarchy does not hold each feature once, examples have features of their own
            and no hierarchy is given, or exact values take too long.
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
    steps, players = _count(root), game.players
    drawn = None if n_samples is None else 1 + 2 * n_samples * (players - 1)
    if drawn is None and steps > MOST_COALITIONS:
        raise InputError(
            f"exact Owen values of {players} features in this hierarchy take up to {2 * steps} "
            f"evaluations, more than {2 * MOST_COALITIONS}: group features with feature_mask, or "
            f"draw orders with n_samples"
        )
    if drawn is None or steps <= min(MOST_COALITIONS, players * drawn):
        orders = _AllOrders(root, players)
        if drawn is None or len(orders.met) - 1 <= drawn:  # that of all is known
            values = orders.values(game)
            return values, torch.zeros_like(values)
    some = torch.tensor([random_order(root, generator) for _ in range(n_samples or 0)])
    return mean_and_error(there_and_back(game, some))


class _AllOrders:
    """What each feature adds to what may be there before it, and how likely that is.

    Attributes
    ----------
    met
        The coalitions that occur, boolean ``(coalitions, players)``; that of all comes last.
    """

    def __init__(self, root: Node, players: int) -> None:
        nobody = torch.zeros(1, players, dtype=torch.bool)
        likely = torch.ones(1, dtype=torch.float64)
        self._features, before, self._weights = _before(root, nobody, likely)
        after = before.clone()
        after[torch.arange(len(before)), self._features] = True
        self.met, self._which = torch.cat([before, after]).unique(dim=0, return_inverse=True)

    def values(self, game: Game) -> Tensor:
        """Return the weighted sums: ``(targets, players, batch)``."""
        table = torch.cat([game.values(self.met[:-1]), game.of_all[:, None]], dim=1)
        start, end = table[:, self._which.to(table.device)].chunk(2, dim=1)
        added = (end - start) * self._weights.to(table)[:, None]
        total = table.new_zeros(len(table), game.players, table.shape[2])
        return total.index_add_(1, self._features.to(table.device), added)


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
    children = torch.zeros(len(node), present.shape[1])
    for index, child in enumerate(node):
        children[index, leaves(child)] = 1
    chosen = numbered(torch.arange(2 ** (len(node) - 1)), len(node) - 1)
    by_size = [shapley_weight(len(node), size) for size in range(len(node))]
    likely = torch.tensor(by_size, dtype=torch.float64)[chosen.sum(1)]
    found = []
    for index, child in enumerate(node):
        others = torch.cat([children[:index], children[index + 1 :]])
        joined = (chosen.float() @ others) > 0
        there = (present[:, None] | joined).flatten(0, 1)
        found.append(_before(child, there, (weights[:, None] * likely).flatten()))
    features, coalitions, likelihoods = map(torch.cat, zip(*found, strict=True))
    return features, coalitions, likelihoods


@hookimpl
def ascribe_attributions() -> list[type[Owen]]:
    return [Owen]
