"""Scores of the inputs as more and more places are replaced, in the order of an attribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ascribe.batching import Chunk
from ascribe.draws import generator_of
from ascribe.errors import InputError
from ascribe.forward import Forward
from ascribe.metrics.places import Layout, Places


@dataclass(frozen=True)
class Curve:
    """Scores along the way.

    Attributes
    ----------
    fractions
        Of all places that were removed, or inserted: ``(levels,)``.
    scores
        ``(batch, levels)``, or ``(targets, batch, levels)`` for `ascribe.Targets`.
    """

    fractions: Tensor
    scores: Tensor

    @property
    def area(self) -> Tensor:
        """The mean height, by the trapezoid rule: ``(batch,)`` or ``(targets, batch)``.

        In units of the score.
        """
        x = self.fractions.to(self.scores)
        return torch.trapezoid(self.scores, x, dim=-1) / (x[-1] - x[0])


#: What the inputs become where places are replaced: from each input's mask, ``(variants, examples,
#: *features)`` once broadcast, True where replaced; the variants' levels; and the chunk.
Replace = Callable[[Sequence[Tensor], Tensor, Chunk], tuple[Tensor, ...]]


class Removal:
    """The order in which places are removed.

    Parameters
    ----------
    forward
        The model.
    attributions
        Of its inputs, in their form: see `read_attributions`.
    sign, channels
        See `Places.of`.
    least_first
        Remove the least relevant first.
    seed
        Of the order of places that are equally relevant, which chance decides.
    """

    def __init__(
        self,
        forward: Forward,
        attributions: Any,
        sign: str = "all",
        channels: bool | None = None,
        least_first: bool = False,
        seed: int = 0,
    ) -> None:
        self._forward = forward
        self._places = read_attributions(forward, attributions, sign, channels)
        values = self._places.values
        self._ranks = _ranks(-values if least_first else values, seed)

    @property
    def count(self) -> int:
        """How many places there are."""
        return int(self._ranks.shape[-1])

    def curve(
        self,
        counts: Tensor,
        replace: Replace,
        kept: bool = False,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        description: str = "",
    ) -> Curve:
        """Return the scores when the first places are replaced, so many at each level.

        Parameters
        ----------
        counts
            How many places: ``(levels,)``.
        replace
            What they are replaced by.
        kept
            Replace all but the first places instead.
        perturbations_per_eval, show_progress, description
            As `Forward.evaluate` takes them.

        Raises
        ------
        InputError
            If the model gives one score for the whole batch.
        """
        forward, levels = self._forward, len(counts)
        if forward.scores.shape[1] != forward.inputs.batch:
            raise InputError("a curve needs a model with a score for each example of a batch")
        counts = counts.to(self._ranks.device)

        def vary(chunk: Chunk) -> tuple[Tensor, ...]:
            variants = torch.arange(chunk.variants.start, chunk.variants.stop, device=counts.device)
            target, level = variants // levels, variants % levels
            ranks = self._ranks[target][:, chunk.examples]
            first = ranks < counts[level][:, None, None]
            masks = tuple(self._places.split(~first if kept else first))
            return replace(masks, level, chunk)

        # Each target has an order of its own: of the scores that are found on the way, only its own
        # are of use.
        found = forward.evaluate(
            forward.targets * levels, vary, perturbations_per_eval, show_progress, description
        )
        own = torch.arange(forward.targets)
        scores = found.unflatten(1, (forward.targets, levels))[own, own]
        fractions = counts.cpu().double() / self.count
        return Curve(fractions, forward.pack_scores(scores.movedim(1, -1)))


def read_attributions(
    forward: Forward, attributions: Any, sign: str = "all", channels: bool | None = None
) -> Places:
    """Return attributions of a model's inputs, one number for each place.

    Parameters
    ----------
    forward
        The model.
    attributions
        In the form of the inputs, each ``(batch, *features)`` or with one channel for all, with a
        leading axis of targets for `ascribe.Targets`.
    sign, channels
        See `Places.of`.

    Raises
    ------
    InputError
        If they do not fit the inputs, or are not finite.
    """
    places = Places.of(
        forward.inputs.pack(forward.inputs.per_input(attributions, "attributions")),
        sign,
        channels,
        forward.several,
    )
    lead = (forward.targets, forward.inputs.batch)
    for found, tensor, given in zip(
        places.layouts, forward.inputs.tensors, places.form.tensors, strict=True
    ):
        wanted = Layout.of(tensor.shape[1:], channels)
        fits = found.sides == wanted.sides and found.channels in (wanted.channels, 1)
        if not fits or tuple(places.values.shape[:2]) != lead:
            shape = (*(lead if forward.several else lead[1:]), *tensor.shape[1:])
            raise InputError(
                f"attributions must have the shape {shape} of the inputs, but have "
                f"{tuple(given.shape)}; bring those of a layer to the inputs' size with "
                f"torch.nn.functional.interpolate"
            )
    return places


def levels(count: int, steps: Any) -> Tensor:
    """Return how many of so many places are removed at each of some steps: ``(levels,)``.

    From 0 to all of them; there are as many steps as places where more are asked for.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InputError(f"steps must be a whole number of at least 1, but is {steps!r}")
    return torch.linspace(0, count, min(steps, count) + 1, dtype=torch.float64).round().long()


def _ranks(values: Tensor, seed: int) -> Tensor:
    """Return each place's number in the order from the greatest value: ``(..., places)``."""
    count = values.shape[-1]
    shuffled = torch.randperm(count, generator=generator_of(seed)).to(values.device)
    order = shuffled[values[..., shuffled].argsort(dim=-1, descending=True, stable=True)]
    numbers = torch.arange(count, device=values.device).expand_as(order)
    return torch.empty_like(order).scatter_(-1, order, numbers)
