"""Hierarchies of features: groups of groups, as nested lists of the numbers of a feature mask.

``[[0, 1], [2, [3, 4]]]`` joins 0 and 1, joins 3 and 4 and then 2 to them, and at last both halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ascribe.errors import InputError
from ascribe.feature_groups import FeatureGroups

#: A feature, or a list of these.
Node = Any


def checked(hierarchy: Any, groups: FeatureGroups) -> Node:
    """Return a hierarchy with features counted from 0; see `ascribe.feature_groups.FeatureGroups`.

    Raises
    ------
    InputError
        If it does not hold each number of the feature mask once.
    """
    position = {number: index for index, number in enumerate(groups.numbers)}
    found: list[int] = []

    def read(node: Any) -> Node:
        if isinstance(node, Sequence) and not isinstance(node, str) and len(node):
            return [read(child) for child in node]
        if isinstance(node, bool) or not isinstance(node, int) or node not in position:
            raise InputError(
                f"hierarchy must be nested lists of the numbers in feature_mask, but holds {node!r}"
            )
        found.append(node)
        return position[node]

    made = read(hierarchy)
    if sorted(found) != groups.numbers:
        missing = sorted(set(groups.numbers) - set(found))
        raise InputError(
            "hierarchy must hold each number of feature_mask once, but "
            + (f"lacks {missing[:5]}" if missing else "holds some more than once")
        )
    return made


def halves(groups: FeatureGroups) -> Node:
    """Return a hierarchy of neighbours: each node is cut in half along its longest side.

    Inputs are set apart first.

    Raises
    ------
    InputError
        If examples have groups of their own, which lie elsewhere in each.
    """
    if not groups.shared:
        raise InputError(
            "features of each example's own lie elsewhere in each and have no hierarchy in common: "
            "give one as hierarchy, or explain one example at a time"
        )
    seen: set[int] = set()
    parts = []
    for indices in groups.indices:
        centres = _centres(indices, len(groups))
        own = {feature: centre for feature, centre in centres.items() if feature not in seen}
        seen.update(own)
        if own:
            parts.append(_halved(list(own.items())))
    return parts[0] if len(parts) == 1 else parts


def _centres(indices: Tensor, count: int) -> dict[int, list[float]]:
    """Return the mean place of each group that an input has."""
    # A lone number for each example lies at a place, too.
    sides = [torch.arange(side, dtype=torch.float64) for side in indices.shape[1:] or (1,)]
    grid = torch.stack(torch.meshgrid(*sides, indexing="ij"), -1).flatten(0, -2)
    flat = indices.flatten().cpu()
    sizes = torch.bincount(flat, minlength=count)
    total = torch.zeros(count, grid.shape[-1], dtype=torch.float64)
    total.index_add_(0, flat, grid)
    centres = (total / sizes[:, None].clamp(min=1)).tolist()
    return {feature: centres[feature] for feature in torch.nonzero(sizes).flatten().tolist()}


def _halved(places: list[tuple[int, list[float]]]) -> Node:
    if len(places) == 1:
        return places[0][0]
    spans = [max(side) - min(side) for side in zip(*(centre for _, centre in places), strict=True)]
    longest = spans.index(max(spans))
    ordered = sorted(places, key=lambda place: place[1][longest])
    middle = (len(ordered) + 1) // 2
    return [_halved(ordered[:middle]), _halved(ordered[middle:])]


def leaves(node: Node) -> list[int]:
    """Return the features below a node."""
    return [node] if isinstance(node, int) else [leaf for child in node for leaf in leaves(child)]


def random_order(node: Node, generator: torch.Generator) -> list[int]:
    """Return the features in a random order in which those of each node come in one run."""
    if isinstance(node, int):
        return [node]
    turns = torch.randperm(len(node), generator=generator).tolist()
    return [leaf for turn in turns for leaf in random_order(node[turn], generator)]
