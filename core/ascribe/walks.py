"""Walks from no feature to all, on which features join one by one."""

from __future__ import annotations

import torch
from torch import Tensor

from ascribe.coalitions import Game
from ascribe.standard_errors import error_of_mean


class Walks:
    """The coalitions that are met on walks: first that of nobody, then those of each walk in turn.

    The coalition of all, at the end of each walk, is not among them.

    Parameters
    ----------
    orders
        ``(walks, players)``: the players in the order in which they join.
    """

    def __init__(self, orders: Tensor) -> None:
        self._orders, self._ranks = orders, orders.argsort(1)
        self._steps = max(0, orders.shape[1] - 1)

    def __len__(self) -> int:
        return 1 + len(self._orders) * self._steps

    def __getitem__(self, which: slice) -> Tensor:
        numbers = torch.arange(which.start, min(which.stop, len(self))) - 1
        steps = max(1, self._steps)
        walks, joined = numbers.div(steps, rounding_mode="floor"), numbers % steps + 1
        joined = joined.masked_fill(numbers < 0, 0)
        return self._ranks[walks.clamp(min=0)] < joined[:, None]

    def marginals(self, values: Tensor, of_all: Tensor) -> Tensor:
        """Return what each player added when it joined.

        Parameters
        ----------
        values
            Of these coalitions, ``(targets, coalitions, batch)``.
        of_all
            Of that of all, ``(targets, batch)``.

        Returns
        -------
        Tensor
            ``(targets, walks, players, batch)``.
        """
        walks, players = self._orders.shape
        between = values[:, 1:].unflatten(1, (walks, self._steps))
        shape = (len(values), walks, 1, values.shape[2])
        start, end = values[:, :1, None].expand(shape), of_all[:, None, None].expand(shape)
        added = torch.cat([start, between, end], dim=2).diff(dim=2)
        ranks = self._ranks.to(values.device)[None, :, :, None]
        return added.gather(2, ranks.expand(len(values), walks, players, values.shape[2]))


def walked(game: Game, orders: Tensor) -> Tensor:
    """Return what each player added on walks: ``(targets, walks, players, batch)``."""
    walks = Walks(orders)
    return walks.marginals(game.values(walks), game.of_all)


def there_and_back(game: Game, orders: Tensor) -> Tensor:
    """Return what each player added in the mean over an order and its reverse: as `walked`."""
    both = walked(game, torch.cat([orders, orders.flip(1)]))
    return both.unflatten(1, (2, len(orders))).mean(1)


def random_orders(generator: torch.Generator, walks: int, players: int) -> Tensor:
    """Return orders drawn at random: ``(walks, players)``."""
    return torch.stack([torch.randperm(players, generator=generator) for _ in range(walks)])


def mean_and_error(units: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over independent units, axis 1, and its standard error."""
    mean = units.mean(1)
    return mean, error_of_mean((units - mean[:, None]).square().sum(1), units.shape[1])
