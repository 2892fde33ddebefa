"""Exact values of players, from the values of all their coalitions.

Each of the ``2 ** n`` coalitions is evaluated once; a sum over the orders in which players join
would take ``n * n!`` evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ascribe.coalitions import Game
from ascribe.errors import InputError

#: Up to how many players all coalitions are evaluated: about a million then.
MOST_PLAYERS = 20


class AllCoalitions:
    """All coalitions but that of all players: player ``i`` is in those whose number has bit ``i``.

    Parameters
    ----------
    players
        How many there are.
    """

    def __init__(self, players: int) -> None:
        self._players = players

    def __len__(self) -> int:
        return int(2**self._players - 1)

    def __getitem__(self, which: slice) -> Tensor:
        numbers = torch.arange(which.start, min(which.stop, len(self)))
        return numbered(numbers, self._players)


def numbered(numbers: Tensor, players: int) -> Tensor:
    """Return coalitions by their numbers, ``(coalitions, players)``: see `AllCoalitions`."""
    return (numbers[:, None] >> torch.arange(players) & 1).bool()


def exact_values(game: Game, weight: Callable[[int, int], float]) -> Tensor:
    """Return what players add to coalitions, in a weighted sum over all coalitions of the others.

    Parameters
    ----------
    game
        Of at most `MOST_PLAYERS` players.
    weight
        Of coalitions of ``(players, size)``: `shapley_weight` or `banzhaf_weight`.

    Returns
    -------
    Tensor
        ``(targets, players, batch)``.

    Raises
    ------
    InputError
        If there are more players.
    """
    players = game.players
    if players > MOST_PLAYERS:
        raise InputError(
            f"exact values of {players} features take 2 ** {players} evaluations; at most "
            f"{MOST_PLAYERS} features are taken: group them with feature_mask, or sample with "
            f"ShapleyValueSampling, PermutationShap, KernelShap, or Banzhaf(...) with n_samples"
        )
    table = torch.cat([game.values(AllCoalitions(players)), game.of_all[:, None]], dim=1)
    return weighted_marginals(table, weight)


def fit_in(players: int, evaluations: int) -> bool:
    """Whether exact values take no more than so many evaluations."""
    return players <= MOST_PLAYERS and 2**players - 1 <= evaluations


def weighted_marginals(table: Tensor, weight: Callable[[int, int], float]) -> Tensor:
    """Return what players add to coalitions, of the values of all: see `exact_values`.

    Parameters
    ----------
    table
        ``(targets, 2 ** players, batch)``, numbered as `AllCoalitions` are.
    weight
        As there.
    """
    players = table.shape[1].bit_length() - 1
    if not players:
        return table[:, :0]
    others = torch.arange(2 ** (players - 1))
    sizes = sum((others >> bit & 1 for bit in range(players - 1)), torch.zeros_like(others))
    by_size = torch.tensor([weight(players, size) for size in range(players)], dtype=table.dtype)
    weights = by_size[sizes].to(table.device)
    found = []
    for player in range(players):
        apart = table.unflatten(1, (-1, 2, 2**player))
        added = (apart[:, :, 1] - apart[:, :, 0]).flatten(1, 2)
        found.append(torch.einsum("tcb,c->tb", added, weights))
    return torch.stack(found, dim=1)


def shapley_weight(players: int, size: int) -> float:
    """Return the share of the orders in which exactly a coalition of a size is there before one."""
    return 1 / (players * math.comb(players - 1, size))


def banzhaf_weight(players: int, size: int) -> float:
    """Return the share of one coalition among all those of the others."""
    return float(0.5 ** (players - 1))
