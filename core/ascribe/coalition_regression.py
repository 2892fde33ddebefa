"""Values of players by weighted least squares on the values of pairs of coalitions.

With x the members of a coalition as 1 and the others as -1, and d the value of the coalition less
that of its complement, the values minimise ``sum w (d - x phi) ** 2``: the Shapley values, by the
weights of their kernel and where they sum to the value of all less that of nobody (Charnes, Golany,
Keane and Rousseau 1988; Lundberg and Lee, NeurIPS 2017, https://arxiv.org/abs/1705.07874); the
Banzhaf values, by equal weights and without that constraint (Hammer and Holzman 1992).

Where pairs are too few to determine the values, the matrix of the normal equations is replaced by
its known expectation: values are then unbiased, and less precise (Covert and Lee, AISTATS 2021,
https://arxiv.org/abs/2012.01536).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ascribe.coalition_pairs import Pairs
from ascribe.coalitions import Game
from ascribe.standard_errors import error_of_sum

#: Below which share of the largest eigenvalue the normal equations do not determine the values.
SINGULAR = 1e-9

#: How much of a pair's value may be left to itself: its residual tells nothing below.
SATURATED = 1e-6


def values_by_pairs(game: Game, pairs: Pairs, constrained: bool) -> tuple[Tensor, Tensor, bool]:
    """Return the values of a game's players, their errors, and whether pairs determine them.

    Parameters
    ----------
    game
        Is evaluated on both coalitions of each pair, and on that of nobody.
    pairs, constrained
        As `regressed` takes them.
    """
    none = torch.zeros(1, game.players, dtype=torch.bool)
    table = game.values(torch.cat([none, pairs.members, ~pairs.members]))
    inside, outside = table[:, 1:].chunk(2, dim=1)
    return regressed(pairs, inside - outside, game.of_all - table[:, 0], constrained)


def regressed(
    pairs: Pairs, differences: Tensor, total: Tensor, constrained: bool
) -> tuple[Tensor, Tensor, bool]:
    """Return the values of players, and their standard errors.

    Parameters
    ----------
    pairs
        Of coalitions.
    differences
        The value of each coalition less that of its complement, ``(targets, pairs, batch)``.
    total
        The value of all less that of nobody, ``(targets, batch)``.
    constrained
        Whether the values sum to that.

    Returns
    -------
    Tensor, Tensor
        ``(targets, players, batch)`` each. Errors are 0 where nothing was left to chance, and
        infinite where the draws do not tell.
    bool
        Whether the pairs determine the values.
    """
    targets, _, batch = differences.shape
    x = (2.0 * pairs.members - 1).double().to(differences.device)
    d = differences.double().movedim(1, 0).flatten(1)
    sums = total.double().flatten()
    fit = _Fit(pairs, x, d, sums, constrained)
    found = (values.unflatten(1, (targets, batch)).movedim(0, 1) for values in fit.solved())
    values, errors = found
    return values, errors, fit.determined


class _Fit:
    """The normal equations.

    With x ``(pairs, players)``, d ``(pairs, columns)`` and sums ``(columns,)``.
    """

    def __init__(self, pairs: Pairs, x: Tensor, d: Tensor, sums: Tensor, constrained: bool) -> None:
        self._pairs, self._x, self._constrained = pairs, x, constrained
        self._w, self._chance = pairs.weights.to(d)[:, None], pairs.chance.to(d)[:, None]
        # Regression is of what an equal share for each player leaves.
        self._share = sums / x.shape[1]
        self._d = d - x.sum(1, keepdim=True) * self._share
        self._inverse = self._inverted()
        self.determined = self._inverse is not None

    def solved(self) -> tuple[Tensor, Tensor]:
        """Return the values and their standard errors, ``(players, columns)`` each."""
        x, w, d = self._x, self._w, self._d
        inverse = self._inverse
        if inverse is None:
            scale = 1 / (1 - self._pairs.correlation)
            values = self._balanced(x.T @ (w * d)) * scale
            return values + self._share, self._errors(x, w * d) * scale
        values = inverse @ (x.T @ (w * d))
        across = x @ inverse
        left = 1 - w * (across * x).sum(1, keepdim=True)
        errors = self._errors(across, w * (d - x @ values) / left.clamp(min=SATURATED))
        if bool((left[self._chance > 0] < SATURATED).any()):  # they fit whatever was drawn
            errors.fill_(float("inf"))
        return values + self._share, errors

    def _inverted(self) -> Tensor | None:
        """Return the inverse of the normal equations, under the constraint; None if singular."""
        x, players = self._x, self._x.shape[1]
        if len(x) < players - self._constrained:
            return None
        matrix = x.T @ (self._w * x)
        if self._constrained:
            matrix += 1  # along the constraint, where it changes nothing
        eigenvalues, vectors = torch.linalg.eigh(matrix)
        if eigenvalues[0] < SINGULAR * eigenvalues[-1]:
            return None
        inverse = vectors / eigenvalues @ vectors.T
        if self._constrained:
            along = inverse.sum(1, keepdim=True)
            inverse -= along @ along.T / along.sum()
        return inverse

    def _balanced(self, values: Tensor) -> Tensor:
        return values - values.mean(0) if self._constrained else values

    def _errors(self, rows: Tensor, parts: Tensor) -> Tensor:
        """Return the deviation of a sum of ``rows * parts``, ``(pairs, players or columns)``.

        Pairs that were left to chance vary about their mean.
        """
        drawn = self._pairs.chance.to(parts) > 0
        count = int(drawn.sum())
        if not count:
            return parts.new_zeros(rows.shape[1], parts.shape[1])
        rows, parts, chance = rows[drawn], parts[drawn], self._chance[drawn]
        mean = rows.T @ parts / count
        squares = rows.square().T @ (chance * parts.square())
        squares -= 2 * mean * (rows.T @ (chance * parts)) - mean.square() * chance.sum()
        return error_of_sum(squares, count)
