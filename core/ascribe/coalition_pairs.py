"""Pairs of coalitions, each of some players and of all others, to regress their values on.

Sizes are taken by the weights of the Shapley kernel (Lundberg and Lee, NeurIPS 2017,
https://arxiv.org/abs/1705.07874); complements in pairs make what is symmetric in a game drop out
(Covert and Lee, "Improving KernelSHAP: Practical Shapley Value Estimation via Linear Regression",
AISTATS 2021, https://arxiv.org/abs/2012.01536).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ascribe.coalition_tables import numbered

#: Up to how many pairs of one size are listed to draw from; of more, repeats are drawn again.
LISTED = 20_000

#: The logarithm of a number of pairs that is not told from infinity.
MANY = 40.0

#: How many pairs are drawn at least beside the smallest size.
LEAST_DRAWN = 2


@dataclass(frozen=True)
class Pairs:
    """Pairs of complementary coalitions, that of all and nobody left out.

    Attributes
    ----------
    members
        One coalition of each pair: boolean, ``(pairs, players)``.
    weights
        Of each pair, in sum 1: ``(pairs,)``, in float64.
    chance
        By what share of the variance of independent draws each pair was left to chance: 0 for a
        pair that was sure to be taken, ``1 - c / N`` where c of N were drawn: ``(pairs,)``.
    correlation
        The mean over the whole distribution of ``x_i x_j`` for two players, where x is 1 for a
        member and -1 for another.
    """

    members: Tensor
    weights: Tensor
    chance: Tensor
    correlation: float

    def __len__(self) -> int:
        return len(self.members)


def kernel_pairs(players: int, most: int, generator: torch.Generator) -> Pairs:
    """Return pairs by the Shapley kernel: all of the smallest sizes, and others drawn.

    A size is taken whole where it would be drawn so often, and the smallest, which by itself
    determines the values, where there is room for it; what is left is spread over the other sizes
    by their weights, and drawn within each without repetition.

    Parameters
    ----------
    players
        At least 2.
    most
        How many pairs at most.
    generator
        Of the draws.
    """
    sizes = range(1, players // 2 + 1)
    kernel = [1 / (size * (players - size)) for size in sizes]
    mass = [k if 2 * size == players else 2 * k for k, size in zip(kernel, sizes, strict=True)]
    share = [m / sum(mass) for m in mass]
    counts = [_count(players, size) for size in sizes]
    correlation = sum(
        p * ((players - 2 * size) ** 2 - players) / (players * (players - 1))
        for p, size in zip(share, sizes, strict=True)
    )
    whole = _whole(share, counts, most)
    drawn = _spread(share[whole:], most - int(sum(counts[:whole])), generator)
    left = sum(share[whole:]) / max(1, sum(drawn))
    parts = [(_every(players, sizes[i]), share[i] / counts[i], 0.0) for i in range(whole)]
    for size, count, taken in zip(sizes[whole:], counts[whole:], drawn, strict=True):
        if taken:
            parts.append((_some(players, size, taken, generator), left, 1 - taken / count))
    return _joined(parts, correlation)


def uniform_pairs(players: int, most: int, generator: torch.Generator) -> Pairs:
    """Return pairs of which each is as likely: all there are, if they are no more than ``most``.

    That of all players and nobody is among them: where it is drawn, or where all are taken.
    """
    free = players - 1  # the first player is in, or its complement is taken
    if free < 60 and 2**free <= max(most, LISTED):
        numbers = torch.randperm(2**free, generator=generator)[:most]
        others = numbered(numbers, free)
    else:
        others = torch.rand(most, free, generator=generator) < 0.5
    members = torch.cat([torch.ones(len(others), 1, dtype=torch.bool), others], dim=1)
    left = 0.0 if free < 60 and 2**free <= most else 1 - len(members) / 2.0 ** min(free, 1000)
    return _joined([(members, 1 / len(members), left)], 0.0)


def _joined(parts: list[tuple[Tensor, float, float]], correlation: float) -> Pairs:
    members, weights, chance = zip(*parts, strict=True)
    counts = torch.tensor([len(part) for part in members])
    of_each, left = (
        torch.tensor(p, dtype=torch.float64).repeat_interleave(counts) for p in (weights, chance)
    )
    return Pairs(torch.cat(members), of_each, left, correlation)


def _count(players: int, size: int) -> float:
    """Return how many pairs have a coalition of this size, at most half of the players.

    Infinity stands for more than anyone draws.
    """
    half = 2 if 2 * size == players else 1
    digits = math.lgamma(players + 1) - math.lgamma(size + 1) - math.lgamma(players - size + 1)
    return math.inf if digits > MANY else math.comb(players, size) // half


def _whole(share: list[float], counts: list[float], most: int) -> int:
    """Return how many sizes, from the smallest, are taken whole."""
    left, mass = float(most), 1.0
    for taken, (p, count) in enumerate(zip(share, counts, strict=True)):
        last = taken == len(counts) - 1
        expected = left * (1.0 if last else p / mass)
        if expected < count and (taken or last or left < count + LEAST_DRAWN):
            return taken
        left, mass = left - count, mass - p
    return len(counts)


def _spread(share: list[float], draws: int, generator: torch.Generator) -> list[int]:
    """Return how often each size is drawn: its share of the draws, rounded up or down by chance."""
    if not share or draws < 1:
        return [0] * len(share)
    edges = torch.tensor(share, dtype=torch.float64).cumsum(0)
    start = torch.rand((), generator=generator, dtype=torch.float64)
    places = (torch.arange(draws) + start) / draws * edges[-1]
    found = torch.searchsorted(edges, places, right=True).clamp(max=len(share) - 1)
    return torch.bincount(found, minlength=len(share)).tolist()


def _every(players: int, size: int) -> Tensor:
    """Return one coalition of every pair of a size."""
    joined = itertools.chain.from_iterable(_subsets(players, size))
    chosen = torch.from_numpy(np.fromiter(joined, np.int64)).reshape(-1, size)
    return torch.zeros(len(chosen), players, dtype=torch.bool).scatter_(1, chosen, True)


def _subsets(players: int, size: int) -> Iterator[tuple[int, ...]]:
    if 2 * size < players:
        return itertools.combinations(range(players), size)
    # Of two complements of one size the one with the first player stands for both.
    rest = itertools.combinations(range(1, players), size - 1)
    return ((0, *others) for others in rest)


def _some(players: int, size: int, count: int, generator: torch.Generator) -> Tensor:
    """Return one coalition of each of so many pairs of a size, drawn without repetition."""
    if _count(players, size) <= LISTED:
        every = _every(players, size)
        return every[torch.randperm(len(every), generator=generator)[:count]]
    members = torch.zeros(0, players, dtype=torch.bool)
    while len(members) < count:
        keys = torch.rand(count - len(members), players, generator=generator)
        new = torch.zeros(len(keys), players, dtype=torch.bool)
        new.scatter_(1, keys.argsort(1)[:, :size], True)
        if 2 * size == players:
            new = new ^ ~new[:, :1]
        members = torch.cat([members, new]).unique(dim=0)
    return members
