"""A model's score as a game: features are its players, and coalitions of them have values.

Shapley, "A value for n-person games", Contributions to the Theory of Games II, 1953; for models
Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", NeurIPS 2017,
https://arxiv.org/abs/1705.07874
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.errors import InputError
from ascribe.feature_groups import FeatureGroups
from ascribe.forward import Forward
from ascribe.pools import pools


class Coalitions(Protocol):
    """Some coalitions: a boolean tensor ``(coalitions, players)``, or what makes parts of one."""

    def __len__(self) -> int:
        """Return their number."""

    def __getitem__(self, which: slice, /) -> Tensor:
        """Return some of them."""


class Game:
    """The game that the features of a model's inputs play.

    The features in a coalition are as in the input. The others are absent, which is either of two
    things: they take a fixed *baseline*, or they take the rows of a *background* data set in turn,
    and the value is the mean of the scores (the interventional expectation of Janzing, Minorics and
    Bloebaum, AISTATS 2020, https://arxiv.org/abs/1910.13413).

    Parameters
    ----------
    forward
        The model, bound to its inputs.
    feature_mask
        The players: see `ascribe.feature_groups.FeatureGroups`.
    baselines
        What absent features take, in any form that `Inputs.baselines` takes.
    background
        Instead of baselines, rows that they take in turn, as `ascribe.pools.pools` takes them.
    perturbations_per_eval, show_progress, description
        As `Forward.evaluate` takes them.

    Raises
    ------
    InputError
        If a feature mask, baselines or background do not fit, or there are both of these.
    """

    def __init__(
        self,
        forward: Forward,
        feature_mask: Any = None,
        baselines: Any = None,
        background: Any = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        description: str = "",
    ) -> None:
        if background is not None and baselines is not None:
            raise InputError(
                "absent features take either baselines or the rows of a background, not both"
            )
        self.forward = forward
        self.groups = FeatureGroups(forward.inputs, feature_mask)
        self._evaluation = (perturbations_per_eval, show_progress, description)
        self._background = None if background is None else _rows(forward, background)
        self._baselines = forward.baselines(baselines) if background is None else ()
        if forward.scores.shape[1] < forward.inputs.batch:
            self.groups.check_shared(forward.inputs.batch)

    @property
    def players(self) -> int:
        """The number of features."""
        return len(self.groups)

    @property
    def of_all(self) -> Tensor:
        """The value of the coalition of all: ``(targets, batch)``."""
        return self.forward.scores.double()

    def values(self, coalitions: Coalitions) -> Tensor:
        """Return the values of coalitions: ``(targets, coalitions, batch)``, in float64."""
        rows = 1 if self._background is None else len(self._background[0])

        def vary(chunk: Chunk) -> tuple[Tensor, ...]:
            which = torch.arange(chunk.variants.start, chunk.variants.stop)
            first, last = int(which[0]) // rows, int(which[-1]) // rows
            members = coalitions[first : last + 1]
            if rows > 1:
                members = members[which // rows - first]
            return self._inputs(members, self._absent(which % rows, chunk), chunk)

        table = self.forward.evaluate(len(coalitions) * rows, vary, *self._evaluation).double()
        return table if rows == 1 else table.unflatten(1, (len(coalitions), rows)).mean(2)

    def inputs_of(self, members: Tensor, examples: slice) -> tuple[Tensor, ...]:
        """Return the inputs in which coalitions are present and others take their baselines.

        Parameters
        ----------
        members
            Boolean, ``(coalitions, players)``.
        examples
            Of which.

        Returns
        -------
        tuple of Tensor
            For each input ``(coalitions, examples, *features)``.
        """
        chunk = Chunk(slice(0, len(members)), examples)
        absent = [self.forward.part(baseline, chunk) for baseline in self._baselines]
        return self._inputs(members, absent, chunk)

    def _inputs(self, members: Tensor, absent: list[Tensor], chunk: Chunk) -> tuple[Tensor, ...]:
        parts = zip(
            self.groups.of(members, chunk), self.forward.inputs.tensors, absent, strict=True
        )
        return tuple(
            torch.where(mask, self.forward.part(tensor, chunk), base)
            for mask, tensor, base in parts
        )

    def _absent(self, rows: Tensor, chunk: Chunk) -> list[Tensor]:
        if self._background is None:
            return [self.forward.part(baseline, chunk) for baseline in self._baselines]
        return [pool[rows.to(pool.device)] for pool in self._background]


def _rows(forward: Forward, background: Any) -> list[Tensor]:
    """Return the rows of a background, among what is attributed: ``(rows, 1, *features)`` each."""
    made = pools(forward.outer, forward.outer.pack(forward.outer.tensors), background, "background")
    everything = Chunk(slice(0, len(made[0])), slice(0, 1))
    return list(forward.lift([pool[:, None] for pool in made], everything))
