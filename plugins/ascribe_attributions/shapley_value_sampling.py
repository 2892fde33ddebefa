"""Shapley value sampling: what a feature adds, in the mean over random orders of joining.

Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value based on sampling", Computers
and Operations Research 36, 2009, https://doi.org/10.1016/j.cor.2008.04.004; Štrumbelj and
Kononenko, JMLR 11, 2010, https://jmlr.org/papers/v11/strumbelj10a.html

Where all coalitions are no more evaluations than the orders would be, values are exact.
"""

from __future__ import annotations

from torch import Tensor

from ascribe import hookimpl
from ascribe.coalitions import Game
from ascribe.order_attribution import OrderAttribution
from ascribe.walks import walked


class ShapleyValueSampling(OrderAttribution):
    """What each feature adds to the score, in the mean over random orders.

    ``n_samples`` is the number of orders; each takes an evaluation for every feature but one.
    """

    def walk(self, game: Game, orders: Tensor) -> Tensor:
        return walked(game, orders)


@hookimpl
def ascribe_attributions() -> list[type[ShapleyValueSampling]]:
    return [ShapleyValueSampling]
