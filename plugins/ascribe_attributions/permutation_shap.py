"""Permutation SHAP: what a feature adds, over random orders that are walked there and back.

Mitchell, Cooper, Frank and Holmes, "Sampling Permutations for Shapley Value Estimation", JMLR 23,
2022, https://jmlr.org/papers/v23/21-0439.html (antithetic sampling)

An order and its reverse together are exact for games in which features interact in pairs at most.
Where all coalitions are no more evaluations than the orders would be, values are exact.
"""

from __future__ import annotations

from torch import Tensor

from ascribe import hookimpl
from ascribe.coalitions import Game
from ascribe.order_attribution import OrderAttribution
from ascribe.walks import there_and_back


class PermutationShap(OrderAttribution):
    """What each feature adds to the score, in the mean over random orders and their reverses.

    ``n_samples`` is the number of orders; each takes two evaluations for every feature but one.
    """

    passes = 2

    def walk(self, game: Game, orders: Tensor) -> Tensor:
        return there_and_back(game, orders)


@hookimpl
def ascribe_attributions() -> list[type[PermutationShap]]:
    return [PermutationShap]
